"""Every error that this system raises on purpose, in one tree.

    StoryvoiceError                    code, message (a sentence for the user), retryable
    ├── PermanentError                 trying again cannot help: the job or the request fails
    │   ├── InvalidArgument            what the client wrote cannot be used
    │   │   └── InvalidRecording       the recording cannot be used: format, length, level
    │   ├── NotFound                   what it refers to does not exist, or is not the caller's
    │   ├── AlreadyExists              something else lies under the id that the client chose
    │   ├── PermissionDenied           it exists and the caller may not
    │   ├── Unauthenticated            we do not know who is calling
    │   ├── FailedPrecondition         right request, wrong state of the world: install, mount, clone first
    │   │   └── DocumentFull           a document would grow beyond what the database holds
    │   ├── ResourceExhausted          over a quota; carries retry_after_seconds
    │   ├── Cancelled                  the user took it back
    │   └── Conflict                   a transition that may not be made
    │       ├── StaleAttempt           fenced out: another attempt owns the job now
    │       ├── JobFinished            the job has reached a terminal state
    │       └── LeaseHeld              the same attempt is being worked on by somebody else
    └── RetryableError                 the same call may work later
        ├── Unavailable                a service that we use did not answer as it should
        │   ├── Busy                   it asks us to slow down
        │   └── Contention             Firestore gave up on a transaction that others kept invalidating
        ├── DeadlineExceeded           it took longer than it may
        └── Internal                   a bug of ours; another attempt may still succeed

`code` is a lower-case google.rpc name. `message` reaches users: it never holds a key, a signed URL, story text, or the
words of a library. What a developer needs goes into `__cause__` (raise … from error) and the log.
"""

from __future__ import annotations

from typing import Any, ClassVar


class StoryvoiceError(Exception):
    """Root of the tree. Raise a leaf."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def as_document(self) -> dict[str, Any]:
        """The `error` field of a document: {code, message, retryable}."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable}


class PermanentError(StoryvoiceError):
    pass


class RetryableError(StoryvoiceError):
    retryable = True


class InvalidArgument(PermanentError):
    code = "invalid_argument"


class InvalidRecording(InvalidArgument):
    pass


class NotFound(PermanentError):
    code = "not_found"


class AlreadyExists(PermanentError):
    code = "already_exists"


class PermissionDenied(PermanentError):
    code = "permission_denied"


class Unauthenticated(PermanentError):
    code = "unauthenticated"


class FailedPrecondition(PermanentError):
    code = "failed_precondition"


class DocumentFull(FailedPrecondition):
    pass


class ResourceExhausted(PermanentError):
    """Over a quota. Not retryable by us: the user asks again, `retry_after_seconds` from now or later."""

    code = "resource_exhausted"

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    def as_document(self) -> dict[str, Any]:
        return {**super().as_document(), "retryAfterSeconds": self.retry_after_seconds}


class Cancelled(PermanentError):
    code = "cancelled"


class Conflict(PermanentError):
    code = "aborted"


class StaleAttempt(Conflict):
    pass


class JobFinished(Conflict):
    pass


class LeaseHeld(Conflict):
    pass


class Unavailable(RetryableError):
    code = "unavailable"


class Busy(Unavailable):
    pass


class Contention(Unavailable):
    pass


class DeadlineExceeded(RetryableError):
    code = "deadline_exceeded"


class Internal(RetryableError):
    code = "internal"
