"""`jobs`: see what there is, stop it, begin it again."""

from __future__ import annotations

import secrets
from argparse import Namespace
from itertools import pairwise

import msgspec

from backend import cancelling
from backend.services import Services
from jobs import transactions
from jobs.documents import AUDIO_REQUESTS, VOICE_PROFILES, AudioRequest, Status, VoiceProfileRequest
from jobs.errors import DeadlineExceeded, FailedPrecondition, StoryvoiceError
from jobs.model import Job, State
from jobs.transition import SERVER_TIME
from operations import reading
from operations.results import Action, Fields, Record, Result, Rows

COLUMNS = ("id", "kind", "state", "attempt", "userId", "requestPath", "updatedAt", "error")
SHAPES: dict[str, type[msgspec.Struct]] = {VOICE_PROFILES: VoiceProfileRequest, AUDIO_REQUESTS: AudioRequest}
_STOPPED = "This was stopped by the service's operators. Please try again."


def list_jobs(services: Services, given: Namespace) -> Result:
    found = reading.jobs(services, {"state": given.state, "kind": given.kind, "userId": given.user})
    return Rows(COLUMNS, [_row(job) for job in found[: given.limit]], _more(len(found), given.limit))


def show_job(services: Services, given: Namespace) -> Result:
    job = reading.job(services, given.job)
    record = {
        **_row(job),
        "trace": job.trace,
        "timeline": _timeline(job),
        "usage": job.usage,
        "error": job.error,
        "lease until": job.lease_expires_at,
        "not before": job.not_before,
        "unpublished": job.unpublished,
    }
    return Record(
        {
            **{name: value for name, value in record.items() if value not in (None, {}, [])},
            **_whereabouts(services, job),
        }
    )


def cancel_job(services: Services, given: Namespace) -> Result:
    job = reading.job(services, given.job)
    job.require_unfinished()
    if given.yes:
        cancelling.cancel(services, job.id)
    return Action(f"Cancel {_name(job)}, and stop it on the GPU.", given.yes)


def requeue_job(services: Services, given: Namespace) -> Result:
    """End the attempt that is under way, as the reconciler would if its lease had lapsed; the next one follows."""
    job = reading.job(services, given.job)
    job.require_unfinished()
    is_last = job.attempt >= services.store().policy.max_attempts
    says = f"End attempt {job.attempt} of {_name(job)}; " + (
        "it was the last, so it fails." if is_last else "begin the next."
    )
    if not given.yes:
        return Action(says, done=False)
    after = services.store().fail(job.id, job.attempt, DeadlineExceeded(_STOPPED))
    cancelling.stop(services, msgspec.structs.replace(after, backend=job.backend))
    if after.state is State.QUEUED:
        services.queues().enqueue(after)
    return Action(says, done=True, outcome={"state": after.state.value, "attempt": after.attempt})


def retry_job(services: Services, given: Namespace) -> Result:
    """Ask again on the user's behalf. What has ended stays as it ended, since apps have seen it end: the new request
    has an id of its own, and is judged and charged as any other."""
    job = reading.job(services, given.job)
    if job.state not in {State.FAILED, State.CANCELLED}:
        raise FailedPrecondition(f"Job {job.id} is {job.state.value}; only what failed or was cancelled is retried.")
    collection, _, _ = job.request_path.partition("/")
    old = reading.get(services, job.request_path)
    names = SHAPES[collection].__struct_encode_fields__
    fields = {**{name: old[name] for name in names if name in old}, "status": Status.PENDING, "createdAt": SERVER_TIME}
    says = f"Ask again for what {_name(job)} did not do, as a new request of user {job.user_id}."
    if not given.yes:
        return Action(says, done=False)
    path = f"{collection}/{secrets.token_hex(10)}"
    transactions.call(services.firestore().document(path).create, fields)
    return Action(says, done=True, outcome={"requestPath": path})


def _row(job: Job) -> Fields:
    return {
        "id": job.id,
        "kind": job.kind.value,
        "state": job.state.value,
        "attempt": job.attempt,
        "userId": job.user_id,
        "requestPath": job.request_path,
        "updatedAt": job.updated_at,
        "error": (job.error or {}).get("code"),
    }


def _timeline(job: Job) -> Fields:
    """What happened when, and how many seconds after what came before it."""
    happened = sorted(job.timeline.items(), key=lambda each: each[1])
    first = {name: f"{at.isoformat(timespec='milliseconds')}" for name, at in happened[:1]}
    later = {
        name: f"{at.isoformat(timespec='milliseconds')}  +{(at - before).total_seconds():.3f} s"
        for (_, before), (name, at) in pairwise(happened)
    }
    return {**first, **later}


def _whereabouts(services: Services, job: Job) -> Fields:
    """Where an unfinished job is now, as far as those who should have it say."""
    if job.finished:
        return {}
    try:
        if job.state is State.QUEUED:
            return {"task": "waiting" if services.queues().has_task_of(job) else "none: reconcile dispatches it"}
        if job.backend is not None and job.submitted:
            state = services.gpu().state(job.backend, job.kind)
            return {"backend": f"{job.backend.name} {job.backend.id}: {state.value}"}
    except StoryvoiceError as error:
        return {"whereabouts": f"not known: {error.message}"}
    return {}


def _name(job: Job) -> str:
    return f"{job.kind.value} job {job.id} ({job.state.value}, {job.request_path})"


def _more(found: int, limit: int) -> str:
    return f"{found - limit} more; --limit shows them." if found > limit else ""
