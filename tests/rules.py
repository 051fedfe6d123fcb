"""The rules of DESIGN that nothing may break, checked on everything that a test's users have left behind.

    check_rules(cloud, request_path, …)

It waits until nothing is under way any more; a `reconcile` that is needed for that is the test's own to run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from jobs import errors, keys
from jobs.documents import AUDIO_REQUESTS, JOBS, QUOTAS, STORIES, VOICE_PROFILES
from tests.cloud import until

Fields = dict[str, Any]
TERMINAL = {"succeeded": "ready", "failed": "failed", "cancelled": "cancelled"}
# What the user did wrong is not given back; what we did wrong is.
USERS_FAULT = {"invalid_argument", "not_found", "permission_denied", "resource_exhausted"}
CODES = {
    kind.code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.StoryvoiceError)
}  # fmt: skip
NEVER_SAID = (
    "Traceback",
    "http",
    "X-Amz",
    "botocore",
    "google.",
    "Error",
    "recordings/",
    "voices/",
    "stories/",
    "Bearer",
)


class World(Protocol):
    """What the rules are checked on. tests.cloud.TestCloud is one; the benchmark of faults has another."""

    @property
    def per_minute(self) -> Mapping[str, int]:
        """The quota of each action."""
        ...

    @property
    def skew_seconds(self) -> float:
        """How far the clocks of our processes may be apart."""
        ...

    def quiet(self) -> None: ...

    def get(self, path: str) -> Fields: ...

    def read(self, path: str) -> Fields | None: ...

    def of_user(self, collection: str, user_id: str) -> dict[str, Fields]: ...

    def keys(self, prefix: str) -> set[str]: ...

    def object(self, key: str) -> bytes: ...

    def events_of(self, job_id: str) -> list[str]: ...


def check_rules(cloud: World, *paths: str, orphans: bool = False) -> None:
    """`orphans`: objects of attempts that were killed may lie there; nothing could delete them."""
    cloud.quiet()
    users = {cloud.get(path)["userId"] for path in paths}
    for user_id in users:
        requests = cloud.of_user(VOICE_PROFILES, user_id) | cloud.of_user(AUDIO_REQUESTS, user_id)
        ours = {path: request for path, request in requests.items() if path in paths or "jobId" in request}
        jobs = cloud.of_user(JOBS, user_id)
        stories = cloud.of_user(STORIES, user_id)
        for path, request in ours.items():
            _check_request(path, request, jobs)
        for path, job in jobs.items():
            _check_job(cloud, path, job, requests)
        for story in stories.values():
            _check_story(story, ours)
        _check_objects(cloud, user_id, ours, stories, orphans=orphans)
        _check_quota(cloud, cloud.read(f"{QUOTAS}/{user_id}"), list(jobs.values()), ours)


def check_error(error: Fields) -> None:
    """One of ours, in the shape that apps are promised, in words that a person can act on."""
    more = {"retryAfterSeconds"} if error["code"] == "resource_exhausted" else set()
    assert set(error) == {"code", "message", "retryable"} | more
    assert error["code"] in CODES
    assert isinstance(error["retryable"], bool)
    assert error["message"].endswith(".")
    assert not [words for words in NEVER_SAID if words in error["message"]]


def _check_request(path: str, request: Fields, jobs: dict[str, Fields]) -> None:
    """Rule 1: one terminal state, the same in the request as in its job."""
    assert request["status"] in TERMINAL.values(), (path, request["status"])
    assert "jobActive" not in request
    assert ("error" in request) == (request["status"] == "failed")
    assert request["status"] == "ready" or not {"playlistKey", "playlistUrl"} & set(request)
    if "error" in request:
        check_error(request["error"])
    job = jobs.get(f"{JOBS}/{keys.job_id(path)}")
    if "jobId" in request:
        assert request["jobId"] == keys.job_id(path)
        assert job is not None
        assert TERMINAL[job["state"]] == request["status"]
    else:  # refused, or taken back, at the door
        assert job is None
        assert request["status"] != "ready"


def _check_job(cloud: World, path: str, job: Fields, requests: dict[str, Fields]) -> None:
    """No lease without work, nothing untold, and whoever listens has been told of one end, at least once."""
    assert job["requestPath"] in requests
    assert job["state"] in TERMINAL
    until(lambda: cloud.get(path)["unpublished"] == [], f"the outbox of {path} to be empty", seconds=60)
    assert "leaseExpiresAt" not in job
    assert job["expireAt"] > job["timeline"]["finishedAt"]
    job_id = path.partition("/")[2]
    until(lambda: job["state"] in cloud.events_of(job_id), f"the event {job['state']} of {path}", seconds=60)
    assert {state for state in cloud.events_of(job_id) if state in TERMINAL} == {job["state"]}


def _check_story(story: Fields, requests: dict[str, Fields]) -> None:
    """Rule 2: one version for each narration that is ready, and for no other."""
    versions = story.get("audioVersions", [])
    ids = [version["id"] for version in versions]
    assert len(ids) == len(set(ids))
    ready = {request["jobId"]: request for request in requests.values() if request["status"] == "ready"}
    for version in versions:
        assert version["id"] in ready
        for field in ("audioKey", "playlistKey", "timingsKey", "captionsKey"):
            assert version[field] == ready[version["id"]][field]
    assert (story.get("audioStatus") == "ready") == bool(versions)
    if "audioError" in story:
        check_error(story["audioError"])


def _check_objects(
    cloud: World, user_id: str, requests: dict[str, Fields], stories: dict[str, Fields], *, orphans: bool
) -> None:
    """Every object that a document names, or a playlist that a document names, is there, and none else."""
    named = {key for request in requests.values() for key in objects_of(request, cloud.object)}
    told = {version["audioKey"] for story in stories.values() for version in story.get("audioVersions", [])}
    assert told <= named
    for job_id in (request["jobId"] for request in requests.values() if request["status"] == "ready"):
        assert any(f"/{job_id}/" in key for key in named)
    there = cloud.keys(f"voices/{user_id}/") | cloud.keys(f"stories/{user_id}/")
    assert named <= there
    assert orphans or there == named


_KEY_FIELDS = ("audioKey", "playlistKey", "timingsKey", "captionsKey", "profileKey", "sampleKey")


def objects_of(request: Fields, read: Callable[[str], bytes]) -> set[str]:
    """The keys of all that was made for a request. A playlist names more: what a player would fetch beside it."""
    named = {request[field] for field in _KEY_FIELDS if field in request}
    if "playlistKey" in request:
        key: str = request["playlistKey"]
        playlist = read(key).decode()
        assert playlist.endswith("#EXT-X-ENDLIST\n"), key
        named |= {f"{key.rpartition('/')[0]}/{name}" for name in objects_in(playlist)}
    return named


def objects_in(playlist: str) -> list[str]:
    """The names of what an HLS playlist leads to: the initialisation segment, and each media segment, in order."""
    return [urlsplit(uri).path.rpartition("/")[2] for uri in uris_in(playlist)]


def uris_in(playlist: str) -> list[str]:
    """As the playlist writes them: of the initialisation segment, and of each media segment, in order."""
    return [
        *re.findall(r'^#EXT-X-MAP:URI="(.+)"$', playlist, re.MULTILINE),
        *re.findall(r"^[^#\n].*$", playlist, re.MULTILINE),
    ]


def _check_quota(cloud: World, quota: Fields | None, jobs: list[Fields], requests: dict[str, Fields]) -> None:
    """What was admitted, minus what was given back, is what was taken: characters to the one, tokens to the refill."""
    if not jobs:
        assert quota is None or not {"clone", "narrate"} & set(quota.get("buckets", {}))
        return
    assert quota is not None
    kept = [job for job in jobs if not _refunded(job)]
    if len({job["charge"]["day"] for job in jobs}) == 1:  # not over midnight
        assert quota.get("characters", 0) == sum(job["charge"]["characters"] for job in kept)
    for action, capacity in cloud.per_minute.items():
        charged = [job for job in jobs if job["charge"]["action"] == action]
        if not charged:
            continue
        taken = sum(1 for job in charged if not (_refunded(job) and job["state"] == "failed"))
        bucket = quota["buckets"][action]
        first: datetime = min(requests[job["requestPath"]]["createdAt"] for job in charged)
        refilled = max(0.0, (bucket["at"] - first).total_seconds() + cloud.skew_seconds) * capacity / 60
        assert capacity - taken - 1e-6 <= bucket["tokens"] <= capacity - taken + refilled + 1e-6


def _refunded(job: Fields) -> bool:
    """Ours to give back: what failed through us, and what was taken back before a GPU had it."""
    if job["state"] == "failed":
        return job["error"]["code"] not in USERS_FAULT
    return job["state"] == "cancelled" and "worker" not in job
