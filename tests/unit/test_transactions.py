"""The retry of transactions, with Firestore's API replaced under the real client: what fails at begin, read, commit and
rollback, alone and together. Nothing sleeps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.types import BeginTransactionResponse, CommitResponse
from hypothesis import given
from hypothesis import strategies as st

from jobs import transactions
from jobs.errors import Contention, FailedPrecondition, Internal, InvalidArgument, Unavailable
from jobs.transactions import Backoff

google_errors: Any = exceptions  # its constructors are not typed
ABORTED = google_errors.Aborted("too much contention on gs://secret")
ANYBODY = AnonymousCredentials()  # type: ignore[no-untyped-call]
UNAVAILABLE = google_errors.ServiceUnavailable("socket closed")


class Api:
    """Answers each call with the next of what is scripted for it, and well when that is used up."""

    def __init__(self) -> None:
        self.script: dict[str, Iterator[Exception | None]] = {}
        self.calls: list[str] = []

    def fail(self, call: str, *errors: Exception | None) -> None:
        self.script[call] = iter(errors)

    def begin_transaction(self, **_: Any) -> BeginTransactionResponse:
        self._next("begin")
        return BeginTransactionResponse(transaction=b"t")

    def batch_get_documents(self, **_: Any) -> Iterator[Any]:
        self._next("read")
        return iter(())

    def commit(self, **_: Any) -> CommitResponse:
        self._next("commit")
        return CommitResponse()

    def rollback(self, **_: Any) -> None:
        self._next("rollback")

    def _next(self, call: str) -> None:
        self.calls.append(call)
        error = next(self.script.get(call, iter(())), None)
        if error is not None:
            raise copy.copy(error)  # an exception that was raised before carries where, and during what


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def run(api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    client = firestore.Client(project="demo", credentials=ANYBODY)
    client._firestore_api_internal = api

    def run(function: Callable[[Any], Any] = lambda _transaction: "done", **options: Any) -> Any:
        return transactions.run(client, function, sleep=lambda _seconds: None, **options)

    return run


@pytest.mark.parametrize("call", ["begin", "read", "commit"])
@pytest.mark.parametrize(
    "error",
    [
        *(ABORTED, UNAVAILABLE, google_errors.DeadlineExceeded("x")),
        *(google_errors.InternalServerError("x"), google_errors.Cancelled("call already cancelled")),
    ],
)
def test_what_another_try_may_mend_is_tried_again(
    run: Callable[..., Any], api: Api, call: str, error: Exception
) -> None:
    api.fail(call, error, error, None)

    def function(transaction: firestore.Transaction) -> str:
        list(transaction.get(transaction._client.document("a/b")))
        return "done"

    assert run(function) == "done"
    assert api.calls.count("begin") == 3
    assert api.calls[-1] == "commit"


@pytest.mark.parametrize("rollback", [UNAVAILABLE, google_errors.InvalidArgument("no such transaction"), None])
def test_a_failing_rollback_does_not_hide_our_error(
    run: Callable[..., Any], api: Api, rollback: Exception | None
) -> None:
    def function(_transaction: Any) -> None:
        raise InvalidArgument("ours")

    api.fail("rollback", rollback)
    with pytest.raises(InvalidArgument, match="ours"):
        run(function)
    assert api.calls == ["begin", "rollback"]


@pytest.mark.parametrize("rollback", [google_errors.InvalidArgument("no such transaction"), None])
def test_a_document_that_is_there_is_for_the_caller_to_explain(
    run: Callable[..., Any], api: Api, rollback: Exception | None
) -> None:
    api.fail("commit", google_errors.AlreadyExists("jobs/x"))
    api.fail("rollback", rollback)
    with pytest.raises(google_errors.AlreadyExists):
        run()
    assert api.calls.count("commit") == 1


def test_a_failing_rollback_does_not_hide_a_conflict(run: Callable[..., Any], api: Api) -> None:
    api.fail("commit", ABORTED)
    api.fail("rollback", google_errors.InvalidArgument("no such transaction"))
    assert run() == "done"


def refuse() -> None:
    raise FailedPrecondition("refused by the GPU service")


def test_an_error_that_the_caller_is_handling_is_not_the_reason(run: Callable[..., Any], api: Api) -> None:
    """dispatch fails a job while it handles what the GPU backend raised; a conflict there is a conflict."""
    api.fail("commit", ABORTED, None)
    try:
        refuse()
    except FailedPrecondition:
        assert run() == "done"


@pytest.mark.parametrize(("error", "given_up"), [(ABORTED, Contention), (UNAVAILABLE, Unavailable)])
def test_it_gives_up_in_our_words(
    run: Callable[..., Any], api: Api, error: Exception, given_up: type[Exception]
) -> None:
    api.fail("commit", *[error] * 4)
    with pytest.raises(given_up) as raised:
        run(backoff=Backoff(tries=4))
    assert type(raised.value) is given_up
    assert api.calls.count("begin") == 4
    assert str(error) not in str(raised.value)
    assert type(raised.value.__cause__) is type(error)


@pytest.mark.parametrize("error", [google_errors.PermissionDenied("iam"), google_errors.NotFound("no document")])
def test_what_should_not_happen_is_internal_and_not_repeated(
    run: Callable[..., Any], api: Api, error: Exception
) -> None:
    api.fail("commit", error)
    with pytest.raises(Internal) as raised:
        run()
    assert type(raised.value.__cause__) is type(error)
    assert api.calls.count("begin") == 1


def test_a_bug_in_the_function_is_raised_as_it_is(run: Callable[..., Any], api: Api) -> None:
    def function(_transaction: Any) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(function)


def test_pauses_lie_between_the_tries_and_double_up_to_the_cap(run: Callable[..., Any], api: Api) -> None:
    pauses: list[float] = []
    client_errors = [ABORTED] * 6
    api.fail("commit", *client_errors)
    client = firestore.Client(project="demo", credentials=ANYBODY)
    client._firestore_api_internal = api
    with pytest.raises(Contention):
        transactions.run(
            client,
            lambda _transaction: None,
            backoff=Backoff(tries=6, base=1, cap=10),
            sleep=pauses.append,
            draw=lambda: 1.0,
        )
    assert pauses == [2, 4, 8, 10, 10], "none after the last try"


@given(tried=st.integers(1, 200), drawn=st.floats(0, 1))
def test_full_jitter_stays_within_its_bounds(tried: int, drawn: float) -> None:
    backoff = Backoff(base=0.02, cap=2.0)
    assert 0 <= backoff.pause(tried, lambda: drawn) <= min(2.0, 0.02 * 2**tried)
    assert backoff.pause(tried, lambda: 0.0) == 0


@pytest.mark.parametrize("error", [ABORTED, UNAVAILABLE, google_errors.RetryError("timeout", UNAVAILABLE)])
def test_a_single_call_that_may_work_later_is_unavailable(error: Exception) -> None:
    def call() -> None:
        raise error

    with pytest.raises(Unavailable):
        transactions.call(call)


def test_a_single_call_passes_on_what_it_got_and_what_it_cannot_explain() -> None:
    assert transactions.call(lambda a, b: (a, b), 1, b=2) == (1, 2)

    def missing() -> None:
        raise google_errors.NotFound("x")

    with pytest.raises(google_errors.NotFound):
        transactions.call(missing)
