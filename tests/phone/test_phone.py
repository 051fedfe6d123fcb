"""The app's own SDK against the local cloud: the programs beside this file, run by Node as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.bucket.owner import owner
from localcloud.cloud import BUCKET, CREDENTIALS, REGION, Options
from localcloud.embedded import EmbeddedCloud
from tests import npm
from tests.cloud import wanted_cloud
from tests.firestore_rules.samples import REQUESTS, SERVER_FIELDS, STORIES, VOICES, minimal

HERE = Path(__file__).parent
ASSETS = HERE.parents[1] / "assets"
PROGRAM_SECONDS = 200
Step = dict[str, Any]

pytestmark = npm.needs_node


@pytest.fixture(scope="module")
def sdk() -> None:
    npm.install(HERE, "this test runs the Firebase SDK under Node")


@pytest.fixture(scope="module")
def cloud(sdk: None) -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud(Options(), wanted_cloud()) as cloud:
        yield cloud


@pytest.mark.usefixtures("sdk")  # said here for tests/suite, whose cloud asks for none
def test_a_story_from_recording_to_audio(cloud: EmbeddedCloud) -> None:
    steps = _run(cloud, "tell_story.mjs", str(ASSETS / "recording.flac"), str(ASSETS / "fable.txt"))
    by_name = {step["step"]: step for step in steps}
    assert [step["step"] for step in steps] == [
        "signed in",
        "uploaded",
        "voice was followed",
        "voice is ready",
        "narration was followed",
        "narration is ready",
        "audio fetched",
        "story is patched",
        "cancelled",
        "cancelled again",
        "cancelled by call",
        "voice deleted",
    ]
    for what in ("voice", "narration"):
        statuses = by_name[f"{what} was followed"]["statuses"]
        assert statuses[-1] == "ready"
        assert statuses == [each for each in ("pending", "queued", "running", "ready") if each in statuses]
    assert "speaking" in by_name["narration was followed"]["stages"]
    assert by_name["audio fetched"]["bytes"] > 10_000
    assert by_name["narration is ready"]["durationSeconds"] > 10
    assert (by_name["story is patched"]["stories"], by_name["story is patched"]["versions"]) == (1, 1)
    assert by_name["cancelled again"] == {
        "step": "cancelled again", "answer": "permission-denied", "status": "cancelled"
    }  # fmt: skip

    assert by_name["cancelled by call"] == {
        "step": "cancelled by call", "same": True, "other": "functions/already-exists", "status": "cancelled"
    }  # fmt: skip
    _check_nothing_is_left(cloud, by_name["voice deleted"])

    # What the server has added is what firestore.rules keep clients from, no more.
    for step, collection in (
        ("voice is ready", VOICES),
        ("narration is ready", REQUESTS),
        ("story is patched", STORIES),
    ):
        added = set(by_name[step]["fields"]) - set(minimal(collection))
        assert added <= set(SERVER_FIELDS[collection]), collection


def _check_nothing_is_left(cloud: EmbeddedCloud, deleted: Step) -> None:
    """For the phone, and in the bucket: not one object of the user's voice, or of anything told in it.

    A piece that a cancelled worker was just keeping goes at the last look: tests/flow/test_erasing.py.
    """
    assert (deleted["voices"], deleted["requests"], deleted["audio"]) == (0, 0, "functions/not-found")
    assert deleted["erased"] is True
    assert sorted(deleted["fields"]) == sorted(minimal(STORIES))
    uid = deleted["uid"]
    cloud.run(cloud.cloud.quiet())
    bucket = owner(cloud.cloud.bucket.url, CREDENTIALS)
    for prefix in (f"recordings/{uid}/", f"voices/{uid}/", f"stories/{uid}/"):
        assert "Contents" not in bucket.list_objects_v2(Bucket=BUCKET, Prefix=prefix), prefix


def test_the_rules_as_the_sdk_meets_them(cloud: EmbeddedCloud) -> None:
    attempts = _run(cloud, "try_rules.mjs")
    assert [attempt for attempt in attempts if attempt["answer"] != attempt["expected"]] == []
    assert len(attempts) > 80


def _run(cloud: EmbeddedCloud, *command: str) -> list[Step]:
    at = cloud.endpoints
    output = npm.finished(
        ["node", *command],
        HERE,
        PROGRAM_SECONDS,
        {
            "PHONE_PROJECT": at.project,
            "PHONE_REGION": REGION,
            "FIRESTORE_EMULATOR_HOST": at.firestore,
            "FIREBASE_AUTH_EMULATOR_HOST": at.auth,
            "FUNCTIONS_EMULATOR_HOST": cloud.cloud.functions_address,
            "APP_CHECK_URL": at.app_check,
        },
    )
    return [json.loads(line) for line in output.splitlines()]
