"""A parent changes their mind: whenever that is, nothing more is made, shown or kept."""

from __future__ import annotations

import time

from tests.cloud import Family, TestCloud, until
from tests.rules import check_rules

LONG = "\n\n".join(
    f"And then the lion ran over hill number {number}, as fast as ever he could." for number in range(200)
)


def test_before_it_is_admitted(cloud: TestCloud, family: Family) -> None:
    cloud.faults("events.deliver:delay=0.5 x1")
    path = family.ask()
    family.phone.cancel(path)

    cloud.quiet()

    request = cloud.get(path)
    assert request["status"] == "cancelled"
    assert "jobId" not in request
    assert cloud.read(f"quotas/{family.user_id}") is None
    check_rules(cloud, path)


def test_while_it_waits_in_the_queue(cloud: TestCloud, family: Family) -> None:
    """Its task comes late, and finds that there is nothing to do."""
    cloud.faults("tasks.dispatch:delay=1 x1")
    path = family.ask()
    until(lambda: cloud.get(path)["status"] == "queued", "the request to be queued")
    family.phone.cancel(path)

    cloud.reconcile()

    job = cloud.job_of(path)
    assert (job["state"], job["attempt"]) == ("cancelled", 1)
    cloud.quiet()
    assert "backend" not in cloud.job_of(path)
    check_rules(cloud, path)
    assert cloud.get(f"quotas/{family.user_id}")["characters"] == 0


def test_while_it_waits_for_a_worker_and_no_reconcile_comes(cloud: TestCloud, family: Family) -> None:
    """The worker that takes it sees it first."""
    cloud.faults("runpod.take:delay=0.7 x1")
    path = family.ask()
    until(lambda: cloud.get(path).get("jobId") and cloud.job_of(path)["state"] == "dispatched", "the dispatch")
    family.phone.cancel(path)

    cloud.quiet()

    assert cloud.job_of(path)["state"] == "cancelled"
    cloud.reconcile()  # the worker's transaction has cancelled it; the event is still to be told
    check_rules(cloud, path)


def test_while_it_is_told(cloud: TestCloud, family: Family) -> None:
    """Two hundred pieces are a minute's work; it is over long before."""
    cloud.close_gate()
    path = family.ask(LONG)
    family.until_half_told(path)
    family.phone.cancel(path)
    cancelled = time.monotonic()
    cloud.open_gate()

    cloud.quiet()

    assert time.monotonic() - cancelled < 6
    assert cloud.job_of(path)["state"] == "cancelled"
    assert cloud.get(path)["progress"]["done"] < 100
    cloud.reconcile()
    assert "audioVersions" not in family.story_of(path)
    assert cloud.keys(f"stories/{family.user_id}/") == set()
    check_rules(cloud, path)


def test_reconcile_stops_the_gpu_job(cloud: TestCloud, family: Family) -> None:
    """The worker hangs and notices nothing; RunPod is told all the same."""
    path = family.ask_behind_the_gate()
    family.phone.cancel(path)

    cloud.reconcile()

    assert cloud.job_of(path)["state"] == "cancelled"
    until(lambda: cloud.call(cloud.cloud.runpod.depth) == 0, "RunPod to let go of it", seconds=5)
    cloud.open_gate()  # the worker notices, and deletes what could be heard already
    until(lambda: not cloud.keys(f"stories/{family.user_id}/"), "what was uploaded to be deleted", seconds=20)
    check_rules(cloud, path)


def test_what_is_finished_stays_finished(cloud: TestCloud, family: Family) -> None:
    path = family.ask()
    request = family.finished(path)

    cloud.admin.document(path).update({"status": "cancelled"})  # a phone may not
    cloud.reconcile()

    assert cloud.job_of(path)["state"] == "succeeded"
    assert cloud.object(request["audioKey"])
    cloud.admin.document(path).update({"status": "ready"})
    check_rules(cloud, path)
