"""Looking at what goes through a local cloud, so that looking costs next to nothing."""

from __future__ import annotations

import os
import time
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from benchmarks.processes import cpu_seconds, peak_rss
from localcloud.embedded import EmbeddedCloud

_LOOK_SECONDS = 0.2
_OURS = "supervisor (with this benchmark)"


class Requests:
    """Every audio request, seen by the owner: counted by the database itself, so that waiting costs next to nothing."""

    def __init__(self, project: str) -> None:
        self._database: Any = firestore.Client(project=project)
        self._collection = self._database.collection("audio_requests")
        self._before = self.ready

    @property
    def ready(self) -> int:
        """How many are ready, from all times."""
        return self._count("ready")

    def wait(self, requests: int, seconds: float) -> None:
        """Until this many more are ready. Raises AssertionError if one fails, or if they are not in time."""
        deadline = time.monotonic() + seconds
        while (ready := self.ready - self._before) < requests:
            assert time.monotonic() < deadline, f"only {ready} of {requests} requests became ready in {seconds:.0f} s"
            time.sleep(_LOOK_SECONDS)
        for status in ("pending", "queued", "running", "failed", "cancelled"):
            assert self._count(status) == 0, f"a request is {status}"
        self._database.close()

    def _count(self, status: str) -> int:
        chosen: Any = self._collection.where(filter=FieldFilter("status", "==", status))
        return int(chosen.count().get()[0][0].value)


def seconds_to_claim(database: Any, path: str) -> float:
    """From creation (Firestore's commit time) to the claim (the worker's clock; the same machine)."""
    request = database.document(path).get()
    job = database.document(f"jobs/{request.get('jobId')}").get()
    created: datetime = request.create_time
    claimed: datetime = job.get("timeline")["claimedAt"]
    return (claimed - created).total_seconds()


def groups(cloud: EmbeddedCloud) -> dict[str, int]:
    """What a local cloud consists of: process groups by their leaders."""
    inside = cloud.cloud
    return {
        "functions": inside.functions.pid,
        **{name: child.pid for name, child in inside.workers.children.items()},
        "Firestore emulator": inside.firestore.child.pid,
        "Pub/Sub emulator": inside.pubsub.child.pid,
        "moto": inside.moto.pid,
    }


def memory(cloud: EmbeddedCloud) -> dict[str, float]:
    """Peak RSS in MB, of the largest process of each group."""
    figures = {name: peak_rss(pid) for name, pid in groups(cloud).items()}
    return {**figures, _OURS: peak_rss(os.getpid(), group=False)}


def cpu(cloud: EmbeddedCloud) -> dict[str, float]:
    """Seconds of CPU so far, of each group."""
    figures = {name: cpu_seconds(pid) for name, pid in groups(cloud).items()}
    return {**figures, _OURS: cpu_seconds(os.getpid(), group=False)}
