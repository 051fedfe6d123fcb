"""From the order of decoding to the order that is wanted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gpu_job.engines.chatterbox.ordering import in_order


class Making:
    """Remembers how many went together, and that no index is made twice."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.made: set[int] = set()

    def __call__(self, raw: dict[int, str]) -> dict[int, str]:
        assert not self.made & raw.keys()
        self.made |= raw.keys()
        self.sizes.append(len(raw))
        return {index: each.upper() for index, each in raw.items()}


def test_the_first_at_once_and_more_and_more_together() -> None:
    making = Making()
    given_out = list(in_order([(index, f"s{index}") for index in range(20)], making, most=8))
    assert given_out == [(index, f"S{index}") for index in range(20)]
    assert making.sizes == [1, 2, 4, 8, 5]


def test_none_is_made_before_the_next_that_is_wanted() -> None:
    making = Making()
    asked = in_order(((index, "s") for index in (3, 2, 1, 0, 4)), making, most=8)
    assert next(asked) == (0, "S")
    assert making.sizes == [4]
    assert [index for index, _ in asked] == [1, 2, 3, 4]


def test_nothing() -> None:
    assert list(in_order(iter(()), Making(), most=8)) == []


@given(st.integers(0, 40).flatmap(lambda count: st.permutations(range(count))), st.integers(1, 8))
def test_any_order_comes_out_in_order(order: list[int], most: int) -> None:
    making = Making()
    assert [index for index, _ in in_order(((index, "s") for index in order), making, most=most)] == sorted(order)
    assert sum(making.sizes) == len(order)
