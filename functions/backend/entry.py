"""What stands between the platform and the backend: an event becomes a call, an error becomes the platform's "again?".

    raised by the backend      a document event or message   a task                       a callable
    PermanentError             logged, acknowledged          logged, acknowledged         the caller gets it
    RetryableError, any other  raised: delivered again       500: delivered again         the caller gets it
    Busy                       raised: delivered again       503: the whole queue slows   the caller gets it

An error that leaves a function is put into the 500's body by the functions framework, so only ours do.
"""

from __future__ import annotations

import base64
import io
import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

import firebase_admin
from firebase_functions import firestore_fn, https_fn, pubsub_fn, scheduler_fn
from firebase_functions.core import CloudEvent
from firebase_functions.https_fn import FunctionsErrorCode, HttpsError
from msgspec import DecodeError, Struct, ValidationError
from werkzeug.wrappers import Request, Response

from backend.services import services
from jobs import keys, logs
from jobs.documents import validate
from jobs.errors import Busy, Internal, PermanentError, RetryableError
from jobs.outbox import JobEvent

log = logging.getLogger(__name__)
Fields = dict[str, Any]
Function = TypeVar("Function", bound=Callable[..., Any])

# firebase_functions verifies a callable's tokens with the default app, before any code of ours runs. Nothing is sent.
firebase_admin.initialize_app(options={"httpTimeout": 10})  # seconds; its own default is two minutes


# As the platform starts an instance of the api: better none than one that cannot keep anybody out.
if os.environ.get("FUNCTION_TARGET") == "api":
    services().api_settings()


class Task(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The body of a task, as backend.tasks writes it."""

    job_id: str
    attempt: int


class WebhookTask(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    job_id: str


def retried(function: Function) -> Function:
    """Have the platform deliver an event again when its function raises. The decorators have no option for it.

    Source: firebase-functions-python issue 165; the endpoint is what the deployment reads.
    """
    declared: Any = function
    declared.__firebase_endpoint__.eventTrigger["retry"] = True
    return function


def document_created(event: firestore_fn.Event[Any]) -> None:
    from backend import admission  # noqa: PLC0415  (each function loads only what it runs)

    path, user_id = event.document, _user_in(event)
    with logs.about(keys.job_id(path)):
        _acknowledge(lambda: admission.admit(services(), path, user_id), {"requestPath": path})


def _user_in(event: firestore_fn.Event[Any]) -> str:
    """Whose document was written, as the event says; empty where it does not."""
    written: Fields = (event.data.to_dict() if event.data is not None else None) or {}
    user_id = written.get("userId")
    return user_id if isinstance(user_id, str) else ""


def message_published(event: CloudEvent[pubsub_fn.MessagePublishedData[Any]]) -> None:
    from backend import notifications  # noqa: PLC0415

    try:
        happened = JobEvent.decode(base64.b64decode(event.data.message.data or ""))
    except (DecodeError, ValidationError, ValueError):
        log.exception("a message that is no job event")
        return
    with logs.about(happened.job_id):
        _acknowledge(lambda: notifications.handle(services(), happened), {"jobId": happened.job_id})


def budget_alerted(event: CloudEvent[pubsub_fn.MessagePublishedData[Any]]) -> None:
    from backend import killswitch  # noqa: PLC0415

    try:
        notice = killswitch.BudgetNotice.decode(base64.b64decode(event.data.message.data or ""))
    except (DecodeError, ValueError):
        log.exception("a message that is no budget's")
        return
    _acknowledge(lambda: killswitch.handle(services(), notice), {})


def task_dispatched(request: https_fn.CallableRequest[Any]) -> None:
    from backend import dispatch  # noqa: PLC0415

    def handle() -> None:
        task = validate(request.data, Task)
        with logs.about(task.job_id):
            dispatch.dispatch(services(), task.job_id, task.attempt)

    _do_task(handle)


def webhook_due(request: https_fn.CallableRequest[Any]) -> None:
    from backend import webhooks  # noqa: PLC0415

    _do_task(lambda: webhooks.deliver(services(), validate(request.data, WebhookTask).job_id))


def _do_task(handle: Callable[[], object]) -> None:
    try:
        _acknowledge(handle, {})
    except Busy as error:
        raise HttpsError(FunctionsErrorCode.UNAVAILABLE, error.message) from error
    except RetryableError as error:
        # Not 503, which Cloud Tasks takes for a reason to slow the whole queue down: one job's bad luck is no other's.
        raise HttpsError(FunctionsErrorCode.INTERNAL, error.message) from error


def scheduled(event: scheduler_fn.ScheduledEvent) -> None:
    del event
    from backend import reconcile  # noqa: PLC0415

    _acknowledge(lambda: reconcile.reconcile(services()), {})


def create_upload(request: https_fn.CallableRequest[Any]) -> Fields:
    from backend import callables  # noqa: PLC0415

    return _answer(request, callables.create_upload)


def get_audio_url(request: https_fn.CallableRequest[Any]) -> Fields:
    from backend import callables  # noqa: PLC0415

    return _answer(request, callables.get_audio_url)


def create_voice_profile(request: https_fn.CallableRequest[Any]) -> Fields:
    from backend import requesting  # noqa: PLC0415

    return _answer(request, requesting.create_voice_profile, once=True)


def request_story_audio(request: https_fn.CallableRequest[Any]) -> Fields:
    from backend import requesting  # noqa: PLC0415

    return _answer(request, requesting.request_story_audio, once=True)


def cancel_request(request: https_fn.CallableRequest[Any]) -> Fields:
    from backend import requesting  # noqa: PLC0415

    return _answer(request, requesting.cancel_request)


def delete_voice(request: https_fn.CallableRequest[Any]) -> Fields:
    from backend import erasing  # noqa: PLC0415

    return _answer(request, erasing.delete_voice, once=True)


def delete_account(request: https_fn.CallableRequest[Any]) -> Fields:
    from backend import erasing  # noqa: PLC0415

    return _answer(request, erasing.delete_account, once=True, even_if_closed=True)


def _answer(request: https_fn.CallableRequest[Any], handle: Callable[..., Fields], **options: bool) -> Fields:
    """What a callable returns; `options` are those of `callables.answer`."""
    from backend import callables  # noqa: PLC0415

    logs.configure()
    return callables.answer(services(), request, handle, **options)


def api(request: Request) -> Response:
    from backend.api import app  # noqa: PLC0415

    logs.configure()
    # Its own view of the request: Flask's brings limits and parsers that are not ours.
    response = app.handle(Request(request.environ))
    # Before it answers, the functions framework reads the rest of a request into memory. There is none that we want.
    request.environ.update({"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"})
    return response


def _acknowledge(handle: Callable[[], object], fields: Fields) -> None:
    """Run it; return when it is done or never can be, raise one of our retryable errors when it should come again."""
    logs.configure()
    try:
        handle()
    except PermanentError as error:
        log.exception("given up: %s", error.code, extra=fields)
    except RetryableError as error:
        log.warning("to be delivered again: %s", error.code, exc_info=True, extra=fields)
        raise
    except Exception as error:
        log.exception("unexpected", extra=fields)
        raise Internal("Something went wrong on our side.") from error
