"""Waiting in a request: until it is over, or the time is, or there is no place to wait in. On a clock of the test's."""

from __future__ import annotations

import pytest

from backend.watching import LONGEST_SECONDS, Watcher


class Time:
    def __init__(self) -> None:
        self.now = 100.0
        self.looks = 0

    def watcher(self, places: int = 1) -> Watcher:
        return Watcher(places, monotonic=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def look(self) -> int:
        """Whole seconds since the beginning, ten at most: then it is over."""
        self.looks += 1
        return min(10, int(self.now - 100))


def is_over(seen: int) -> bool:
    return seen == 10


def test_it_is_waited_for_and_looked_at_less_and_less_often() -> None:
    time = Time()
    assert time.watcher().until(time.look, is_over, 30) == 10
    assert time.now <= 112.0, "the longest pause is two seconds"
    assert time.looks <= 12


def test_the_time_is_over_first() -> None:
    time = Time()
    assert time.watcher().until(time.look, is_over, 5) == 5
    assert time.now == 105.0


def test_nobody_waits_longer_than_a_proxy_does() -> None:
    time = Time()
    time.watcher().until(time.look, lambda _: False, 10_000)
    assert time.now == 100 + LONGEST_SECONDS


def test_who_does_not_wait_looks_once() -> None:
    time = Time()
    assert time.watcher().until(time.look, is_over, 0) == 0
    assert time.looks == 1


def test_changes_are_told_once_up_to_the_last() -> None:
    time = Time()
    told = time.watcher().changes(time.look, is_over, 50)
    seen = [each for each in told if each is not None]
    assert seen == sorted(set(seen))
    assert (seen[0], seen[-1]) == (0, 10)


def test_a_silence_is_filled() -> None:
    time = Time()
    seen = list(time.watcher().changes(lambda: "same", lambda _: False, 50))
    assert seen == ["same", None, None, None]


def test_without_a_place_the_answer_is_that_of_the_moment() -> None:
    time = Time()
    watcher = time.watcher(places=1)
    waiting = watcher.changes(time.look, is_over, 50)
    assert [next(waiting), next(waiting)] == [0, 1]

    assert watcher.until(time.look, is_over, 30) == 1
    told = watcher.changes(time.look, is_over, 30)
    assert list(told) == [1]
    waiting.close()  # whoever listened has hung up
    assert watcher.until(time.look, is_over, 30) == 10


def test_a_place_is_given_back_when_looking_fails() -> None:
    time = Time()
    watcher = time.watcher(places=1)
    answers = iter([1, 2])
    with pytest.raises(StopIteration):
        watcher.until(lambda: next(answers), lambda _: False, 30)
    assert watcher.until(time.look, is_over, 30) == 10
