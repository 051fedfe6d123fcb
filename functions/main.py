"""The entry points, as the Firebase CLI finds them: a decorator, one call, nothing else.

Each is a Cloud Run service of its own. What one does is in backend/; what may be configured is in backend/settings.py.
"""

from __future__ import annotations

import os
from typing import Any

from firebase_functions import firestore_fn, https_fn, pubsub_fn, scheduler_fn, tasks_fn
from firebase_functions.core import CloudEvent
from firebase_functions.options import MemoryOption, RateLimits, RetryConfig

from backend import entry
from backend.params import API_SECRETS, SECRETS
from backend.settings import BUDGET_TOPIC, FUNCTIONS_ACCOUNT, REGION, THREADS
from jobs.documents import AUDIO_REQUESTS, VOICE_PROFILES
from jobs.outbox import TOPIC

# functions-framework reads it after this file.
os.environ.setdefault("THREADS", str(THREADS))

# cpu=1: the default is a sixth of a CPU and one request at a time.
COMMON: dict[str, Any] = {
    "region": REGION,
    "cpu": 1,
    "memory": MemoryOption.MB_512,
    "secrets": SECRETS,
    "service_account": FUNCTIONS_ACCOUNT,
}
CALLABLE: dict[str, Any] = {**COMMON, "enforce_app_check": True, "concurrency": THREADS, "max_instances": 20}


@entry.retried
@firestore_fn.on_document_created(
    document=f"{VOICE_PROFILES}/{{voiceId}}", timeout_sec=120, concurrency=THREADS, max_instances=20, **COMMON
)
def on_voice_profile_created(event: firestore_fn.Event[Any]) -> None:
    entry.document_created(event)


@entry.retried
@firestore_fn.on_document_created(
    document=f"{AUDIO_REQUESTS}/{{requestId}}", timeout_sec=120, concurrency=THREADS, max_instances=20, **COMMON
)
def on_audio_request_created(event: firestore_fn.Event[Any]) -> None:
    entry.document_created(event)


@tasks_fn.on_task_dispatched(
    retry_config=RetryConfig(max_attempts=20, min_backoff_seconds=2, max_backoff_seconds=120, max_doublings=5),
    rate_limits=RateLimits(max_concurrent_dispatches=100, max_dispatches_per_second=100),
    timeout_sec=60,
    concurrency=THREADS,
    max_instances=20,
    **COMMON,
)
def dispatchJob(request: https_fn.CallableRequest[Any]) -> None:  # noqa: N802  (a queue's name has no underscores)
    entry.task_dispatched(request)


# A receiver that is away for a day is told when it is back: 10 s, 20 s, … up to an hour between two tries.
@tasks_fn.on_task_dispatched(
    retry_config=RetryConfig(max_attempts=30, min_backoff_seconds=10, max_backoff_seconds=3600, max_doublings=9),
    rate_limits=RateLimits(max_concurrent_dispatches=50, max_dispatches_per_second=50),
    timeout_sec=60,
    concurrency=THREADS,
    max_instances=5,
    **{**COMMON, "secrets": API_SECRETS},
)
def deliverWebhook(request: https_fn.CallableRequest[Any]) -> None:  # noqa: N802  (as dispatchJob)
    entry.webhook_due(request)


@scheduler_fn.on_schedule(schedule="every 1 minutes", timeout_sec=300, concurrency=1, max_instances=1, **COMMON)
def reconcile(event: scheduler_fn.ScheduledEvent) -> None:
    entry.scheduled(event)


@pubsub_fn.on_message_published(
    topic=TOPIC, retry=True, timeout_sec=60, concurrency=THREADS, max_instances=10, **COMMON
)
def on_job_event(event: CloudEvent[pubsub_fn.MessagePublishedData[Any]]) -> None:
    entry.message_published(event)


@pubsub_fn.on_message_published(
    topic=BUDGET_TOPIC, retry=True, timeout_sec=60, concurrency=1, max_instances=1, **COMMON
)
def on_budget_alert(event: CloudEvent[pubsub_fn.MessagePublishedData[Any]]) -> None:
    entry.budget_alerted(event)


@https_fn.on_call(timeout_sec=30, **CALLABLE)
def createUpload(request: https_fn.CallableRequest[Any]) -> dict[str, Any]:  # noqa: N802  (the name that apps call)
    return entry.create_upload(request)


@https_fn.on_call(timeout_sec=30, **CALLABLE)
def getAudioUrl(request: https_fn.CallableRequest[Any]) -> dict[str, Any]:  # noqa: N802
    return entry.get_audio_url(request)


@https_fn.on_call(timeout_sec=30, **CALLABLE)
def createVoiceProfile(request: https_fn.CallableRequest[Any]) -> dict[str, Any]:  # noqa: N802
    return entry.create_voice_profile(request)


@https_fn.on_call(timeout_sec=30, **CALLABLE)
def requestStoryAudio(request: https_fn.CallableRequest[Any]) -> dict[str, Any]:  # noqa: N802
    return entry.request_story_audio(request)


@https_fn.on_call(timeout_sec=60, **CALLABLE)
def cancelRequest(request: https_fn.CallableRequest[Any]) -> dict[str, Any]:  # noqa: N802
    return entry.cancel_request(request)


@https_fn.on_call(timeout_sec=120, **CALLABLE)
def deleteVoice(request: https_fn.CallableRequest[Any]) -> dict[str, Any]:  # noqa: N802
    return entry.delete_voice(request)


@https_fn.on_call(timeout_sec=120, **CALLABLE)
def deleteAccount(request: https_fn.CallableRequest[Any]) -> dict[str, Any]:  # noqa: N802
    return entry.delete_account(request)


# 1 GB: a recording of 50 MB comes in base64, and is held as that, as text and as bytes for a moment.
@https_fn.on_request(
    timeout_sec=300,
    concurrency=THREADS,
    max_instances=20,
    invoker="public",
    **{**COMMON, "memory": MemoryOption.GB_1, "secrets": API_SECRETS},
)
def api(request: Any) -> Any:
    return entry.api(request)
