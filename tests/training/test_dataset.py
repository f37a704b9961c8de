"""The data set holds what was known at an instant, and is known by its content."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from candlecast.errors import TooLittleData
from tests.training.conftest import FIRST_AS_OF, SYMBOL, store
from training.dataset import COLUMNS, Dataset, load

OTHER = "ETH-USDT"


def test_only_rows_whose_target_was_known_are_kept(channel: Path) -> None:
    at = datetime(2025, 4, 10, 12, 0, tzinfo=UTC)
    assert load(channel, SYMBOL, at, 240).rows["open_time"].iloc[-1] == pd.Timestamp("2025-04-10T10:00Z")
    just_before = load(channel, SYMBOL, at - timedelta(seconds=1), 240)
    assert just_before.rows["open_time"].iloc[-1] == pd.Timestamp("2025-04-10T09:00Z")


def test_rows_are_complete_and_in_order(dataset: Dataset) -> None:
    assert list(dataset.rows.columns) == list(COLUMNS)
    assert dataset.rows.notna().all(axis=None)
    assert dataset.rows["open_time"].is_monotonic_increasing


def test_what_comes_later_does_not_change_the_data_set(rows: pd.DataFrame, dataset: Dataset, tmp_path: Path) -> None:
    later = rows["open_time"] >= pd.Timestamp(FIRST_AS_OF) - pd.Timedelta(hours=1)
    changed = rows.assign(close=rows["close"].mask(later, 1.0), target_return=rows["target_return"].mask(later, 9.0))
    assert load(store(changed, tmp_path), SYMBOL, FIRST_AS_OF, 240).fingerprint == dataset.fingerprint


def test_equal_rows_have_equal_fingerprints_however_stored(
    rows: pd.DataFrame, dataset: Dataset, tmp_path: Path
) -> None:
    rows[list(COLUMNS)[::-1]].to_parquet(tmp_path / "all.parquet", index=False)
    assert load(tmp_path, SYMBOL, FIRST_AS_OF, 240).fingerprint == dataset.fingerprint


def test_one_changed_value_changes_the_fingerprint(rows: pd.DataFrame, dataset: Dataset, tmp_path: Path) -> None:
    changed = rows.assign(momentum_24=rows["momentum_24"].where(rows.index != 1000, 0.5))
    assert load(store(changed, tmp_path), SYMBOL, FIRST_AS_OF, 240).fingerprint != dataset.fingerprint


def test_a_larger_hold_out_needs_a_longer_history(channel: Path) -> None:
    with pytest.raises(TooLittleData, match="training needs 3568"):
        load(channel, SYMBOL, FIRST_AS_OF, 2400)


def test_evaluation_starts_later_where_history_is_short(dataset: Dataset) -> None:
    end = datetime(2025, 4, 10, tzinfo=UTC)
    assert dataset.evaluation_start(30, end) == datetime(2025, 3, 11, tzinfo=UTC)
    assert dataset.evaluation_start(365, end) == dataset.rows["open_time"].iloc[1000] + pd.Timedelta(hours=1)


@pytest.fixture
def pooled(rows: pd.DataFrame, tmp_path: Path) -> Path:
    """A channel with a folder per symbol; the other one's history is shorter."""
    for symbol, table in {SYMBOL: rows, OTHER: rows.tail(800)}.items():
        store(table, tmp_path / f"symbol={symbol}" / "timeframe=1h")
    return tmp_path


def test_a_pooled_data_set_learns_from_all_symbols_and_forecasts_one(pooled: Path, dataset: Dataset) -> None:
    made = load(pooled, SYMBOL, FIRST_AS_OF, 240, pool=(OTHER, SYMBOL, "NEW-USDT"))
    pd.testing.assert_frame_equal(made.rows, dataset.rows)
    assert set(made.learnable["symbol"]) == {SYMBOL, OTHER}
    assert made.learnable["open_time"].is_monotonic_increasing
    own = made.learnable[made.learnable["symbol"] == SYMBOL].drop(columns="symbol")
    pd.testing.assert_frame_equal(own.reset_index(drop=True), dataset.rows)
    assert made.fingerprint != dataset.fingerprint


def test_no_symbol_of_a_pool_knows_more_than_was_known(pooled: Path) -> None:
    at = datetime(2025, 4, 10, 12, 0, tzinfo=UTC)
    made = load(pooled, SYMBOL, at, 240, pool=(OTHER, SYMBOL))
    newest = made.learnable.groupby("symbol")["open_time"].max()
    assert (newest == pd.Timestamp("2025-04-10T10:00Z")).all()
    assert (made.before(at - timedelta(days=1))["open_time"] <= pd.Timestamp("2025-04-09T10:00Z")).all()
