"""The lake under everything that happens to it: reruns, second writers, missing months."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from candlecast import candles
from candlecast.errors import LakeUnavailable, WriteConflict
from candlecast.lake import ATTEMPTS, DATASETS, Lake
from tests.cloud import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SYMBOL = "BTC-USDT"
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
KEY = "candles/exchange=binance/symbol=BTC-USDT/timeframe=1h/month=2026-11/candles.parquet"


def rows(start: datetime, count: int, close: float = 100.0) -> pd.DataFrame:
    hours = [start + timedelta(hours=i) for i in range(count)]
    values = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": 1.0, "source": "binance"}
    return candles.conform(pd.DataFrame({"open_time": hours, **values, "ingested_at": start}))


def adding(fresh: pd.DataFrame) -> Any:
    return lambda stored: candles.merge(stored, fresh)


@pytest.fixture
def requests(s3: S3Client) -> list[str]:
    """The names of the requests made to S3 since the test began."""
    made: list[str] = []
    s3.meta.events.register("before-call.s3", lambda model, **_: made.append(model.name))
    return made


@pytest.mark.parametrize("dataset", list(DATASETS))
def test_what_was_never_stored_reads_as_an_empty_table_of_the_right_types(lake: Lake, dataset: Any) -> None:
    table = lake.read(dataset, SYMBOL, NOVEMBER, NOVEMBER + timedelta(days=40))

    assert table.empty
    assert dict(table.dtypes.astype(str)) == DATASETS[dataset].columns


def test_candles_come_back_as_they_went_in(lake: Lake) -> None:
    stored = rows(NOVEMBER, 5)

    lake.update("candles", SYMBOL, "2026-11", adding(stored))

    pd.testing.assert_frame_equal(lake.read("candles", SYMBOL, NOVEMBER, NOVEMBER + timedelta(days=30)), stored)


def test_a_read_spans_months_and_keeps_to_its_range(lake: Lake) -> None:
    lake.update("candles", SYMBOL, "2026-10", adding(rows(NOVEMBER - timedelta(hours=3), 3)))
    lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 3)))

    table = lake.read("candles", SYMBOL, NOVEMBER - timedelta(hours=1), NOVEMBER + timedelta(hours=2))

    assert list(table["open_time"]) == [NOVEMBER + timedelta(hours=i) for i in (-1, 0, 1)]


def test_objects_are_zstd_parquet_with_utc_microseconds(lake: Lake, s3: S3Client) -> None:
    lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 2)))

    body = s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()

    file = pq.ParquetFile(io.BytesIO(body))
    assert file.schema_arrow.field("open_time").type == pa.timestamp("us", tz="UTC")
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_month_is_read_in_one_request_and_written_in_two(lake: Lake, requests: list[str]) -> None:
    lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 2)))
    lake.read("candles", SYMBOL, NOVEMBER, NOVEMBER + timedelta(days=1))

    assert requests == ["GetObject", "PutObject", "GetObject"]


def test_a_month_just_read_need_not_be_read_again(lake: Lake, requests: list[str]) -> None:
    known = lake.month("candles", SYMBOL, "2026-11")
    left = lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 1)), known)
    lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 2)), left)

    assert requests == ["GetObject", "PutObject", "PutObject"]


def test_a_known_month_is_not_sent_again_while_it_is_as_it_was(lake: Lake) -> None:
    known = lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 1)))

    assert lake.month("candles", SYMBOL, "2026-11", known) is known

    lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 2)))
    assert len(lake.month("candles", SYMBOL, "2026-11", known).table) == 2


@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_while_s3_refuses_the_error_says_to_try_again_and_nothing_has_changed(
    lake: Lake, s3: S3Client, operation: str
) -> None:
    stored = lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 1)))

    def refuse(model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        error = {"Error": {"Code": "SlowDown", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 503}}
        return (AWSResponse("", 503, HTTPHeaders(), None), error) if model.name == operation else None

    events: Any = s3.meta.events
    events.register("before-call.s3", refuse, unique_id="refuse")
    try:
        with pytest.raises(LakeUnavailable, match="run again later"):
            lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 2)))
    finally:
        events.unregister("before-call.s3", unique_id="refuse")

    assert lake.month("candles", SYMBOL, "2026-11").etag == stored.etag


def test_repeating_an_update_leaves_the_etag_alone(lake: Lake, requests: list[str]) -> None:
    first = lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 3)))
    second = lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 3)))

    assert second.etag == first.etag
    assert requests.count("PutObject") == 1


def test_a_change_to_nothing_makes_no_object(lake: Lake, requests: list[str]) -> None:
    assert lake.update("quarantine", SYMBOL, "2026-11", lambda stored: stored).etag is None
    assert "PutObject" not in requests


def test_two_writers_at_once_lose_no_row_of_either(lake: Lake) -> None:
    def write(hour: int) -> None:
        lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER + timedelta(hours=hour), 1)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(8)))

    assert len(lake.read("candles", SYMBOL, NOVEMBER, NOVEMBER + timedelta(days=1))) == 8


def test_a_writer_that_comes_second_applies_its_change_to_what_the_first_one_left(lake: Lake) -> None:
    stale = lake.month("candles", SYMBOL, "2026-11")
    lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, 1)))

    left = lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER + timedelta(hours=1), 1)), stale)

    assert len(left.table) == 2


def test_a_writer_that_never_wins_gives_up_with_the_remedy(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    tries = 0

    def overtaken(stored: pd.DataFrame) -> pd.DataFrame:
        nonlocal tries
        tries += 1
        lake.update("candles", SYMBOL, "2026-11", adding(rows(NOVEMBER, tries)))
        return candles.merge(stored, rows(NOVEMBER + timedelta(days=9), 1))

    with pytest.raises(WriteConflict, match="run again"):
        lake.update("candles", SYMBOL, "2026-11", overtaken)

    assert tries == ATTEMPTS
    assert len(lake.month("candles", SYMBOL, "2026-11").table) == ATTEMPTS, "the others' rows stand"


def test_texts_and_flags_keep_their_nulls(lake: Lake, s3: S3Client) -> None:
    row = {"target_hour": [NOVEMBER], "note": [None], "inside_interval": [None], "model_version": ["baseline"]}

    lake.update("forecasts", SYMBOL, "2026-11", lambda stored: DATASETS["forecasts"].conform(pd.DataFrame(row)))

    stored = lake.month("forecasts", SYMBOL, "2026-11").table
    body = s3.get_object(Bucket=BUCKET, Key="forecasts/symbol=BTC-USDT/month=2026-11/forecasts.parquet")["Body"].read()
    assert pq.ParquetFile(io.BytesIO(body)).schema_arrow.field("note").type == pa.string(), (
        "though it is null throughout"
    )
    assert stored["note"].iloc[0] is None
    assert stored["inside_interval"].isna().all()
    assert stored["model_version"].iloc[0] == "baseline"
