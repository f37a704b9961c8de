"""Candle files in every dialect become the same rows, and what cannot be a candle is set aside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from candlecast.errors import BadRequest, TooLittleData
from tests.domain.conftest import simulate_market
from training.candle_file import read
from training.dataset import COLUMNS

Write = Callable[[pd.DataFrame], Path]
VALUES = ["open", "high", "low", "close", "volume"]


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    """Forty days of candles."""
    return simulate_market(960, seed=2)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(table: pd.DataFrame) -> Path:
        table.to_parquet(tmp_path / "candles.parquet")
        return tmp_path / "candles.parquet"

    return written


def epochs(market: pd.DataFrame, per_second: int) -> pd.Series:
    return market["open_time"].astype("int64") // 10**6 * per_second


DIALECTS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "our own columns": lambda m: m,
    "timestamps with a zone": lambda m: m[VALUES].assign(timestamp=m["open_time"].dt.as_unit("ns")),
    "timestamps of another zone": lambda m: m[VALUES].assign(timestamp=m["open_time"].dt.tz_convert("Asia/Tokyo")),
    "timestamps without a zone": lambda m: m[VALUES].assign(timestamp=m["open_time"].dt.tz_localize(None)),
    "timestamps in milliseconds": lambda m: m[VALUES].assign(timestamp=m["open_time"].dt.as_unit("ms")),
    "times as text": lambda m: m[VALUES].assign(date=m["open_time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")),
    "times as the index": lambda m: m.set_index("open_time")[VALUES],
    "epoch seconds": lambda m: m[VALUES].assign(timestamp=epochs(m, 1)),
    "epoch milliseconds": lambda m: m[VALUES].assign(timestamp=epochs(m, 10**3)),
    "epoch microseconds": lambda m: m[VALUES].assign(timestamp=epochs(m, 10**6)),
    "epoch nanoseconds": lambda m: m[VALUES].assign(timestamp=epochs(m, 10**9)),
    "milliseconds, then microseconds": lambda m: m[VALUES].assign(
        timestamp=epochs(m, 10**3).where(m.index < 500, epochs(m, 10**6))
    ),
    "unsorted, every row twice": lambda m: pd.concat([m, m]).sample(frac=1, random_state=1),
    "of several symbols": lambda m: pd.concat([m.assign(symbol="BTC/USDT"), m.assign(symbol="ETH/USDT")]),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_candles(market: pd.DataFrame, write: Write, dialect: str) -> None:
    found = read(write(DIALECTS[dialect](market)), "BTC-USDT")
    pd.testing.assert_frame_equal(found.candles[["open_time", *VALUES]], market[["open_time", *VALUES]])
    assert found.set_aside == {}
    assert found.missing_hours == 0


def test_what_cannot_be_a_candle_is_set_aside_and_counted(market: pd.DataFrame, write: Write) -> None:
    broken = pd.concat([market, market.iloc[[500]].assign(close=1e4, low=1e4)]).reset_index(drop=True)
    broken.loc[600, "low"] = -1.0
    broken.loc[700, "volume"] = float("nan")
    found = read(write(broken), "BTC-USDT")
    assert sorted(found.set_aside.values()) == [1, 1, 2]
    assert any("conflicting" in reason for reason in found.set_aside)
    assert found.missing_hours == 3


def test_rows_to_learn_from_are_complete_and_a_gap_leaves_none_beside_it(market: pd.DataFrame, write: Write) -> None:
    rows = read(write(market.drop(index=800)), "BTC-USDT").rows()
    assert list(rows.columns) == list(COLUMNS)
    assert rows.notna().all(axis=None)
    opened = set(rows["open_time"])
    assert market["open_time"][799] not in opened  # its outcome is the missing hour's
    assert market["open_time"][801] not in opened  # its last return is unknown
    assert market["open_time"][900] in opened


def test_files_that_hold_no_candles_are_refused_with_what_is_needed(
    market: pd.DataFrame, write: Write, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match="cannot be read"):
        read(tmp_path / "none.parquet", "BTC-USDT")
    text = tmp_path / "text.parquet"
    text.write_text("open,high\n1,2\n")
    with pytest.raises(BadRequest, match="no Parquet file"):
        read(text, "BTC-USDT")
    with pytest.raises(BadRequest, match="candles need open_time or timestamp, open, high"):
        read(write(market.drop(columns="volume")), "BTC-USDT")
    with pytest.raises(BadRequest, match="holds no times"):
        read(write(market.assign(open_time="yesterday")), "BTC-USDT")
    with pytest.raises(TooLittleData, match="no candle of SOL-USDT"):
        read(write(market.assign(symbol="BTC-USDT")), "SOL-USDT")
    with pytest.raises(TooLittleData, match="give a longer history"):
        read(write(market.head(300)), "BTC-USDT").rows()
