"""What others are told about a job: events on Pub/Sub, at least once, never before they are true.

A transition writes the event's name into the job's `unpublished` in its own commit; `Outbox.publish` sends it and takes
the name out again. If the process dies in between, the reconciler finds the name and sends it again: consumers see an
event once or more, never not at all.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import msgspec
from google.api_core import exceptions as google_errors
from google.cloud import firestore

from jobs import documents, transactions
from jobs.errors import StoryvoiceError, Unavailable
from jobs.model import Job, Kind, State

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import PublisherClient

log = logging.getLogger(__name__)
TOPIC = "voice-job-events"
_ANSWER_SECONDS = 20


def event_name(state: State, attempt: int) -> str:
    """The name of what happened, unique within its job: `succeeded.1`, `queued.2`."""
    return f"{state.value}.{attempt}"


class JobEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The message on the topic: JSON in `data`, and `jobId` and `state` as attributes to filter by."""

    job_id: str
    kind: Kind
    request_path: str
    user_id: str
    state: State
    attempt: int

    @classmethod
    def of(cls, job: Job, name: str) -> JobEvent:
        state, _, attempt = name.partition(".")
        return cls(
            job_id=job.id,
            kind=job.kind,
            request_path=job.request_path,
            user_id=job.user_id,
            state=State(state),
            attempt=int(attempt),
        )

    @classmethod
    def decode(cls, data: bytes | str) -> JobEvent:
        return msgspec.json.decode(data, type=cls)


class Outbox:
    """Publishes to the topic of its project. The client is made on first use: importing it costs a second."""

    def __init__(self, client: firestore.Client, credentials: Any = None) -> None:
        self._firestore = client
        self._credentials = credentials
        self._topic = f"projects/{client.project}/topics/{TOPIC}"
        self._lock = threading.Lock()
        self._publisher: PublisherClient | None = None

    def announce(self, job: Job) -> None:
        """Publish what has just happened to the job. Not raising: what cannot be sent now stays in the outbox."""
        try:
            self.publish(job, event_name(job.state, job.attempt))
        except StoryvoiceError as error:
            log.warning("event stays in the outbox: %s", error.code, extra={"jobId": job.id, "attempt": job.attempt})

    def publish(self, job: Job, name: str) -> None:
        """Send one event and take it out of the outbox. Raises Unavailable when Pub/Sub or Firestore do not answer."""
        event = JobEvent.of(job, name)
        attributes = {"jobId": event.job_id, "state": event.state.value}
        try:
            sent = self._client().publish(self._topic, json.dumps(msgspec.to_builtins(event)).encode(), **attributes)
            sent.result(timeout=_ANSWER_SECONDS)
        except Exception as error:
            # Whatever the library raises here (its errors share no base class) means: not known to be sent.
            raise Unavailable("The event could not be published.") from error
        reference = self._firestore.document(f"{documents.JOBS}/{job.id}")
        with contextlib.suppress(google_errors.NotFound):  # erased with its user in the meantime
            transactions.call(reference.update, {"unpublished": firestore.ArrayRemove([name])})

    def _client(self) -> Any:
        with self._lock:
            if self._publisher is None:
                from google.cloud import pubsub_v1  # noqa: PLC0415  (heavy, and few processes publish)

                self._publisher = pubsub_v1.PublisherClient(credentials=self._credentials)
            return self._publisher
