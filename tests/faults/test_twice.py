"""Everything arrives twice, or dies in the middle and comes again: one charge, one narration, one end."""

from __future__ import annotations

import pytest

from localcloud.phone import Phone, new_id
from tests.cloud import RECORDING, Family, TestCloud, until
from tests.rules import check_rules


@pytest.mark.parametrize(
    "fault",
    [
        "events.deliver:duplicate",
        "events.deliver:reset",
        "tasks.dispatch:duplicate",
        "tasks.dispatch:reset",
        "runpod.run:duplicate",
        "runpod.run:reset",
        "runpod.take:duplicate",
        "runpod.done:500",
        "pubsub.push:duplicate",
    ],
)
def test_a_narration(cloud: TestCloud, family: Family, fault: str) -> None:
    cloud.faults(f"{fault} x1")
    before = cloud.struck(fault)
    path = family.ask()

    request = family.finished(path)

    assert request["status"] == "ready", request.get("error")
    cloud.quiet()
    until(lambda: cloud.struck(fault) > before, f"{fault} to strike")
    assert len(family.story_of(path)["audioVersions"]) == 1
    assert cloud.job_of(path)["attempt"] == 1
    check_rules(cloud, path)


def test_a_clone_with_everything_twice(cloud: TestCloud, phone: Phone) -> None:
    cloud.faults(
        "events.deliver:duplicate,tasks.dispatch:duplicate,runpod.run:duplicate x1,runpod.take:duplicate x2,"
        "pubsub.push:duplicate"
    )
    voice_id = new_id()
    path = phone.create_voice(voice_id, "Mum", phone.upload(voice_id, RECORDING, "audio/flac"))

    voice = phone.finished(path)

    assert voice["status"] == "ready", voice.get("error")
    check_rules(cloud, path)


def test_two_workers_on_one_job(cloud: TestCloud, family: Family) -> None:
    """Both are there while the story is half told; only one of them has claimed it."""
    cloud.faults("runpod.take:duplicate x1")
    path = family.ask_behind_the_gate()
    until(lambda: _refused(cloud, cloud.get(path)["jobId"]), "the second worker to be refused")
    cloud.open_gate()

    assert family.finished(path)["status"] == "ready"
    assert len(_refused(cloud, cloud.get(path)["jobId"])) == 1
    check_rules(cloud, path)


def _refused(cloud: TestCloud, job_id: str) -> list[str]:
    return [
        line
        for worker in cloud.cloud.workers.children.values()
        for line in worker.log.read_text(encoding="utf-8").splitlines()
        if "not claimed: LeaseHeld" in line and job_id in line
    ]


def test_a_request_that_everything_is_told_of_again_long_after(cloud: TestCloud, family: Family) -> None:
    """The event, the task and the GPU job of a story that was told already."""
    from backend import admission, dispatch  # noqa: PLC0415
    from backend.services import Services  # noqa: PLC0415

    path = family.ask()
    family.finished(path)
    cloud.quiet()
    documents = {each: cloud.get(each) for each in (path, f"jobs/{cloud.get(path)['jobId']}")}
    services = Services({**cloud.cloud.functions_environment()})

    admission.admit(services, path)
    dispatch.dispatch(services, cloud.get(path)["jobId"], 1)
    cloud.quiet()

    assert {each: cloud.get(each) for each in documents} == documents
    check_rules(cloud, path)
