"""The stored gap record: read in one request, written only where it changes, never lost to a second writer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from candlecast import gaps
from candlecast.errors import Stop, WriteConflict
from candlecast.gaps import GapRecord, GapStore
from tests.cloud import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SYMBOL = "BTC-USDT"
KEY = "gaps/symbol=BTC-USDT/timeframe=1h/gaps.json"
START = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def first_day(record: GapRecord) -> GapRecord:
    return record.replaced(START, START + DAY, [START + DAY / 2], ["coinbase"])


def second_day(record: GapRecord) -> GapRecord:
    return record.replaced(START + DAY, START + 2 * DAY, [], ["coinbase"])


@pytest.fixture
def store(s3: S3Client) -> GapStore:
    return GapStore(s3, BUCKET)


def test_before_the_first_run_the_record_is_empty_and_nothing_is_written(store: GapStore, s3: S3Client) -> None:
    assert store.read(SYMBOL) == GapRecord()
    store.update(SYMBOL, lambda record: record)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_what_is_stored_reads_back(store: GapStore) -> None:
    stored = store.update(SYMBOL, first_day)
    assert store.read(SYMBOL) == stored == first_day(GapRecord())
    assert store.read("ETH-USDT") == GapRecord()


def test_a_run_that_finds_the_same_puts_nothing(store: GapStore, s3: S3Client) -> None:
    store.update(SYMBOL, first_day)
    before = s3.head_object(Bucket=BUCKET, Key=KEY)
    store.update(SYMBOL, first_day)
    after = s3.head_object(Bucket=BUCKET, Key=KEY)
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])


@pytest.mark.parametrize("existing", [False, True], ids=["created meanwhile", "changed meanwhile"])
def test_a_second_writer_loses_nothing(store: GapStore, existing: bool) -> None:
    if existing:
        store.update(SYMBOL, lambda record: record.replaced(START, START + DAY, [], []))
    overtaken: list[GapRecord] = []

    def overtaken_change(record: GapRecord) -> GapRecord:
        if not overtaken:
            overtaken.append(store.update(SYMBOL, second_day))
        return first_day(record)

    store.update(SYMBOL, overtaken_change)
    assert store.read(SYMBOL) == second_day(first_day(GapRecord()))


def test_losing_every_race_is_told(store: GapStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "ATTEMPTS", 2)
    changed = iter(range(1, 9))

    def always_overtaken(record: GapRecord) -> GapRecord:
        start = START - next(changed) * DAY
        store.update(SYMBOL, lambda r: r.replaced(start, start + DAY, [], []))
        return first_day(record)

    with pytest.raises(WriteConflict, match=KEY):
        store.update(SYMBOL, always_overtaken)


def test_an_object_that_is_no_record_is_told_with_its_remedy(store: GapStore, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b'{"schema_version": 2}')
    with pytest.raises(Stop, match="delete it"):
        store.read(SYMBOL)
