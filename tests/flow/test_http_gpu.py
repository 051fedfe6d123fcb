"""GPU_BACKEND=http, end to end: Cloud Tasks posts each attempt to gpu_job/server.py, behind Cloud Run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from localcloud.cloud import LocalCloud
from localcloud.cloud_run import CloudRun
from localcloud.phone import Phone
from tests.cloud import Family, TestCloud, until, wanted_cloud
from tests.rules import check_rules

pytestmark = pytest.mark.skipif(wanted_cloud() is not LocalCloud, reason="only functions and emulators differ there")


@pytest.fixture(scope="module")
def running() -> Iterator[TestCloud]:
    """Two instances with one job each."""
    cloud = TestCloud(LocalCloud, gpu_backend="http", worker_concurrency=1)
    yield cloud
    cloud.stop()


@pytest.fixture
def cloud(running: TestCloud) -> Iterator[TestCloud]:
    with running.lent():
        yield running


def front(cloud: TestCloud) -> CloudRun:
    assert cloud.cloud.cloud_run
    return cloud.cloud.cloud_run


def busy_instance(cloud: TestCloud) -> str:
    [worker] = [each for each in cloud.cloud.workers.children if front(cloud).busy(each)]
    return worker


def test_a_recording_becomes_a_voice_and_a_story_is_heard(cloud: TestCloud, phone: Phone) -> None:
    family = Family(cloud, phone, cloud.cloned_voice)

    path = family.ask()

    request = family.finished(path)
    assert request["status"] == "ready", request.get("error")
    assert len(cloud.object(request["audioKey"])) > 10_000
    job = cloud.job_of(path)
    assert (job["attempt"], job["backend"]["name"]) == (1, "http")
    assert "/queues/gpu-jobs/tasks/" in job["backend"]["id"]
    check_rules(cloud, path)


def test_the_platform_lets_in_only_the_queue(cloud: TestCloud) -> None:
    url = f"{front(cloud).url}/run"
    somebody = cloud.cloud.oidc.mint("somebody@example.iam.gserviceaccount.com", url)
    elsewhere = cloud.cloud.oidc.mint("functions@localcloud.iam.gserviceaccount.com", "https://elsewhere.example")
    statuses = [
        httpx.post(url, headers={"Authorization": f"Bearer {token}"} if token else {}, json={}).status_code
        for token in (None, "garbage", somebody, elsewhere)
    ]
    assert statuses == [401, 401, 403, 401]


def test_a_request_that_is_taken_back_while_it_is_told(cloud: TestCloud, family: Family) -> None:
    path = family.ask_behind_the_gate()
    family.phone.cancel(path)
    cloud.reconcile()
    assert cloud.job_of(path)["state"] == "cancelled"
    cloud.open_gate()

    cloud.quiet()

    until(lambda: not any(map(front(cloud).busy, cloud.cloud.workers.children)), "the GPU to be free", seconds=10)
    assert "audioVersions" not in family.story_of(path)
    assert cloud.keys(f"stories/{family.user_id}/") == set()
    check_rules(cloud, path)


def test_sigterm_hands_the_job_back_in_the_middle_of_a_piece(cloud: TestCloud, family: Family) -> None:
    """The engine does not notice: it hangs in a piece until it is killed. The other instance goes on meanwhile.

    instance 1    piece 1 ── hangs ── SIGTERM ▸ handed back ──────────────────── SIGKILL
    instance 2                                       claim(2) ▸ piece 1 (found) ▸ piece 2 ▸ ready
    """
    path = family.ask_behind_the_gate()
    lost = busy_instance(cloud)

    cloud.call(asyncio.ensure_future, cloud.cloud.workers.terminate(lost))
    until(lambda: cloud.job_of(path)["attempt"] == 2, "the next attempt, which no reconcile has begun", seconds=10)
    until(lambda: cloud.job_of(path)["state"] == "running", "the other instance to take it", seconds=10)
    assert lost in cloud.cloud.workers.children, "the first one still hangs"
    cloud.open_gate()

    request = family.finished(path)

    assert request["status"] == "ready", request.get("error")
    assert cloud.job_of(path)["attempt"] == 2
    until(lambda: lost not in cloud.cloud.workers.children, "the first one to end", seconds=20)
    check_rules(cloud, path)
