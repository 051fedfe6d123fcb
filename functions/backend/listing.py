"""Lists a page at a time, newest first. A cursor says where the page before ended, and nothing about anybody.

    ?limit=2            [d, c]  next_cursor = after c
    ?cursor=after c     [b, a]  no next_cursor: that was all

What is created meanwhile comes before the first page, so nothing is shown twice and nothing is left out.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from backend.services import Services
from jobs import keys, transactions
from jobs.errors import InvalidArgument

Fields = dict[str, Any]
LARGEST = 100
_SCANNED = 500  # documents that one page may read to find what it keeps
_NEWEST = firestore.Query.DESCENDING
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NAME = "__name__"


@dataclass(frozen=True)
class Page:
    """`items`: ids and fields of documents. `next_cursor`: where the next page begins, None at the end."""

    items: list[tuple[str, Fields]]
    next_cursor: str | None


def page(
    services: Services,
    collection: str,
    user_id: str,
    *,
    fields: tuple[str, ...],
    limit: int,
    cursor: str | None,
    keep: Callable[[Fields], bool] = lambda _: True,
) -> Page:
    """These fields of the user's documents of a collection. Raises InvalidArgument for a cursor that is none.

    One page reads a bounded number of documents, so where `keep` keeps few it can be short, or empty, and still have a
    `next_cursor`.
    """
    client = services.firestore()
    named = client.collection(collection)
    query = named.where(filter=FieldFilter("userId", "==", user_id))
    query = query.order_by("createdAt", direction=_NEWEST).order_by(_NAME, direction=_NEWEST)
    query = query.select([*fields, "createdAt"])
    after = None if cursor is None else _decode(cursor)
    kept: list[tuple[str, Fields]] = []
    scanned, more = 0, True
    while more and len(kept) <= limit and scanned < _SCANNED:
        wanted = limit + 1 - len(kept)
        begun = query if after is None else query.start_after({"createdAt": after[0], _NAME: named.document(after[1])})
        batch: list[Any] = transactions.call(list, begun.limit(wanted).stream())
        for snapshot in batch:
            found = snapshot.to_dict()
            after = found["createdAt"], snapshot.id
            if keep(found):
                kept.append((snapshot.id, found))
        scanned += len(batch)
        more = len(batch) == wanted
    if len(kept) > limit:
        last_id, last = kept[limit - 1]
        return Page(kept[:limit], _encode(last["createdAt"], last_id))
    return Page(kept, _encode(*after) if more and after is not None else None)


def _encode(created_at: datetime, document_id: str) -> str:
    packed = struct.pack(">q", (created_at - _EPOCH) // _MICROSECOND) + document_id.encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        (microseconds,) = struct.unpack(">q", packed[:8])
        created_at, document_id = _EPOCH + microseconds * _MICROSECOND, packed[8:].decode("ascii")
    except (ValueError, OverflowError, struct.error):
        raise InvalidArgument("`cursor` must be a `next_cursor` of this list.") from None
    if not keys.is_usable_id(document_id):
        raise InvalidArgument("`cursor` must be a `next_cursor` of this list.")
    return created_at, document_id
