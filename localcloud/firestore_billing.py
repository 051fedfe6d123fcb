"""What a Firestore call would be billed: documents read, written and deleted, counted from the messages as they pass.

    BatchGetDocuments        one read for each answer, missing documents included
    GetDocument, List…       one read for each document
    RunQuery                 one read for each result and each skipped by an offset, one at least
    RunAggregationQuery      one read for each 1,000 documents counted, one at least
    Listen                   one read for each document that is added to a listener's result or changed in it
    Commit, BatchWrite, …    one write or delete for each, once the call succeeds

Source: "Understand Cloud Firestore billing". An aggregation tells only its result, so one that is no count is one read.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from google.cloud.firestore_v1 import types

READS = "document_reads"
WRITES = "document_writes"
DELETES = "document_deletes"
ENTRIES_PER_READ = 1000
Billed = Counter[str]


class Meter:
    """Follows one call: every message of it goes by here, and each answer says what became billable with it."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._request = _REQUESTS.get(method)
        self._response = _RESPONSES.get(method)
        self._sent: deque[Billed] = deque()  # writes that have not been answered yet
        self._reads = 0

    def request(self, message: bytes) -> None:
        if self._request:
            self._sent.append(self._request(message))

    def response(self, message: bytes) -> Billed:
        # Write answers once for its handshake, which carries no writes, and then once for each request.
        if self._method == "Write" and self._sent:
            return self._sent.popleft()
        billed = self._response(message) if self._response else Counter()
        self._reads += billed[READS]
        return billed

    def end(self, *, succeeded: bool) -> Billed:
        """What is billable only now. A call that failed has written nothing but what it said it had."""
        billed: Billed = Counter()
        if succeeded and self._method != "Write":
            for writes in self._sent:
                billed.update(writes)
            if self._method in _AT_LEAST_ONE_READ and not self._reads:
                billed[READS] = 1
        return billed


def _pb(message_type: Any) -> Callable[[bytes], Any]:
    """The parser of the plain protobuf class: proto-plus' wrappers cost more than all the rest."""
    parse: Callable[[bytes], Any] = message_type.pb().FromString
    return parse


_commit_request = _pb(types.CommitRequest)
_batch_write_request = _pb(types.BatchWriteRequest)
_write_request = _pb(types.WriteRequest)
_query_response = _pb(types.RunQueryResponse)
_aggregation_response = _pb(types.RunAggregationQueryResponse)
_listen_response = _pb(types.ListenResponse)
_list_response = _pb(types.ListDocumentsResponse)
_batch_get_response = _pb(types.BatchGetDocumentsResponse)


def _writes(writes: Any) -> Billed:
    billed: Billed = Counter()
    for write in writes:
        billed[DELETES if write.WhichOneof("operation") == "delete" else WRITES] += 1
    return billed


def _of_query(message: bytes) -> Billed:
    response = _query_response(message)
    return Counter({READS: response.HasField("document") + response.skipped_results})


def _of_aggregation(message: bytes) -> Billed:
    fields = _aggregation_response(message).result.aggregate_fields.values()
    counted = max((value.integer_value for value in fields), default=0)
    return Counter({READS: max(1, math.ceil(counted / ENTRIES_PER_READ))})


def _of_listen(message: bytes) -> Billed:
    change = _listen_response(message)
    return Counter({READS: int(change.HasField("document_change") and bool(change.document_change.target_ids))})


def _of_batch_get(message: bytes) -> Billed:
    """The first answer of a transaction may carry nothing but the transaction's id."""
    return Counter({READS: int(_batch_get_response(message).WhichOneof("result") is not None)})


_REQUESTS: dict[str, Callable[[bytes], Billed]] = {
    "Commit": lambda message: _writes(_commit_request(message).writes),
    "BatchWrite": lambda message: _writes(_batch_write_request(message).writes),
    "Write": lambda message: _writes(_write_request(message).writes),
    "CreateDocument": lambda message: Counter({WRITES: 1}),
    "UpdateDocument": lambda message: Counter({WRITES: 1}),
    "DeleteDocument": lambda message: Counter({DELETES: 1}),
}
_RESPONSES: dict[str, Callable[[bytes], Billed]] = {
    "BatchGetDocuments": _of_batch_get,
    "GetDocument": lambda message: Counter({READS: 1}),
    "ListDocuments": lambda message: Counter({READS: len(_list_response(message).documents)}),
    "RunQuery": _of_query,
    "RunAggregationQuery": _of_aggregation,
    "Listen": _of_listen,
}
_AT_LEAST_ONE_READ = frozenset({"RunQuery", "ListDocuments"})
