"""A story that is being heard already when its worker is lost: the next one goes on with what there is."""

from __future__ import annotations

import threading
from typing import Any

from jobs.keys import chunks_of
from tests.cloud import MAX_ATTEMPTS, Family, TestCloud, until
from tests.faults.test_lost import reconcile_until_finished
from tests.rules import check_rules, objects_in

Fields = dict[str, Any]
THREE_PIECES = (
    "The lion was asleep under the old tree, and he did not hear the hunters.\n\n"
    "The little mouse ran over his nose.\n\n"
    "And the lion woke."
)


def segments(cloud: TestCloud, playlist_key: str) -> dict[str, bytes]:
    """What the playlist names, by name."""
    folder = playlist_key.rpartition("/")[0]
    return {name: cloud.object(f"{folder}/{name}") for name in objects_in(cloud.object(playlist_key).decode())}


def until_first_piece_is_heard(cloud: TestCloud, family: Family, path: str) -> str:
    """Behind the closed gate: the playlist names it, and it is kept. Returns the playlist's key."""
    key = family.until_heard(path)
    until(lambda: cloud.keys(chunks_of(family.voice_id)), "the first piece to be kept")
    return key


def test_the_next_worker_goes_on_from_the_pieces_that_are_done(cloud: TestCloud, family: Family) -> None:
    """And publishes the same segments, so that a player goes on where it was.

    attempt 1    piece 1 ▸ segment 0, 1 ─ killed
    attempt 2    piece 1 (found) ▸ segment 0, 1 ─ piece 2 ▸ …
    """
    cloud.close_gate()
    path = family.ask(THREE_PIECES)
    seen: list[Fields] = []
    listener = threading.Thread(target=lambda: family.phone.finished(path, 120, seen.append))
    listener.start()
    first_key = until_first_piece_is_heard(cloud, family, path)
    first = segments(cloud, first_key)
    assert len(first) > 1

    cloud.run(cloud.cloud.workers.kill(cloud.worker_of(path)))
    cloud.open_gate()
    reconcile_until_finished(cloud, path)
    listener.join(30)

    request = cloud.get(path)
    assert request["status"] == "ready", request.get("error")
    job = cloud.job_of(path)
    assert (job["attempt"], job["usage"]["pieces"]) == (2, 3)
    assert 1 <= job["usage"]["piecesReused"] < 3
    second = segments(cloud, request["playlistKey"])
    assert request["playlistKey"] != first_key
    assert len(second) > len(first)
    assert {name: second[name] for name in first} == first
    queued_again = [document for document in seen if document["status"] == "queued" and "progress" in document]
    assert queued_again
    assert not any("playlistKey" in document for document in queued_again)
    assert {document.get("playlistKey") for document in seen} <= {None, first_key, request["playlistKey"]}
    until(lambda: not cloud.keys(f"{first_key.rpartition('/')[0]}/"), "what the first attempt left to be swept away")
    check_rules(cloud, path)


def test_what_was_heard_of_a_story_that_fails_goes_away(cloud: TestCloud, family: Family) -> None:
    cloud.close_gate()
    path = family.ask(THREE_PIECES)
    key = until_first_piece_is_heard(cloud, family, path)
    assert cloud.object(key)
    cloud.faults("r2.PutObject:403")  # for good: every attempt meets it
    cloud.open_gate()

    request = family.finished(path)

    assert request["status"] == "failed"
    assert "playlistKey" not in request
    assert cloud.job_of(path)["attempt"] <= MAX_ATTEMPTS
    assert cloud.keys(f"stories/{family.user_id}/") == set()
    assert cloud.get(f"stories/{request['storyId']}")["audioStatus"] == "failed"
    cloud.faults("")
    check_rules(cloud, path)


def taken_back_while_it_is_told(cloud: TestCloud, family: Family) -> str:
    """After its first piece was heard; returns the path when all is quiet again."""
    cloud.close_gate()
    path = family.ask(THREE_PIECES)
    until_first_piece_is_heard(cloud, family, path)
    family.phone.cancel(path)
    cloud.open_gate()
    cloud.quiet()
    return path


def test_what_was_heard_of_a_story_that_is_taken_back_goes_away(cloud: TestCloud, family: Family) -> None:
    path = taken_back_while_it_is_told(cloud, family)

    request = cloud.get(path)
    assert request["status"] == "cancelled"
    assert "playlistKey" not in request
    assert cloud.keys(f"stories/{family.user_id}/") == set()
    cloud.reconcile()
    check_rules(cloud, path)


def test_pieces_are_kept_when_their_story_is_not(cloud: TestCloud, family: Family) -> None:
    """What has been paid for is there for the next time."""
    path = taken_back_while_it_is_told(cloud, family)
    again = family.ask(THREE_PIECES)

    assert family.finished(again)["status"] == "ready"
    assert cloud.job_of(again)["usage"]["piecesReused"] >= 1
    cloud.reconcile()
    check_rules(cloud, path, again)
