"""One after the other for one user, side by side for two; and nobody waits for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobs.turns import Turns


def test_one_users_turns_come_one_by_one() -> None:
    turns, inside, most = Turns(), 0, 0
    lock = threading.Lock()

    def act(_: int) -> None:
        nonlocal inside, most
        with turns.of("u1"):
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(200)))
    assert (most, turns.ahead("u1")) == (1, 0)
    assert turns._queues == {}, "nothing is kept of who has gone"


def test_another_user_does_not_wait() -> None:
    turns = Turns()
    with turns.of("u1"), turns.of("u2"), turns.of(""), turns.of(""):
        assert (turns.ahead("u1"), turns.ahead("u2"), turns.ahead("")) == (1, 1, 0)


def test_whoever_has_waited_long_enough_goes_on_and_leaves_the_turn_to_its_owner() -> None:
    turns = Turns(longest_wait=0.01)
    with turns.of("u1"):
        with turns.of("u1"):
            assert turns.ahead("u1") == 2
        with turns.of("u1"):
            assert turns.ahead("u1") == 2
    with turns.of("u1"):
        assert turns.ahead("u1") == 1


def test_a_failure_ends_the_turn() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="broken"), turns.of("u1"):
        raise ValueError("broken")
    assert turns.ahead("u1") == 0
