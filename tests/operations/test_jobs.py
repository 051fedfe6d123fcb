"""Jobs and requests: seen, stopped, begun again; and nothing is changed without --yes."""

from __future__ import annotations

from tests.cloud import Family, TestCloud
from tests.operations.conftest import Desk


def test_a_told_story_is_found_with_its_whole_way(desk: Desk, family: Family) -> None:
    path = family.ask("Once there was a secret hare.")
    assert family.finished(path)["status"] == "ready"
    (row,) = desk.answer("jobs", "list", "--user", family.user_id)
    assert (row["state"], row["requestPath"], row["attempt"]) == ("succeeded", path, 1)
    shown = desk.answer("jobs", "show", path)
    assert shown["id"] == row["id"] == family.cloud.get(path)["jobId"]
    way = [
        "createdAt",
        "admittedAt",
        "queuedAt",
        "dispatchedAt",
        "submittedAt",
        "claimedAt",
        "firstAudioAt",
        "finishedAt",
    ]
    assert set(way) <= set(shown["timeline"])
    assert len(shown["trace"]) == 32
    request = desk.answer("requests", "show", path)
    assert request["status"] == "ready"
    (listed,) = desk.answer("requests", "list", "--user", family.user_id, "--of", "narrations")
    assert listed["path"] == path
    assert "secret hare" not in desk.text("jobs", "show", path) + desk.text("requests", "show", path)
    heading, line = desk.text("jobs", "list", "--limit", "1", "--user", family.user_id).splitlines()
    assert line.index(path) == heading.index("requestPath")


def test_a_job_is_cancelled_only_with_yes(desk: Desk, family: Family, cloud: TestCloud) -> None:
    path = family.ask_behind_the_gate()
    would = desk.answer("jobs", "cancel", path)
    assert (would["done"], cloud.get(path)["status"]) == (False, "running")
    assert desk.answer("jobs", "cancel", path, "--yes")["done"]
    assert family.finished(path)["status"] == "cancelled"
    desk.refused("jobs", "cancel", path, "--yes")


def test_an_attempt_is_ended_and_the_next_one_tells_the_story(desk: Desk, family: Family, cloud: TestCloud) -> None:
    path = family.ask_behind_the_gate()
    assert not desk.answer("jobs", "requeue", path)["done"]
    after = desk.answer("jobs", "requeue", path, "--yes")
    assert (after["state"], after["attempt"]) == ("queued", 2)
    cloud.open_gate()
    assert family.finished(path)["status"] == "ready"
    assert cloud.job_of(path)["attempt"] == 2
    assert len(family.story_of(path)["audioVersions"]) == 1


def test_what_was_cancelled_is_asked_for_again_as_a_request_of_its_own(
    desk: Desk, family: Family, cloud: TestCloud
) -> None:
    path = family.ask_behind_the_gate(format="wav")
    desk.refused("jobs", "retry", path, "--yes")
    desk.answer("jobs", "cancel", path, "--yes")
    cloud.open_gate()
    before = set(cloud.of_user("audio_requests", family.user_id))
    assert not desk.answer("jobs", "retry", path)["done"]
    assert set(cloud.of_user("audio_requests", family.user_id)) == before
    again = desk.answer("jobs", "retry", path, "--yes")["requestPath"]
    told = family.finished(again)
    assert (told["status"], told["format"]) == ("ready", "wav")
    assert cloud.get(path)["status"] == "cancelled"


def test_what_is_no_job_is_said_in_a_sentence(desk: Desk) -> None:
    for name in ("missing", "stories/x", "a b", "audio_requests/../x"):
        desk.refused("jobs", "show", name)


def test_a_user_whose_id_begins_with_a_hyphen_is_named(desk: Desk) -> None:
    """As custom sign-in may do."""
    assert desk.answer("jobs", "list", "--user=-V61rSCAQ5x0") == []
    assert "-V61rSCAQ5x0" in desk.text("users", "show", "--", "-V61rSCAQ5x0")
