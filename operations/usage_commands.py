"""`usage`: what was used and what it cost, by day and user, from the jobs (which are kept for JOBS_KEPT_DAYS)."""

from __future__ import annotations

from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from google.cloud.firestore_v1.base_query import FieldFilter

from backend.services import Services
from jobs import transactions
from jobs.documents import JOBS
from jobs.errors import InvalidArgument
from operations.results import Fields, Result, Rows

MEASURED = ("characters", "audioSeconds", "gpuSeconds", "workerSeconds")
COLUMNS = ("day", "userId", "jobs", "succeeded", "failed", "cancelled", *MEASURED, "dollars")
_ENDED_AT = "timeline.finishedAt"
_PAGE = 1000


def usage(services: Services, given: Namespace) -> Result:
    """By the day (UTC) on which a job ended. A worker's seconds are what the GPU is paid for; those of attempts that
    died are nowhere, and its idle seconds and cold starts are on the platform's bill only."""
    first, last = given.since, given.until
    if last < first:
        raise InvalidArgument("--until must not be before --since.")
    rows: dict[tuple[str, str], Fields] = defaultdict(lambda: dict.fromkeys((*COLUMNS[2:6], *MEASURED), 0))
    for job in _ended(services, first, last):
        user_id = str(job.get("userId"))
        if given.user not in {None, user_id}:
            continue
        row = rows[job["timeline"]["finishedAt"].astimezone(UTC).date().isoformat(), user_id]
        row["jobs"] += 1
        row[job["state"]] += 1
        for name in MEASURED:
            row[name] = round(row[name] + job.get("usage", {}).get(name, 0), 3)
    price = _price(services) if given.gpu_second is None else given.gpu_second
    told = [
        {"day": day, "userId": user, **row, "dollars": round(row["workerSeconds"] * price, 6)}
        for (day, user), row in sorted(rows.items())
    ]
    total = sum(row["workerSeconds"] for row in told)
    jobs = sum(row["jobs"] for row in told)
    note = f"{jobs} jobs, {total:.0f} worker seconds at {price:g} dollars: {total * price:.2f} dollars."
    return Rows(COLUMNS, told, note)


def _price(services: Services) -> float:
    """Dollars for a worker's second: the list price in infra/costs.json, where it is said as of when."""
    from tools import costs  # noqa: PLC0415  (loads the encoders)

    platform = {"runpod": "runpod", "http": "cloudRun"}[services.settings().gpu_backend]
    return costs.gpu_second(costs.figures(), platform)


def _ended(services: Services, first: date, last: date) -> Iterator[Fields]:
    begin = datetime.combine(first, time(), UTC)
    end = datetime.combine(last + timedelta(days=1), time(), UTC)
    query: Any = services.firestore().collection(JOBS)
    query = query.where(filter=FieldFilter(_ENDED_AT, ">=", begin)).where(filter=FieldFilter(_ENDED_AT, "<", end))
    query = query.order_by(_ENDED_AT).select(["userId", "state", "usage", _ENDED_AT]).limit(_PAGE)
    page: Any = query
    while found := transactions.call(lambda: list(page.stream())):  # noqa: B023  (run at once)
        for snapshot in found:
            yield snapshot.to_dict()
        page = query.start_after(found[-1])
