"""Pages: everything once, newest first, whatever has the same time; cursors: only ours, and never a failure."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import listing
from backend.listing import _decode, _encode, page
from jobs.documents import AUDIO_REQUESTS
from jobs.errors import InvalidArgument
from jobs.keys import is_usable_id
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import START, USER

TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
IDS = st.text("abcABC019_-", min_size=1, max_size=128).filter(is_usable_id)


@given(TIMES, IDS)
def test_a_cursor_says_where_it_was(created_at: datetime, document_id: str) -> None:
    assert _decode(_encode(created_at, document_id)) == (created_at, document_id)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_what_is_no_cursor_is_refused_or_harmless(text: str) -> None:
    with contextlib.suppress(InvalidArgument):
        created_at, document_id = _decode(text)
        assert created_at.tzinfo is UTC
        assert is_usable_id(document_id)


def walk(world: FunctionsWorld, limit: int, keep: str = "") -> tuple[list[str], int]:
    """The ids on all pages, and how many pages there were."""
    seen, pages, cursor = [], 0, None
    while True:
        found = page(
            world.services,
            AUDIO_REQUESTS,
            USER,
            fields=("storyId",),
            limit=limit,
            cursor=cursor,
            keep=lambda fields: keep in str(fields["storyId"]),
        )
        assert len(found.items) <= limit
        seen += [document_id for document_id, _ in found.items]
        pages, cursor = pages + 1, found.next_cursor
        if cursor is None:
            return seen, pages


@pytest.fixture
def world(functions: FunctionsWorld, monkeypatch: pytest.MonkeyPatch) -> FunctionsWorld:
    """Nine requests, three at a time at the same moment; and a stranger's."""
    for number in range(9):
        at = START + timedelta(seconds=number // 3)
        functions.request(f"audio_requests/r{number}", createdAt=at, storyId="even" if number % 2 == 0 else "odd")
    functions.request("audio_requests/theirs", userId="u2")
    return functions


@pytest.mark.parametrize("limit", [1, 2, 4, 9, 100])
def test_everything_once_newest_first(world: FunctionsWorld, limit: int) -> None:
    seen, pages = walk(world, limit)
    assert seen == [f"r{number}" for number in range(8, -1, -1)]
    assert pages == -(-9 // limit)


def test_what_is_not_kept_takes_no_place(world: FunctionsWorld) -> None:
    assert walk(world, 2, "even") == (["r8", "r6", "r4", "r2", "r0"], 3)


def test_one_page_does_not_read_without_end(world: FunctionsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_SCANNED", 3)
    seen, pages = walk(world, 2, "nothing has this")
    assert seen == []
    assert pages > 1


def test_what_comes_meanwhile_shifts_nothing(world: FunctionsWorld) -> None:
    first = page(world.services, AUDIO_REQUESTS, USER, fields=(), limit=4, cursor=None)
    world.request("audio_requests/new", createdAt=START + timedelta(days=1), storyId="even")
    second = page(world.services, AUDIO_REQUESTS, USER, fields=(), limit=100, cursor=first.next_cursor)
    assert [each for each, _ in [*first.items, *second.items]] == [f"r{number}" for number in range(8, -1, -1)]
