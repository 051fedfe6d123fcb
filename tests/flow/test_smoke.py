"""The deployment's smoke test, against the local cloud: it passes, leaves nothing, and fails when it should."""

from __future__ import annotations

import contextlib

import pytest

from localcloud.phone import APP_ID
from tests.cloud import TestCloud
from tools import smoke


def run(cloud: TestCloud) -> None:
    endpoints = cloud.endpoints
    target = smoke.Target(
        project=endpoints.project,
        app_id=APP_ID,
        api_key="local",
        app_check_token="local",
        callables=endpoints.callables,
        auth=f"http://{endpoints.auth}/identitytoolkit.googleapis.com",
        app_check=endpoints.app_check,
        firestore=f"http://{endpoints.firestore}",
    )
    smoke.narrate(target, seconds=90, pause=0.1, stage=lambda _: contextlib.nullcontext())


def left_behind(cloud: TestCloud) -> list[str]:
    found = cloud.admin.collection("voice_profiles").where("name", "==", "Smoke").stream()
    return [snapshot.id for snapshot in found]


@pytest.mark.filterwarnings("ignore:Detected filter using positional arguments:UserWarning")
def test_a_story_is_told_and_nothing_is_left(cloud: TestCloud) -> None:
    run(cloud)
    assert left_behind(cloud) == []


@pytest.mark.filterwarnings("ignore:Detected filter using positional arguments:UserWarning")
def test_it_fails_when_no_story_is_told_and_still_leaves_nothing(cloud: TestCloud) -> None:
    cloud.faults("r2.PutObject:403@1.0")
    with pytest.raises(smoke.SmokeError, match=r"bucket refused the recording|failed"):
        run(cloud)
    assert left_behind(cloud) == []
