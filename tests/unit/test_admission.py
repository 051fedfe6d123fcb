"""From a pending document to a task: who owns what, what is charged, what is said; repeated and half done."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.cloud import tasks_v2

from backend.admission import admit
from backend.quotas import narrate_limit
from jobs.errors import FailedPrecondition, ResourceExhausted, Unavailable
from jobs.model import Kind, State
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import JOB, REQUEST, STORY, TEXT, USER

VOICE_REQUEST = "voice_profiles/v2"


def test_an_audio_request_becomes_one_job_and_one_task(functions: FunctionsWorld) -> None:
    functions.request(speed=1.2, seed=7)
    job = admit(functions.services, REQUEST)
    assert job is not None
    assert (job.id, job.kind, job.state) == (JOB, Kind.NARRATE, State.QUEUED)
    stored = functions.get(f"jobs/{JOB}")["input"]
    assert stored["text"] == TEXT
    assert stored["profileKey"] == functions.get("voice_profiles/v1")["profileKey"]
    assert stored["voiceName"] == "Mum"
    assert (stored["parameters"]["speed"], stored["parameters"]["seed"]) == (1.2, 7)
    assert functions.enqueued() == [{"jobId": JOB, "attempt": 1}]
    before = functions.everything()
    again = admit(functions.services, REQUEST)
    assert again is not None
    assert again.id == JOB
    assert functions.everything() == before
    assert functions.enqueued() == [{"jobId": JOB, "attempt": 1}]


@pytest.mark.parametrize(("title", "given"), [("A bear", "A bear"), (None, ""), (7, "")])
def test_the_title_of_the_story_comes_with_it(functions: FunctionsWorld, title: object, given: str) -> None:
    functions.story(title=title)
    functions.request()
    admit(functions.services, REQUEST)
    assert functions.get(f"jobs/{JOB}")["input"]["title"] == given


def test_the_requests_own_text_is_read_instead_of_the_storys(functions: FunctionsWorld) -> None:
    functions.request(text="Another end.")
    admit(functions.services, REQUEST)
    assert functions.get(f"jobs/{JOB}")["input"]["text"] == "Another end."
    assert functions.get(f"quotas/{USER}")["characters"] == len("Another end.")


def test_the_cast_comes_with_its_voices(functions: FunctionsWorld) -> None:
    functions.write(
        "voice_profiles/v2", {"userId": USER, "name": "Dad", "status": "ready", "profileKey": "voices/u1/v2"}
    )
    functions.request(cast={"Wolf": "v2", "Little Pig": "v1"})
    admit(functions.services, REQUEST)
    assert functions.get(f"jobs/{JOB}")["input"]["cast"] == {
        "Wolf": {"voiceId": "v2", "profileKey": "voices/u1/v2", "name": "Dad"},
        "Little Pig": {
            "voiceId": "v1",
            "profileKey": functions.get("voice_profiles/v1")["profileKey"],
            "name": "Mum",
        },
    }


def test_the_users_pronunciations_come_along(functions: FunctionsWorld) -> None:
    functions.write(f"users/{USER}", {"pronunciations": {"Siobhan": "Shivawn", "Ann": 5}, "token": "x"})
    functions.write("users/u2", {"pronunciations": {"Ann": "Not mine"}})
    functions.request()
    admit(functions.services, REQUEST)
    stored = functions.get(f"jobs/{JOB}")["input"]
    assert (stored["pronunciations"], stored["cast"]) == ({"Siobhan": "Shivawn"}, {})


def test_a_voice_becomes_a_clone_job(functions: FunctionsWorld) -> None:
    voice = {
        "userId": USER,
        "name": "Dad",
        "language": "en",
        "isKidsVoice": False,
        "recordingKey": "recordings/u1/v2/x.wav",
        "consent": {"speaker": "Bob", "statement": "Yes.", "acceptedAt": functions.now},
        "status": "pending",
        "createdAt": functions.now,
    }
    functions.write(VOICE_REQUEST, voice)
    job = admit(functions.services, VOICE_REQUEST)
    assert job is not None
    assert job.kind is Kind.CLONE
    assert functions.get(f"jobs/{job.id}")["input"] == {
        "voiceId": "v2",
        "name": "Dad",
        "language": "en",
        "recordingKey": "recordings/u1/v2/x.wav",
        "modelType": None,
    }
    quota = functions.get(f"quotas/{USER}")
    assert (quota["buckets"]["clone"]["tokens"], quota["characters"]) == (4, 0)


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda w: w.patch(STORY, userId="u2"), "not_found", "There is no such story."),
        (lambda w: w.delete(STORY), "not_found", "There is no such story."),
        (lambda w: w.patch("voice_profiles/v1", userId="u2"), "not_found", "There is no such voice."),
        (lambda w: w.delete("voice_profiles/v1"), "not_found", "There is no such voice."),
        (lambda w: w.patch("voice_profiles/v1", status="failed"), "failed_precondition", "This voice is not ready yet"),
        (lambda w: w.patch(STORY, text="  "), "invalid_argument", "There is no text to read"),
        (lambda w: w.patch(STORY, text="x" * 100_001), "invalid_argument", "The text has 100,001 characters"),
        (lambda w: w.patch(REQUEST, cast={"Wolf": "v9"}), "not_found", "There is no such voice for Wolf in `cast`."),
        (lambda w: _cast(w, userId="u2"), "not_found", "There is no such voice for Wolf in `cast`."),
        (lambda w: _cast(w, status="queued"), "failed_precondition", "This voice for Wolf in `cast` is not ready yet"),
        (
            lambda w: w.patch(REQUEST, cast={"Wolf": "no id"}),
            "invalid_argument",
            "`cast` must be an object of up to 20",
        ),
        (lambda w: w.patch(REQUEST, speed="fast"), "invalid_argument", "`speed` must be a number"),
        (lambda w: w.patch(REQUEST, admin=True), "invalid_argument", "Unknown field `admin`"),
    ],
)
def test_what_cannot_be_done_is_said_and_costs_nothing(
    functions: FunctionsWorld, change: Any, code: str, said: str
) -> None:
    functions.request()
    change(functions)
    assert admit(functions.services, REQUEST) is None
    request = functions.get(REQUEST)
    assert (request["status"], request["error"]["code"]) == ("failed", code)
    assert request["error"]["message"].startswith(said)
    assert functions.read(f"quotas/{USER}") is None
    assert functions.read(f"jobs/{JOB}") is None
    assert functions.enqueued() == []


def _cast(world: FunctionsWorld, **changed: Any) -> None:
    voice = {"userId": USER, "name": "Dad", "status": "ready", "profileKey": "voices/u1/v2", **changed}
    world.write("voice_profiles/v2", voice)
    world.patch(REQUEST, cast={"Wolf": "v2"})


def test_the_allowance_of_a_day(functions: FunctionsWorld) -> None:
    functions.patch(STORY, text="x" * 100_000)
    for number in range(3):
        functions.request(f"audio_requests/n{number}")
        admit(functions.services, f"audio_requests/n{number}")
    statuses = [functions.get(f"audio_requests/n{number}")["status"] for number in range(3)]
    assert statuses == ["queued", "queued", "failed"]
    assert functions.get(f"quotas/{USER}")["characters"] == 200_000


@pytest.mark.parametrize("status", ["cancelled", "failed", "ready"])
def test_nothing_to_admit(functions: FunctionsWorld, status: str) -> None:
    functions.request(status=status)
    assert admit(functions.services, REQUEST) is None
    assert functions.enqueued() == []


def test_a_queue_that_is_away_costs_no_second_charge(functions: FunctionsWorld) -> None:
    functions.request()
    functions.loop.run(functions.tasks.stop())
    with pytest.raises(Unavailable):
        admit(functions.services, REQUEST)
    assert functions.get(REQUEST)["status"] == "queued"
    charged = functions.get(f"quotas/{USER}")
    with pytest.raises(Unavailable):
        admit(functions.services, REQUEST)
    assert functions.get(f"quotas/{USER}") == charged


def test_a_queue_that_was_never_deployed_is_a_precondition(functions: FunctionsWorld) -> None:
    name = functions.services.settings().queue_path("dispatchJob")
    functions.queues()._client.delete_queue(request=tasks_v2.DeleteQueueRequest(name=name))
    functions.request()
    with pytest.raises(FailedPrecondition, match="The queue dispatchJob is missing"):
        admit(functions.services, REQUEST)


def test_a_job_that_runs_already_is_not_enqueued_again(functions: FunctionsWorld) -> None:
    functions.bring_to(State.RUNNING)
    job = admit(functions.services, REQUEST)
    assert job is not None
    assert job.state is State.RUNNING
    assert functions.enqueued() == []


def test_many_at_once_of_one_user_are_admitted_in_turn_and_refused_at_once(functions: FunctionsWorld) -> None:
    """The bug: eight at once read the quota, and each waited for the others to let go of it."""
    paths = [functions.request(f"audio_requests/r{n}") for n in range(30)]
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda path: admit(functions.services, path, USER), paths))
    assert time.monotonic() - began < 20
    admitted = sum(job is not None for job in jobs)
    assert admitted == narrate_limit(functions.services.settings()).per_minute
    statuses = Counter(functions.get(path)["status"] for path in paths)
    assert statuses == {"queued": admitted, "failed": len(paths) - admitted}
    errors = {functions.get(path)["error"]["code"] for path in paths if functions.get(path)["status"] == "failed"}
    assert errors == {"resource_exhausted"}


def test_what_is_refused_at_once_is_the_users_own_and_still_pending(functions: FunctionsWorld) -> None:
    store, error = functions.services.store(), ResourceExhausted("That is too much.", 6)
    path = functions.request("audio_requests/r1")
    store.refuse(path, "somebody else", error)
    store.refuse("audio_requests/gone", USER, error)
    assert functions.get(path)["status"] == "pending"
    store.refuse(path, USER, error)
    refused = functions.get(path)
    assert (refused["status"], refused["error"]["retryAfterSeconds"]) == ("failed", 6)
    store.refuse(path, USER, ResourceExhausted("Again.", 7))
    assert functions.get(path) == refused
