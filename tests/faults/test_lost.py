"""What is never delivered is found by `reconcile`, and goes on as if it had been."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from localcloud.phone import Phone, new_id
from tests.cloud import RECORDING, Family, TestCloud, until
from tests.rules import check_rules


def minutes_pass(cloud: TestCloud, path: str, minutes: float) -> None:
    """The request becomes that much older."""
    cloud.admin.document(path).update({"createdAt": datetime.now(UTC) - timedelta(minutes=minutes)})


def reconcile_until_finished(cloud: TestCloud, path: str) -> None:
    """One minute after the other. Leases are short here, so little has to be waited for."""

    def finished() -> bool:
        cloud.reconcile()
        cloud.quiet()
        return cloud.get(path)["status"] in {"ready", "failed", "cancelled"}

    until(finished, f"{path} to be repaired", pause=0.2)


def test_a_dropped_event_of_a_request(cloud: TestCloud, family: Family) -> None:
    cloud.faults("events.deliver:drop x1")
    path = family.ask()
    cloud.quiet()
    cloud.reconcile()
    assert cloud.get(path)["status"] == "pending"  # two minutes are not over: the event may still come

    minutes_pass(cloud, path, 2.1)
    cloud.reconcile()

    assert family.finished(path)["status"] == "ready"
    check_rules(cloud, path)


def test_a_dropped_event_of_a_voice(cloud: TestCloud, phone: Phone) -> None:
    cloud.faults("events.deliver:drop x1")
    voice_id = new_id()
    path = phone.create_voice(voice_id, "Mum", phone.upload(voice_id, RECORDING, "audio/flac"))
    cloud.quiet()

    minutes_pass(cloud, path, 2.1)
    cloud.reconcile()

    assert phone.finished(path)["status"] == "ready"
    check_rules(cloud, path)


@pytest.mark.parametrize("fault", ["tasks.dispatch:drop", "runpod.run:drop", "runpod.take:drop"])
def test_lost_on_the_way_to_the_gpu(cloud: TestCloud, family: Family, fault: str) -> None:
    """A task that vanishes, a GPU job that RunPod took and forgot, one that was handed out and never arrived."""
    cloud.faults(f"{fault} x1")
    before = cloud.struck(fault)
    path = family.ask()
    until(lambda: cloud.struck(fault) > before, f"{fault} to strike")
    if fault == "runpod.take:drop":  # RunPod believes that it runs, until executionTimeout; an operator looks sooner
        until(lambda: "backend" in cloud.job_of(path), "the submission to be recorded")
        cloud.cancel_on_runpod(path)

    reconcile_until_finished(cloud, path)

    assert cloud.get(path)["status"] == "ready"
    assert cloud.job_of(path)["attempt"] == (1 if fault == "tasks.dispatch:drop" else 2)
    check_rules(cloud, path)


def test_the_gpu_service_is_busy_for_a_while(cloud: TestCloud, family: Family) -> None:
    """429 and 503: Cloud Tasks comes again, and the attempt is the same."""
    cloud.faults("runpod.run:429 x1")
    path = family.ask()

    assert family.finished(path)["status"] == "ready"
    assert cloud.job_of(path)["attempt"] == 1
    check_rules(cloud, path)


def test_the_gpu_service_refuses(cloud: TestCloud, family: Family) -> None:
    """401: no retry can mend a wrong key, and the user pays nothing for it."""
    cloud.faults("runpod.run:401")
    path = family.ask()

    request = family.finished(path)

    assert (request["status"], request["error"]["code"]) == ("failed", "failed_precondition")
    check_rules(cloud, path)


def test_a_lost_message(cloud: TestCloud, family: Family) -> None:
    """The word that an attempt is to be tried again gets lost: the job waits, and is found waiting."""
    cloud.faults("r2.GetObject:500 x3,pubsub.push:drop x1")
    dropped = cloud.struck("pubsub.push:drop")
    path = family.ask()
    until(lambda: cloud.struck("pubsub.push:drop") > dropped, "the message to be lost")
    assert cloud.job_of(path)["state"] == "queued"

    reconcile_until_finished(cloud, path)

    assert cloud.get(path)["status"] == "ready"
    assert cloud.job_of(path)["attempt"] == 2
    check_rules(cloud, path)


def test_a_message_that_is_refused_comes_again(cloud: TestCloud, family: Family) -> None:
    cloud.faults("pubsub.push:503 x1")
    path = family.ask()

    assert family.finished(path)["status"] == "ready"
    check_rules(cloud, path)  # which waits for the event
