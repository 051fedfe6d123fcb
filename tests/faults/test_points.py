"""A process dies between two lines: around a write of `jobs/store`, an upload, a reply.

    functions   ┊ admit ┊ … lease ┊ ┊ record_submission ┊                   ┊: here
    worker      ┊ claim ┊ … report_progress ┊ … ┊ upload ┊ ┊ succeed ┊ ┊ publish … reply ┊

`./dev bench faults` dies at every point there is, at random.
"""

from __future__ import annotations

import pytest

from tests.cloud import TWO_PIECES, Family, TestCloud, until
from tests.faults.test_lost import minutes_pass, reconcile_until_finished
from tests.rules import check_rules


@pytest.mark.parametrize(
    "point", ["admit.before", "admit.after", "lease.after", "record_submission.before", "record_submission.after"]
)
def test_the_functions_die(cloud: TestCloud, family: Family, point: str) -> None:
    """Whoever finds the request half way goes on from there, and it costs no attempt."""
    restarts = cloud.cloud.functions.restarts
    cloud.faults(f"functions.{point}:crash x1")
    path = family.ask()
    until(lambda: cloud.cloud.functions.restarts > restarts, f"a crash at {point}")
    minutes_pass(cloud, path, 2.1)  # the event that died with the functions comes again later than reconcile

    reconcile_until_finished(cloud, path)

    assert cloud.get(path)["status"] == "ready"
    assert cloud.job_of(path)["attempt"] == 1
    check_rules(cloud, path)


# What has been committed by then: nothing, a claim, or all of it.
DEATHS = {
    "claim.before": {1, 2},  # a dispatched attempt may still come, by RunPod's own second delivery
    "claim.after": {2},
    "report_progress.after": {2},
    "upload.before": {2},
    "upload.after": {2},
    "succeed.before": {2},
    "succeed.after": {1},
    "publish.before": {1},
    "reply.after": {1},
}


@pytest.mark.parametrize("point", DEATHS)
def test_the_worker_dies(cloud: TestCloud, family: Family, point: str) -> None:
    """Whatever it had not committed is done by the next; whatever it had is not done twice."""
    struck = cloud.struck(f"worker.{point}:crash")
    if point.startswith("report_progress"):
        cloud.close_gate()  # it is reported only by what takes a while
    cloud.faults(f"worker.{point}:crash x1")
    path = family.ask(TWO_PIECES)
    until(lambda: cloud.struck(f"worker.{point}:crash") > struck, f"a crash at {point}")
    cloud.open_gate()

    reconcile_until_finished(cloud, path)

    assert cloud.get(path)["status"] == "ready"
    assert cloud.job_of(path)["attempt"] in DEATHS[point]
    check_rules(cloud, path, orphans=True)


def test_the_functions_die_while_they_end_what_lapsed(cloud: TestCloud, family: Family) -> None:
    """`requeue_lapsed` and the publishing after it, both interrupted."""
    points = ["functions.requeue_lapsed.before", "functions.requeue_lapsed.after", "functions.publish.before"]
    struck = {point: cloud.struck(f"{point}:crash") for point in points}
    path = family.ask_behind_the_gate()
    cloud.faults(", ".join(f"{point}:crash x1" for point in points))
    cloud.run(cloud.cloud.workers.kill(cloud.worker_of(path)))
    cloud.open_gate()

    def over() -> bool:
        """All have struck, and the instance after the last one answers."""
        all_struck = all(cloud.struck(f"{point}:crash") > struck[point] for point in points)
        return cloud.reconcile_whatever_comes_of_it() == 200 and all_struck

    until(over, "all three crashes to be over", pause=0.2)
    reconcile_until_finished(cloud, path)

    assert cloud.get(path)["status"] == "ready"
    check_rules(cloud, path, orphans=True)


def test_the_functions_die_while_they_cancel(cloud: TestCloud, family: Family) -> None:
    """The request says cancelled; the job follows, however often whoever sees to it dies."""
    points = ["functions.cancel.before", "functions.cancel.after"]
    struck = {point: cloud.struck(f"{point}:crash") for point in points}
    cloud.faults("runpod.run:drop x1, " + ", ".join(f"{point}:crash x1" for point in points))
    path = family.ask()
    until(lambda: "backend" in (cloud.read(f"jobs/{cloud.get(path).get('jobId')}") or {}), "the submission")
    family.phone.cancel(path)

    def cancelled() -> bool:
        cloud.reconcile_whatever_comes_of_it()
        return bool(cloud.job_of(path)["state"] == "cancelled")

    until(cancelled, "the job to be cancelled", pause=0.2)
    until(lambda: "jobActive" not in cloud.get(path), "the request to be let go")

    assert cloud.struck(f"{points[0]}:crash") > struck[points[0]]
    cloud.reconcile()
    check_rules(cloud, path)


def test_clocks_that_disagree(cloud: TestCloud, family: Family) -> None:
    """The worker's is behind, the functions' ahead, together by less than what a lease outlasts its renewal."""
    cloud.faults("clock.worker:skew=-0.25, clock.functions:skew=0.25")
    path = family.ask_behind_the_gate()
    for _ in range(3):
        cloud.reconcile()
    cloud.open_gate()

    assert family.finished(path)["status"] == "ready"
    assert cloud.struck("clock.worker:skew")
    assert cloud.struck("clock.functions:skew")
    check_rules(cloud, path, orphans=True)
