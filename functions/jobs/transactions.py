"""One Firestore transaction, run until it commits: the only way in which this system changes state.

The client library's own retry is weak: it retries only an ABORTED commit, at once, five times, lets an ABORTED read
escape, and ends in a ValueError. Here every attempt of the library's is one try of ours, with full jitter between them:

    try 1 ── aborted ── sleep 0…40 ms ── try 2 ── aborted ── sleep 0…80 ms ── try 3 … try 10 ── Contention

A commit whose answer was lost (UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED) is tried again too, although it may have
been applied. So the function must be one that may run twice: it reads first, finds its own work done, and says so.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard, TypeVar

from google.api_core import exceptions as google_errors
from google.cloud import firestore

from jobs.errors import Contention, DocumentFull, Internal, StoryvoiceError, Unavailable

T = TypeVar("T")
Fields = dict[str, Any]
# The library would retry a read for up to five minutes by itself; `run` retries the whole transaction.
ONE_CALL: dict[str, Any] = {"retry": None, "timeout": 15.0}
_CLOSED = re.compile(r"transaction\b.*\b(expired|closed|no longer valid)", re.IGNORECASE)
_TOO_LARGE = re.compile(r"maximum\b.*\bsize\b.*\b1,?048,?576 bytes", re.IGNORECASE)  # the emulator's words and Google's
_CONFLICTS = (google_errors.Aborted,)
_LOST = (
    google_errors.ServiceUnavailable,
    google_errors.DeadlineExceeded,
    google_errors.InternalServerError,
    google_errors.Cancelled,  # not by us: so the emulator answers when a listener to what is deleted has just gone
)


@dataclass(frozen=True)
class Backoff:
    """Full jitter: before try n+1 a pause of 0 to min(cap, base * 2^n) seconds. All in seconds."""

    tries: int = 10
    base: float = 0.02
    cap: float = 2.0
    deadline: float = 45.0  # no further try after this; an event function has a minute or two

    def pause(self, tried: int, draw: Callable[[], float]) -> float:
        return draw() * min(self.cap, self.base * 2.0**tried)


def run(
    client: firestore.Client,
    function: Callable[[firestore.Transaction], T],
    *,
    backoff: Backoff = Backoff(),
    sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[], float] = random.random,
    monotonic: Callable[[], float] = time.monotonic,
) -> T:
    """Run `function` in a transaction until it commits, and return what it returned.

    What `function` raises of our own errors passes through, and nothing is written. Raises Contention when others kept
    winning, Unavailable when Firestore cannot be reached, google's AlreadyExists when a document that was to be created
    is there, DocumentFull when one would grow beyond 1 MiB, Internal for what should not happen.
    """
    attempt = firestore.transactional(function)
    handled = sys.exception()
    give_up = monotonic() + backoff.deadline
    last: google_errors.GoogleAPICallError | None = None
    for tried in range(1, backoff.tries + 1):
        try:
            result: T = attempt(client.transaction(max_attempts=1))
        except Exception as error:  # noqa: BLE001  (_transient raises again whatever another try cannot mend)
            last = _transient(error, handled)
        else:
            return result
        if monotonic() > give_up:
            break
        if tried < backoff.tries:
            sleep(backoff.pause(tried, draw))
    if isinstance(last, _LOST):
        raise Unavailable("The database cannot be reached at the moment. Please try again.") from last
    raise Contention("Too many changes at once to the same documents. Please try again.") from last


def call(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """One Firestore call outside a transaction; what passes by itself becomes Unavailable, all else passes through."""
    try:
        return function(*arguments, **options)
    except (*_LOST, *_CONFLICTS, google_errors.RetryError) as error:
        raise Unavailable("The database cannot be reached at the moment. Please try again.") from error


def read(client: firestore.Client, path: str, fields: tuple[str, ...] | None = None, **options: Any) -> Fields | None:
    """A document as it is now (only the fields named), outside a transaction; None where there is none. As `call`."""
    found: Fields | None = call(client.document(path).get, field_paths=fields, **options).to_dict()
    return found


def read_within(
    transaction: firestore.Transaction, reference: Any, fields: tuple[str, ...] | None = None
) -> Fields | None:
    """A document (only the fields named) as `transaction` sees it, in one try; None where there is none."""
    found: Fields | None = reference.get(field_paths=fields, transaction=transaction, **ONE_CALL).to_dict()
    return found


def _transient(error: Exception, handled: BaseException | None) -> google_errors.GoogleAPICallError:
    """The failure of a try that another one may mend; anything else is raised.

    The library hides the reason: an aborted commit is the cause of a ValueError, and when rolling back fails in its
    turn, what went wrong first is only the context of what went wrong last. So the whole chain is looked through, up
    to `handled`: what the caller was handling already when it called is the context of everything, and no reason.
    """
    chain = list(_chain(error, handled))
    for link in chain:
        if isinstance(link, StoryvoiceError):
            raise link
    for link in chain:
        if isinstance(link, (*_CONFLICTS, *_LOST)) or _closed(link):
            return link
    for link in chain:
        if isinstance(link, google_errors.AlreadyExists):
            raise link  # the caller created something that is there: its to explain
    for link in chain:
        if isinstance(link, google_errors.InvalidArgument) and _TOO_LARGE.search(str(link)):
            raise DocumentFull(
                "There is no more room in a document of yours. Please delete what it need not hold."
            ) from link
        if isinstance(link, google_errors.GoogleAPICallError):
            raise Internal("Something went wrong on our side. Please try again.") from link
    raise error


def _closed(error: BaseException) -> TypeGuard[google_errors.InvalidArgument]:
    """Whether the transaction was over before its commit came: it had expired, or the client library's own retry of a
    lost answer committed again what was applied. Both are INVALID_ARGUMENT, told from a bad write only by its words."""
    return isinstance(error, google_errors.InvalidArgument) and bool(_CLOSED.search(str(error)))


def _chain(error: BaseException | None, end: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()  # an exception that is raised twice can be among its own causes
    while error is not None and error is not end and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
