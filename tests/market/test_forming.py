"""The still-open candle shows what has happened so far, and grows into the full one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstack.market.candles import Row
from localstack.market.forming import forming

prices = st.integers(1, 10_000_000).map(lambda ticks: round(ticks * 0.01, 2))
parts = st.floats(0.0001, 0.9999)


@st.composite
def full_candles(draw: st.DrawFn) -> Row:
    low, first, second, high = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
    opened, closed = draw(st.permutations([first, second]))
    return Row(draw(st.integers(0, 2_000_000)), opened, high, low, closed, draw(st.floats(1e-5, 1e6)))


@given(full_candles(), parts)
def test_it_lies_within_the_full_candle_and_is_consistent(full: Row, elapsed: float) -> None:
    part = forming(full, elapsed, decimals=2)
    assert part.hour == full.hour
    assert part.open == full.open
    assert full.low <= part.low <= min(part.open, part.close)
    assert max(part.open, part.close) <= part.high <= full.high
    assert 0 < part.volume <= full.volume


@given(full_candles(), parts, parts)
def test_its_extremes_and_volume_only_grow(full: Row, one: float, other: float) -> None:
    earlier, later = (forming(full, elapsed, decimals=2) for elapsed in sorted((one, other)))
    assert later.high >= earlier.high
    assert later.low <= earlier.low
    assert later.volume >= earlier.volume


@given(full_candles())
def test_it_begins_at_the_open_and_ends_as_the_full_candle(full: Row) -> None:
    begun, ended = forming(full, 1e-9, decimals=2), forming(full, 1 - 1e-12, decimals=2)
    assert begun.close == pytest.approx(full.open, abs=0.011)
    assert ended.close == pytest.approx(full.close, abs=0.011)
    assert (ended.high, ended.low) == (full.high, full.low)


def test_the_same_moment_always_shows_the_same() -> None:
    full = Row(490_000, 100.0, 103.0, 98.0, 101.0, 50.0)
    assert forming(full, 0.4, 2) == forming(full, 0.4, 2)
