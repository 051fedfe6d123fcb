"""The arithmetic of quotas: to the token, to the second, to midnight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import ResourceExhausted
from jobs.model import Charge
from jobs.quotas import KEPT, Limit, charge, refund

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
FIVE = Limit("narrate", 5, 100)
Document = dict[str, Any] | None


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def spend(document: Document, limit: Limit, characters: int, now: datetime) -> tuple[Document, int | None]:
    """The document afterwards and, if it was refused, after how many seconds to come again."""
    try:
        return charge(document, limit, characters, now)[0], None
    except ResourceExhausted as refused:
        return document, refused.retry_after_seconds


def test_a_burst_empties_the_bucket_to_the_token() -> None:
    document: Document = None
    for left in (4, 3, 2, 1, 0):
        document, charged = charge(document, FIVE, 7, NOON)
        assert document["buckets"]["narrate"] == {"tokens": left, "at": NOON}
        assert charged == Charge(action="narrate", characters=7, day="2026-11-22")
    assert document is not None
    assert document["characters"] == 35
    assert document["expireAt"] == NOON + KEPT
    with pytest.raises(ResourceExhausted) as refused:
        charge(document, FIVE, 7, NOON)
    assert refused.value.retry_after_seconds == 12
    assert refused.value.message == "That is more than 5 requests a minute. Please try again in 12 seconds."


def test_the_bucket_never_holds_more_than_a_minute() -> None:
    document, _ = charge(None, FIVE, 0, NOON)
    document, _ = charge(document, FIVE, 0, at(86400 * 10))
    assert document["buckets"]["narrate"]["tokens"] == 4


def test_actions_have_buckets_of_their_own_and_share_the_day() -> None:
    document, _ = charge(None, Limit("clone", 1), 0, NOON)
    document, _ = charge(document, FIVE, 60, NOON)
    document, _ = charge(document, Limit("call", 9), 0, NOON)
    assert {name: bucket["tokens"] for name, bucket in document["buckets"].items()} == {
        "clone": 0,
        "narrate": 4,
        "call": 8,
    }
    assert document["characters"] == 60


RATES = st.integers(1, 300)
GAPS = st.lists(st.integers(0, 20_000_000), max_size=60)  # microseconds


@given(rate=RATES, gaps=GAPS)
def test_no_window_admits_more_than_a_burst_and_what_flows_in(rate: int, gaps: list[int]) -> None:
    document: Document = None
    now, admitted = NOON, []
    for gap in gaps:
        now += timedelta(microseconds=gap)
        document, wait = spend(document, Limit("a", rate), 0, now)
        if wait is None:
            admitted.append(now)
        assert document is not None
        assert 0 <= document["buckets"]["a"]["tokens"] <= rate
    for first, start in enumerate(admitted):
        for count, end in enumerate(admitted[first:], 1):
            assert count <= rate + (end - start).total_seconds() * rate / 60 + 1e-5


@given(rate=st.integers(1, 5), jumps=st.lists(st.integers(-90, 60), min_size=1, max_size=80))
def test_clocks_that_disagree_let_nobody_have_more(rate: int, jumps: list[int]) -> None:
    """Time is as late as the latest clock said; every other one only repeats what has been."""
    document, _ = spend(None, Limit("a", rate), 0, NOON)
    now, latest, admitted = NOON, NOON, 1
    for jump in jumps:
        now += timedelta(seconds=jump)
        latest = max(latest, now)
        document, wait = spend(document, Limit("a", rate), 0, now)
        admitted += wait is None
        assert admitted <= rate + (latest - NOON).total_seconds() * rate / 60 + 1e-5


def test_a_clock_that_runs_behind_takes_no_token_away() -> None:
    document, _ = charge(None, FIVE, 0, NOON)
    document, _ = charge(document, FIVE, 0, at(-3600))
    assert document["buckets"]["narrate"] == {"tokens": 3, "at": NOON}


@given(rate=RATES, gaps=GAPS)
def test_retry_after_is_exact(rate: int, gaps: list[int]) -> None:
    limit, document, now = Limit("a", rate), None, NOON
    for _ in range(rate):
        document, _ = charge(document, limit, 0, now)
    for gap in gaps:
        now += timedelta(microseconds=gap)
        document, wait = spend(document, limit, 0, now)
        if wait is None:
            continue
        assert wait >= 1
        assert spend(document, limit, 0, now + timedelta(seconds=wait))[1] is None
        assert spend(document, limit, 0, now + timedelta(seconds=wait - 1))[1] is not None


def test_the_daily_allowance_ends_at_midnight_utc() -> None:
    late = MIDNIGHT - timedelta(seconds=30)
    document, _ = charge(None, FIVE, 100, late)
    with pytest.raises(ResourceExhausted, match="daily allowance of 100 characters is used up") as refused:
        charge(document, FIVE, 1, late)
    assert refused.value.retry_after_seconds == 30
    assert spend(document, FIVE, 1, MIDNIGHT - timedelta(seconds=1))[1] == 1
    after, charged = charge(document, FIVE, 1, MIDNIGHT)
    assert (after["characters"], after["day"], charged.day) == (1, "2026-11-23", "2026-11-23")


def test_the_day_is_that_of_utc_wherever_the_clock_is() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert charge(None, FIVE, 1, datetime(2026, 11, 23, 3, tzinfo=tokyo))[1].day == "2026-11-22"


def test_a_clock_that_is_still_in_yesterday_does_not_renew_the_allowance() -> None:
    charged, _ = charge(None, FIVE, 100, MIDNIGHT)
    document, wait = spend(charged, FIVE, 50, MIDNIGHT - timedelta(seconds=1))
    assert wait is not None
    assert spend(document, FIVE, 50, MIDNIGHT + timedelta(seconds=1))[1] is not None


def test_a_text_longer_than_the_allowance_says_so_and_charges_nothing() -> None:
    with pytest.raises(ResourceExhausted, match=r"This text has 1,001 characters; the daily allowance is 1,000\. "):
        charge(None, Limit("narrate", 5, 1000), 1001, NOON)
    assert spend(None, Limit("narrate", 5, 1000), 1000, NOON)[1] is None


@given(spent=st.lists(st.integers(0, 60), max_size=20))
def test_never_more_characters_than_the_allowance(spent: list[int]) -> None:
    document, total = None, 0
    for number, characters in enumerate(spent):
        document, wait = spend(document, FIVE, characters, at(12 * number))
        total += characters if wait is None else 0
        assert total <= 100
        assert document is None or document["characters"] == total


@given(characters=st.integers(0, 100), token=st.booleans(), gap=st.integers(0, 30))
def test_a_refund_gives_back_what_was_charged(characters: int, token: bool, gap: int) -> None:
    before, _ = charge(None, FIVE, 0, NOON)
    after, charged = charge(before, FIVE, characters, at(gap))
    back = refund(after, charged, token=token)
    assert back is not None
    assert back["characters"] == before["characters"]
    given_back = back["buckets"]["narrate"]["tokens"] - after["buckets"]["narrate"]["tokens"]
    assert given_back == (1 if token else 0)
    assert after["characters"] == characters, "the document that was read is not changed"


def test_a_refund_never_overfills() -> None:
    document, charged = charge(None, FIVE, 10, NOON)
    back = refund(document, charged, token=True)
    back = refund(back, charged, token=True)
    assert back is not None
    assert back["characters"] == 0
    after, _ = charge(back, FIVE, 0, NOON)
    assert after["buckets"]["narrate"]["tokens"] == 4


def test_a_refund_on_another_day_gives_no_characters() -> None:
    _, charged = charge(None, FIVE, 40, NOON)
    document, _ = charge(None, FIVE, 30, MIDNIGHT)
    back = refund(document, charged, token=False)
    assert back == document


def test_a_refund_without_document_or_bucket() -> None:
    charged = Charge(action="clone", characters=1, day="2026-11-22")
    assert refund(None, charged, token=True) is None
    document, _ = charge(None, FIVE, 5, NOON)
    back = refund(document, charged, token=True)
    assert back is not None
    assert back["buckets"] == document["buckets"]


@pytest.mark.parametrize(
    ("tokens", "spoken"),
    [
        (59 / 60, "1 second."),
        (0.5, "30 seconds."),
        (-1.0, "2 minutes."),
        (-118.0, "119 minutes."),
        (-119.0, "2 hours."),
    ],
)
def test_waiting_times_are_words(tokens: float, spoken: str) -> None:
    document = {"buckets": {"a": {"tokens": tokens, "at": NOON}}}
    with pytest.raises(ResourceExhausted) as refused:
        charge(document, Limit("a", 1), 0, NOON)
    assert refused.value.message.endswith(f"again in {spoken}")
