"""Holding back what leads to a GPU."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

import pytest

from operations import queues_commands
from operations.results import Action
from tests.cloud import Family, TestCloud, until
from tests.operations.conftest import Desk


@pytest.fixture
def running_again(desk: Desk) -> Iterator[None]:
    yield
    desk.answer("queues", "resume", "--yes")


@pytest.mark.usefixtures("running_again")
def test_a_paused_queue_holds_what_is_asked_for(desk: Desk, family: Family, cloud: TestCloud) -> None:
    assert not desk.answer("queues", "pause")["done"]
    (row,) = desk.answer("queues", "list")
    assert row == {"queue": "dispatchJob", "state": "running", "waiting": 0}
    desk.answer("queues", "pause", "dispatchJob", "--yes")
    path = family.ask()
    until(lambda: desk.answer("queues", "list")[0]["waiting"] == 1, "the task")
    assert desk.answer("queues", "list")[0]["state"] == "paused"
    assert desk.answer("jobs", "show", path)["task"] == "waiting"
    desk.answer("queues", "resume", "--yes")
    assert family.finished(path)["status"] == "ready"
    desk.refused("queues", "pause", "another", "--yes")


@pytest.mark.usefixtures("running_again")
def test_draining_ends_when_nothing_runs_any_more(desk: Desk, family: Family, cloud: TestCloud) -> None:
    path = family.ask_behind_the_gate()
    assert desk.answer("queues", "drain")["under way"] >= 1
    (held,) = {desk.answer("queues", "drain", "--seconds", "0", "--yes", status=1)["under way"]}
    assert held >= 1

    def one_ends(_: float) -> None:
        cloud.open_gate()
        family.finished(path)

    drained = queues_commands.drain(desk.services, Namespace(yes=True, seconds=600), sleep=one_ends)
    assert isinstance(drained, Action)
    assert (drained.outcome["under way"], drained.exit_code) == (0, 0)
    assert desk.answer("queues", "list")[0]["state"] == "paused"
