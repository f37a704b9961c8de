"""Recorded candles: served as they are, up to their end; a directory that cannot be served says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from localstack.market.parquet import read
from localstack.market.recorded import Recorded
from tests.market.recordings import RECORDED_FROM, RECORDED_HOURS, recording, write_recording
from tests.market.server import Client, Server

HOUR = 3_600_000
FIRST = int(RECORDED_FROM.timestamp() * 1000)
LAST = FIRST + (RECORDED_HOURS - 1) * HOUR


def test_ccxt_reads_what_was_recorded(recorded: Server, client: Client) -> None:
    exchange = client(recorded, "binance")
    assert set(exchange.load_markets()) == {"BTC/USDT", "ETH/USDT"}
    assert exchange.market("BTC/USDT")["precision"]["price"] == 0.1
    written = recording(RECORDED_FROM, RECORDED_HOURS)
    rows = exchange.fetch_ohlcv("BTC/USDT", "1h", since=FIRST, limit=1000)
    for place, name in enumerate(("open", "high", "low", "close", "volume"), 1):
        assert [row[place] for row in rows] == list(written[name][:1000])


def test_data_ends_where_the_files_end_with_every_candle_closed(recorded: Server, client: Client) -> None:
    exchange = client(recorded, "bitstamp")
    rows = exchange.fetch_ohlcv("BTC/USDT", "1h", limit=5)
    assert [row[0] for row in rows] == [LAST - hours * HOUR for hours in (4, 3, 2, 1, 0)]
    assert rows[-1][4] == recording(RECORDED_FROM, RECORDED_HOURS)["close"][-1]


def test_within_the_recording_the_newest_candle_is_still_open(recorded: Server, client: Client) -> None:
    exchange = client(recorded, "binance", "2024-02-01T10:15:00Z")
    *_, before, newest = exchange.fetch_ohlcv("BTC/USDT", "1h", limit=5)
    (full,) = recorded.truth("BTC-USDT", "2024-02-01T10:00:00Z", "2024-02-01T11:00:00Z")
    assert before[0] + HOUR == newest[0] == full[0]
    assert newest[5] == pytest.approx(full[5] / 4)
    assert round(newest[4], 1) == newest[4]


def test_before_the_first_recorded_hour_there_is_nothing(recorded: Server, client: Client) -> None:
    exchange = client(recorded, "coinbase", "2024-02-01T10:15:00Z")
    assert exchange.fetch_ohlcv("BTC/USDT", "1h", since=FIRST - 400 * HOUR, limit=300) == []
    rows = exchange.fetch_ohlcv("BTC/USDT", "1h", since=FIRST - 10 * HOUR, limit=300)
    assert rows[0][0] == FIRST


def test_health_says_what_is_recorded(recorded: Server) -> None:
    health = recorded.get("/_market/health").json()
    assert health["market"] == "recorded"
    assert health["symbols"] == ["BTC-USDT", "ETH-USDT"]
    assert (health["first"], health["last"]) == ("2024-01-01T00:00:00Z", "2024-03-30T23:00:00Z")


def test_a_gap_stays_a_gap(tmp_path: Path) -> None:
    columns = recording(RECORDED_FROM, 100)
    kept = [*range(40), *range(50, 100)]
    write_recording(tmp_path / "BTC-USDT.parquet", {name: values.take(kept) for name, values in columns.items()})
    source = Recorded(tmp_path)
    first, _ = source.bounds("BTC-USDT")
    rows = source.select("BTC-USDT", first + 35, first + 99, 10, newest=False)
    assert (rows.hour - first).tolist() == [35, 36, 37, 38, 39, 50, 51, 52, 53, 54]
    rows = source.select("BTC-USDT", first, first + 52, 5, newest=True)
    assert (rows.hour - first).tolist() == [38, 39, 50, 51, 52]


def test_several_files_of_a_symbol_are_one_series_and_the_later_file_counts(tmp_path: Path) -> None:
    write_recording(tmp_path / "BTC-USDT_a.parquet", recording(RECORDED_FROM, 50, seed=1))
    write_recording(tmp_path / "BTC-USDT_b.parquet", recording(RECORDED_FROM, 30, seed=2))
    source = Recorded(tmp_path)
    first, last = source.bounds("BTC-USDT")
    assert last - first == 49
    closes = source.select("BTC-USDT", first, last, 99, newest=False).close
    assert closes[:30].tolist() == recording(RECORDED_FROM, 30, seed=2)["close"].tolist()
    assert closes[30:].tolist() == recording(RECORDED_FROM, 50, seed=1)["close"][30:].tolist()


def test_unordered_and_repeated_rows_are_put_right(tmp_path: Path) -> None:
    columns = recording(RECORDED_FROM, 20)
    order = [*range(19, -1, -1), 5, 6]
    shuffled = {name: values.take(order) for name, values in columns.items()}
    candles = read(str(write_recording(tmp_path / "BTC-USDT.parquet", shuffled)))
    assert candles.close.tolist() == columns["close"].tolist()


UNITS: list[pa.DataType] = [*(pa.timestamp(unit, "UTC") for unit in ("s", "ms", "us", "ns")), pa.timestamp("us")]


@pytest.mark.parametrize("kind", UNITS, ids=str)
def test_any_unit_of_time_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    columns = recording(RECORDED_FROM, 5)
    columns["timestamp"] = columns["timestamp"].cast(kind)
    candles = read(str(write_recording(tmp_path / "BTC-USDT.parquet", columns)))
    assert candles.hour[0] == FIRST // HOUR


def spoiled(**changes: Any) -> dict[str, Any]:
    columns = {**recording(RECORDED_FROM, 5), **changes}
    return {name: values for name, values in columns.items() if values is not None}


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (spoiled(volume=None), "no column volume"),
        (spoiled(timestamp=np.arange(5)), "not a timestamp"),
        (spoiled(timestamp=pa.array(np.arange(5) * 60, pa.timestamp("s"))), "start of an hour"),
        (spoiled(close=pa.array([1.0, 2.0, None, 4.0, 5.0])), "without a value"),
        ({name: values[:0] for name, values in spoiled().items()}, "no rows"),
    ],
)
def test_candles_that_are_not_whole_are_not_served(tmp_path: Path, columns: dict[str, Any], complaint: str) -> None:
    path = write_recording(tmp_path / "BTC-USDT.parquet", columns)
    with pytest.raises(ValueError, match=complaint):
        read(str(path))


def test_a_bad_directory_ends_the_server_with_one_line_and_code_2(tmp_path: Path) -> None:
    (tmp_path / "BTC-USDT.parquet").write_text("not parquet")
    for directory, complaint in (
        (tmp_path, "BTC-USDT.parquet cannot be served"),
        (tmp_path / "nowhere", "is not a directory"),
        (Path(__file__).parent, "holds no file named like BTC-USDT.parquet"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "localstack.market", "--port", "0", "--market", str(directory)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert ended.returncode == 2
        assert complaint in ended.stderr
        assert ended.stderr.count("\n") == 1


REAL = Path(os.environ.get("CANDLECAST_MARKET", Path(__file__).parents[3] / "shared" / "market"))


@pytest.mark.skipif(not (REAL / "BTC-USDT.parquet").exists(), reason="no recorded market here (CANDLECAST_MARKET)")
def test_the_real_recordings_are_served_whole() -> None:
    source = Recorded(REAL)
    first, last = source.bounds("BTC-USDT")
    candles = source.select("BTC-USDT", first, last, last - first + 1, newest=False)
    assert len(candles) == last - first + 1
    assert np.all(candles.high >= candles.low)
