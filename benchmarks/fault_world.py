"""A local cloud in which everything goes wrong, as seen by whoever checks afterwards: a `World` of tests.rules."""

from __future__ import annotations

import contextlib
import json
import math
import random
import re
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from localcloud.bucket.owner import owner
from localcloud.cloud import BUCKET, CREDENTIALS
from localcloud.embedded import EmbeddedCloud
from tests.cloud import until
from tests.rules import objects_of

Fields = dict[str, Any]
_REQUESTS = ("voice_profiles", "audio_requests")
_OPEN = ["pending", "queued", "running"]
_LOOK_SECONDS = 2.0
_EPOCH = datetime.fromtimestamp(0, UTC)
_MADE = re.compile(r"^(voices|stories)/")


class FaultWorld:
    """FIRESTORE_EMULATOR_HOST must be set: what checks goes past the proxy with its faults."""

    def __init__(self, cloud: EmbeddedCloud, per_minute: dict[str, int], skew_seconds: float) -> None:
        self.per_minute = per_minute
        self.skew_seconds = skew_seconds
        self._cloud = cloud
        self._database: Any = firestore.Client(project=cloud.endpoints.project)
        self._bucket = owner(cloud.cloud.bucket.url, CREDENTIALS)
        self._events: dict[str, list[str]] = {}
        self._counting = threading.Lock()
        self._counted_at = -math.inf
        self._open = 0

    def close(self) -> None:
        self._database.close()

    # ── acting on it ─────────────────────────────────────────────────────────────────────────────────────────────────

    def faults(self, spec: str) -> None:
        async def replace() -> None:
            self._cloud.cloud.faults.set(spec)

        self._cloud.run(replace())

    def reconcile(self) -> None:
        """As Cloud Scheduler does: once, whatever comes of it."""
        self._cloud.run(self._cloud.cloud.functions.run_schedule("reconcile"))

    def kill_one(self, chance: random.Random) -> str:
        """SIGKILL to the functions or a worker. Returns which kind it was."""
        cloud = self._cloud.cloud
        workers = sorted(cloud.workers.children)
        victim = chance.choice(["functions", *workers])
        if victim == "functions":
            self._cloud.run(cloud.functions.crash())
            return "functions"
        with contextlib.suppress(KeyError):  # died by itself meanwhile
            self._cloud.run(cloud.workers.kill(victim))
        return "worker"

    def struck(self) -> int:
        """How many faults have struck, of all kinds."""
        return self._cloud.cloud.faults.counts.total()

    # ── waiting for it ───────────────────────────────────────────────────────────────────────────────────────────────

    def until_settled(self, seconds: float) -> None:
        """Until no request is open. Raises AssertionError with those that are."""
        deadline = time.monotonic() + seconds
        while still_open := self._open_requests():
            assert time.monotonic() < deadline, f"not ended after {seconds:.0f} s: {self._tell(still_open)}"
            time.sleep(_LOOK_SECONDS)

    def until_staffed(self, seconds: float) -> None:
        """Until every worker is there and asks for jobs, those that replace dead ones too."""
        inside = self._cloud.cloud

        def staffed() -> bool:
            workers = inside.workers.children
            return len(workers) == inside.options.workers and all(map(inside.runpod.has_worker, workers))

        until(staffed, "every worker", seconds)

    def until_told(self, seconds: float) -> None:
        """Until no event is unpublished or unheard, no job is leased, and nothing is under way.

        Pub/Sub delivers again what was not acknowledged, after pauses that nothing here can see.
        """
        self._replace_workers()
        deadline = time.monotonic() + seconds
        while True:
            self.reconcile()
            self.quiet()
            self._read_events()
            left = {
                "unpublished": self._paths("jobs", FieldFilter("unpublished", ">", [])),
                "leased": self._paths("jobs", FieldFilter("leaseExpiresAt", ">", _EPOCH)),
                "unheard": self._unheard(),
            }
            if not any(left.values()):
                return
            assert time.monotonic() < deadline, {what: (len(paths), paths[:5]) for what, paths in left.items()}
            time.sleep(_LOOK_SECONDS)

    def quiet(self) -> None:
        self._cloud.run(self._cloud.cloud.quiet(120))

    # ── looking at it ────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, path: str) -> Fields | None:
        found: Fields | None = self._database.document(path).get().to_dict()
        return found

    def get(self, path: str) -> Fields:
        found = self.read(path)
        assert found is not None, path
        return found

    def of_user(self, collection: str, user_id: str) -> dict[str, Fields]:
        chosen = self._database.collection(collection).where(filter=FieldFilter("userId", "==", user_id))
        found = {f"{collection}/{snapshot.id}": snapshot.to_dict() for snapshot in chosen.stream()}
        return {path: fields for path, fields in found.items() if "prepared" not in str(fields.get("profileKey"))}

    def keys(self, prefix: str) -> set[str]:
        pages = self._bucket.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        found = {each["Key"] for page in pages for each in page.get("Contents", [])}
        return {key for key in found if "/prepared/" not in key}

    def object(self, key: str) -> bytes:
        content: bytes = self._bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def events_of(self, job_id: str) -> list[str]:
        return self._events.get(job_id, [])

    def open_requests(self) -> int:
        """How many are under way; looked up once a second, whoever asks."""
        with self._counting:
            if time.monotonic() > self._counted_at + 1:
                self._open = sum(self._count(each, FieldFilter("status", "in", _OPEN)) for each in _REQUESTS)
                self._counted_at = time.monotonic()
            return self._open

    def orphans(self) -> int:
        """Objects that workers made and no document names."""
        made = {key for key in self.keys("") if _MADE.match(key)}
        named: set[str] = set()
        for collection in _REQUESTS:
            for snapshot in self._database.collection(collection).stream():
                named |= objects_of(snapshot.to_dict(), self.object)
        return len(made - named)

    def _replace_workers(self) -> None:
        """RunPod takes for running whatever it was not told the end of. With a new worker it hands it out again."""
        for worker in list(self._cloud.cloud.workers.children):
            with contextlib.suppress(KeyError):
                self._cloud.run(self._cloud.cloud.workers.kill(worker))

    def _read_events(self) -> None:
        """What on_job_event logged that it was told."""
        events: dict[str, list[str]] = defaultdict(list)
        with (self._cloud.cloud.run_dir / "functions.log").open(encoding="utf-8", errors="replace") as log:
            for line in log:
                if '"job event: ' in line:
                    told = json.loads(line[line.index("{") :])
                    events[told["jobId"]].append(str(told["state"]))
        self._events = dict(events)

    def _count(self, collection: str, chosen: FieldFilter) -> int:
        query = self._database.collection(collection).where(filter=chosen)
        return int(query.count().get()[0][0].value)

    def _unheard(self) -> list[str]:
        """Finished jobs of whose end on_job_event has not been told."""
        jobs = self._database.collection("jobs").select(["state"]).stream()
        return [
            f"{job.id}: {job.get('state')}, heard {self.events_of(job.id)}"
            for job in jobs
            if job.get("state") not in self.events_of(job.id)
        ]

    def _open_requests(self) -> list[str]:
        return [path for each in _REQUESTS for path in self._paths(each, FieldFilter("status", "in", _OPEN))]

    def _paths(self, collection: str, chosen: FieldFilter) -> list[str]:
        query = self._database.collection(collection).where(filter=chosen).select([])
        return [f"{collection}/{snapshot.id}" for snapshot in query.stream()]

    def _tell(self, paths: list[str]) -> str:
        described = []
        for path in paths[:5]:
            request = self.get(path)
            job = self.read(f"jobs/{request.get('jobId')}")
            described.append(f"{path} {request['status']} {job and {k: v for k, v in job.items() if k != 'input'}}")
        return f"{len(paths)} requests, as {'; '.join(described)}"
