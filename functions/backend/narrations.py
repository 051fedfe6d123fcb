"""A user's narrations and jobs, as a caller of the HTTP API sees them: requests of an app are among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend import listing
from backend.identity import owned
from backend.listing import Page
from backend.services import Services
from jobs import keys, transactions
from jobs.documents import AUDIO_REQUESTS, JOBS, Status
from jobs.errors import NotFound
from jobs.model import Kind

Fields = dict[str, Any]
USERS_OWN = "user"  # the story type of what no caller has called otherwise
_OF_JOB = ("kind", "userId", "requestPath", "state", "attempt", "timeline", "error")
_SHOWN = (
    *("storyId", "storyType", "voiceId", "language", "format", "status", "jobId", "progress", "error"),
    *("audioKey", "timingsKey", "captionsKey", "durationSeconds"),
)
_OF_REQUEST = ("userId", "jobId", "status", "progress", "error", "durationSeconds")


@dataclass(frozen=True)
class JobView:
    """A job and how its request stands. Two of them are equal while nothing has happened that a caller would see."""

    job_id: str
    kind: Kind
    path: str
    status: str  # one of Status
    attempt: int
    progress: Fields | None
    error: Fields | None
    timeline: Fields

    @property
    def is_over(self) -> bool:
        return self.status in Status.TERMINAL

    @property
    def subject_id(self) -> str:
        """Of the voice or the narration that it makes."""
        return self.path.partition("/")[2]


def find(services: Services, user_id: str, audio_id: str) -> Fields:
    """The user's narration, without its text, which may be long. Raises NotFound."""
    found = _read(services, f"{AUDIO_REQUESTS}/{usable_id(audio_id)}", ("userId", "createdAt", *_SHOWN))
    return owned(found, user_id, "narration")


def audio_key(user_id: str, narration: Fields) -> str:
    """Where the sound of one that is ready lies. Raises NotFound."""
    key = str(narration.get("audioKey", ""))
    if not keys.is_own_audio(user_id, key):
        raise NotFound("This narration has no sound.")
    return key


def job(services: Services, user_id: str, job_id: str) -> JobView:
    """The user's job. Raises NotFound, also for one that was finished so long ago that it is forgotten."""
    found = owned(_read(services, f"{JOBS}/{usable_id(job_id, 'job')}", _OF_JOB), user_id, "job")
    request = _read(services, found["requestPath"], _OF_REQUEST) or {}
    if request.get("userId") != user_id:
        request = {}  # deleted since
    status = str(request.get("status") or _ENDED.get(found["state"], Status.CANCELLED))
    return JobView(
        job_id=job_id,
        kind=Kind(found["kind"]),
        path=found["requestPath"],
        status=status,
        attempt=found["attempt"],
        progress=request.get("progress"),
        error=(request.get("error") or found.get("error")) if status == Status.FAILED else None,
        timeline=found.get("timeline") or {},
    )


def listed(
    services: Services,
    user_id: str,
    *,
    limit: int,
    cursor: str | None,
    language: str | None = None,
    story_type: str | None = None,
) -> Page:
    """The user's narrations that can be heard."""

    def keep(narration: Fields) -> bool:
        return (
            narration.get("status") == Status.READY
            and language in (None, narration.get("language"))
            and story_type in (None, narration.get("storyType", USERS_OWN))
        )

    return listing.page(services, AUDIO_REQUESTS, user_id, fields=_SHOWN, limit=limit, cursor=cursor, keep=keep)


# The request of a job that ended is gone, or is another's by now.
_ENDED = {"succeeded": Status.READY, "failed": Status.FAILED}


def usable_id(given: str, what: str = "narration") -> str:
    """`given`, if there can be a document of this id. Raises NotFound."""
    if not keys.is_usable_id(given):
        raise NotFound(f"There is no such {what}.")
    return given


def _read(services: Services, path: str, fields: tuple[str, ...] | None = None) -> Fields | None:
    return transactions.read(services.firestore(), path, fields)
