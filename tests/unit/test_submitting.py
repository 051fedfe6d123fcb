"""Requests over HTTP: document, job and charge in one commit, once, or nothing; the trigger finds its work done."""

from __future__ import annotations

import pytest

from backend import admission, submitting
from backend.submitting import NewNarration
from jobs import keys
from jobs.errors import AlreadyExists, NotFound, ResourceExhausted
from jobs.model import State
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import TEXT, USER

SAID = {"language": "en", "text": TEXT}


def submit(world: FunctionsWorld, audio_id: str = "a1", user_id: str = USER, **more: str) -> str:
    narration = NewNarration(audio_id=audio_id, voice_id=more.pop("voice_id", "v1"), said=dict(SAID), **more)  # type: ignore[arg-type]
    return submitting.submit_narration(world.services, user_id, narration)


def test_the_document_is_an_apps_and_admitted(functions: FunctionsWorld) -> None:
    job_id = submit(functions, story_id="s1")

    assert job_id == keys.job_id("audio_requests/a1")
    request = functions.get("audio_requests/a1")
    assert (request["status"], request["jobId"], request["jobActive"]) == ("queued", job_id, True)
    assert functions.get(f"jobs/{job_id}")["input"]["text"] == TEXT
    assert functions.get(f"quotas/{USER}")["characters"] == len(TEXT)
    assert functions.enqueued() == [], "that is the trigger's"


def test_the_trigger_enqueues_and_admits_nothing_twice(functions: FunctionsWorld) -> None:
    job_id = submit(functions, story_id="s1")
    before = functions.everything()
    for _ in range(2):
        assert admission.admit(functions.services, "audio_requests/a1") is not None
    assert functions.enqueued() == [{"jobId": job_id, "attempt": 1}]
    assert functions.everything() == before


def test_the_same_call_again_changes_nothing(functions: FunctionsWorld) -> None:
    first = submit(functions)
    before = functions.everything()
    assert submit(functions) == first
    assert functions.everything() == before


def test_an_id_of_somebody_else(functions: FunctionsWorld) -> None:
    submit(functions)
    functions.write("voice_profiles/v2", {"userId": "u2", "name": "Dad", "status": "ready", "profileKey": "k"})
    with pytest.raises(AlreadyExists):
        submit(functions, user_id="u2", voice_id="v2")


def test_what_is_refused_leaves_nothing(functions: FunctionsWorld) -> None:
    before = functions.everything()
    with pytest.raises(NotFound):
        submit(functions, story_id="another")
    with pytest.raises(NotFound):
        submit(functions, voice_id="v2")
    functions.write(f"quotas/{USER}", {"buckets": {"narrate": {"tokens": 0.0, "at": functions.now}}})
    with pytest.raises(ResourceExhausted) as refused:
        submit(functions)
    functions.delete(f"quotas/{USER}")
    assert refused.value.retry_after_seconds == 6
    assert functions.everything() == before


def test_a_text_of_no_story_becomes_one(functions: FunctionsWorld) -> None:
    submit(functions)
    story = functions.get("stories/a1")
    assert story == {"userId": USER, "title": TEXT, "text": TEXT, "language": "en"}
    request = functions.get("audio_requests/a1")
    assert (request["storyId"], request["ownStory"], "text" in request) == ("a1", True, False)


@pytest.mark.parametrize("text", ["word " * 100, "x" * 500, "\n\n  A  title \n over lines. " * 20])
def test_a_title_is_a_beginning(text: str) -> None:
    title = submitting._title(text)
    assert 0 < len(title) <= 61
    assert title.endswith("…")
    assert "\n" not in title


def test_a_voice_is_found_by_its_name(functions: FunctionsWorld) -> None:
    functions.patch("voice_profiles/v1", createdAt=functions.now)
    namesake = {"userId": USER, "name": "Mum", "status": "pending", "createdAt": functions.now}
    functions.write("voice_profiles/v2", namesake)
    job_id = submit(functions, voice_id="Mum")
    assert functions.get(f"jobs/{job_id}")["input"]["voiceId"] == "v1", "the one that is ready"


def test_a_job_that_is_lost_on_the_way_is_found(functions: FunctionsWorld) -> None:
    """No event comes: the lease of the queue lapses, and the reconciler dispatches it."""
    submit(functions)
    job = functions.store.find(keys.job_id("audio_requests/a1"))
    assert job.state is State.QUEUED
    assert job.lease_expires_at is not None
