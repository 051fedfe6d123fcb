"""What a call to Cloud Tasks can be refused with. The gRPC status carries the name and the message."""

from __future__ import annotations


class TasksError(Exception):
    """Root. `code` is the google.rpc name."""

    code = "INTERNAL"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidArgumentError(TasksError):
    code = "INVALID_ARGUMENT"


class NotFoundError(TasksError):
    code = "NOT_FOUND"


class AlreadyExistsError(TasksError):
    code = "ALREADY_EXISTS"


class FailedPreconditionError(TasksError):
    code = "FAILED_PRECONDITION"


class UnimplementedError(TasksError):
    """A part of Cloud Tasks that is not here; the message names it."""

    code = "UNIMPLEMENTED"
