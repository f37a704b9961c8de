"""A corrected candle becomes a new version, and the one before is kept, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from candlecast import candles, revisions

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def table(*closes: float, source: str = "binance", ingested_at: datetime = NOON) -> pd.DataFrame:
    """Candles of the hours from noon on."""
    rows = [
        {"open_time": NOON + k * HOUR, "open": 100.0, "high": 110.0, "low": 90.0, "close": close, "volume": 1.0}
        for k, close in enumerate(closes)
    ]
    return candles.conform(pd.DataFrame(rows).assign(source=source, ingested_at=ingested_at))


STORED = table(100.0, 101.0, 102.0)
LATER = NOON + 5 * HOUR


def test_a_correction_is_what_the_same_exchange_says_otherwise() -> None:
    fetched = table(100.0, 101.5, 102.0, 103.0, ingested_at=LATER)

    before, after = revisions.corrections(STORED, fetched)

    pd.testing.assert_frame_equal(before, STORED.iloc[[1]].reset_index(drop=True))
    pd.testing.assert_frame_equal(after, fetched.iloc[[1]].reset_index(drop=True))


def test_another_exchange_s_view_is_no_correction() -> None:
    assert revisions.corrections(STORED, table(100.0, 101.5, 102.0, source="coinbase")).after.empty


def test_a_correction_replaces_the_version_that_was_seen_with_its_source_and_time() -> None:
    fetched = table(100.0, 101.5, 102.0, ingested_at=LATER)

    corrected = revisions.corrected(STORED, revisions.corrections(STORED, fetched))

    assert corrected["close"].tolist() == [100.0, 101.5, 102.0]
    assert corrected["ingested_at"].tolist() == [NOON, LATER, NOON]


def test_a_candle_that_another_run_replaced_meanwhile_stands() -> None:
    changes = revisions.corrections(STORED, table(100.0, 101.5, 102.0))
    replaced = table(100.0, 101.7, 102.0)

    pd.testing.assert_frame_equal(revisions.corrected(replaced, changes), replaced)


@pytest.mark.parametrize("stored", [STORED, candles.empty()])
def test_without_corrections_nothing_changes(stored: pd.DataFrame) -> None:
    changes = revisions.corrections(stored, stored)
    assert revisions.corrected(stored, changes) is stored


def test_a_version_is_kept_once_with_the_time_of_the_run_that_superseded_it_first() -> None:
    nothing = STORED.iloc[:0].assign(superseded_at=pd.Series([], dtype="datetime64[us, UTC]"))
    once = revisions.superseded(nothing, STORED.iloc[[1]], LATER)
    twice = revisions.superseded(once, STORED.iloc[[1]], LATER + HOUR)

    assert twice["superseded_at"].tolist() == [LATER]


def test_a_value_that_comes_back_and_goes_again_is_a_version_of_its_own() -> None:
    first, second = table(100.0), table(100.0, ingested_at=LATER)
    kept = revisions.superseded(revisions.superseded(first.iloc[:0], first, LATER), second, LATER + HOUR)

    assert kept["superseded_at"].tolist() == [LATER, LATER + HOUR]
