"""Events twice, late and out of order, functions killed, a bucket that refuses: the same bytes as one clean run."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from candlecast import hours
from candlecast.hours import HOUR
from localstack.demo.deployed import Deployed
from tests.flows import workers
from tests.flows.replay import Books, Replay
from tests.flows.waiting import eventually
from tests.market.server import Server

pytestmark = pytest.mark.timeout(900)
Audit = Callable[[Replay, datetime], Books]
START = datetime(2021, 4, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def series(stack: Deployed, market: Server) -> Iterator[Replay]:
    """DOGE on its wildest days; 25 days of history are there. At the end all is what one clean run makes of it."""
    replay = Replay(stack, market, "STORE-USDT", START)
    replay.backfill(600)
    yield replay
    twin = Replay(stack, market, "TWIN-USDT", START)
    twin.backfill(round((replay.cursor - START) / HOUR))
    market.reset()
    assert features_and_gaps(replay) == features_and_gaps(twin), "the same bytes as one clean run"
    columns = ["open_time", "open", "high", "low", "close", "volume", "source"]  # all but the time of the run
    pd.testing.assert_frame_equal(
        replay.stored(START, replay.cursor)[columns], twin.stored(START, twin.cursor)[columns]
    )


def features_and_gaps(replay: Replay) -> dict[str, str]:
    """The ETag of every object of a symbol that tells no run's time."""
    s3, bucket = replay.stack.client("s3"), replay.stack.outputs["bucket"]
    return {
        found["Key"].partition("/timeframe")[2]: found["ETag"]
        for dataset in ("features", "gaps")
        for found in s3.list_objects_v2(Bucket=bucket, Prefix=f"{dataset}/symbol={replay.symbol}/")["Contents"]
    }


def test_the_same_event_twice_at_once_is_once(series: Replay, audit: Audit) -> None:
    begin = series.cursor
    with ThreadPoolExecutor(3) as threads:
        for _ in range(6):
            series.cursor += 4 * HOUR
            series.clock(series.cursor + timedelta(minutes=1))
            thrice = [series.event(series.cursor)] * 3
            list(threads.map(lambda event: series.stack.invoke("ingest", event), thrice))
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


def test_events_out_of_order_and_late_end_like_events_in_order(series: Replay, audit: Audit) -> None:
    begin, order = series.cursor, list(range(1, 13))
    random.Random(7).shuffle(order)
    series.cursor = begin + max(order) * HOUR
    series.clock(series.cursor + timedelta(minutes=1))
    with ThreadPoolExecutor(2) as threads:
        events = [series.event(begin + ahead * HOUR) for ahead in order]
        list(threads.map(lambda event: series.stack.invoke("ingest", event), events))
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


@pytest.mark.skipif(not workers.PROCESSES.exists(), reason="finds the functions' processes in /proc")
def test_a_function_killed_between_its_writes_is_made_good_by_its_retry(series: Replay, audit: Audit) -> None:
    begin, between = series.cursor, False
    while not between:
        assert series.cursor - begin < timedelta(hours=30), "no kill fell between the candles and their features"
        before = series.cursor
        series.cursor += 3 * HOUR
        series.clock(series.cursor + timedelta(minutes=1))
        candles, known = candles_etag(series), workers.of_function(series.stack, "ingest")
        series.send(series.event(series.cursor))
        while candles_etag(series) == candles:
            pass  # the moment between the writes is short
        assert workers.kill(series.stack, "ingest", known) > 0
        between = series.lake.read("features", series.symbol, before, series.cursor).empty
        workers.revive(series.stack, "ingest")
        series.await_books(before, series.cursor, lambda books: books.clean and not books.gaps)
    assert audit(series, begin).clean


def candles_etag(series: Replay) -> str | None:
    """Of the object that gets the candles before the cursor."""
    month = hours.month(series.cursor - HOUR)
    return series.lake.month("candles", series.symbol, month).etag


@pytest.mark.skipif(not workers.PROCESSES.exists(), reason="finds the functions' processes in /proc")
def test_a_function_killed_at_any_moment_is_made_good_by_its_retry(series: Replay, audit: Audit) -> None:
    begin, moments = series.cursor, random.Random(3)
    for _ in range(3):
        before = series.cursor
        series.cursor += 5 * HOUR
        series.clock(series.cursor + timedelta(minutes=1))
        series.send(series.event(series.cursor))
        time.sleep(moments.uniform(0, 0.3))
        workers.kill(series.stack, "ingest")
        workers.revive(series.stack, "ingest")
        series.await_books(before, series.cursor, lambda books: books.clean and not books.gaps)
    assert audit(series, begin).clean


@pytest.mark.parametrize("datasets", [["candles"], ["features"], ["candles", "features", "gaps"]], ids=" and ".join)
def test_while_s3_refuses_writes_the_event_waits_and_then_is_done(
    series: Replay, audit: Audit, datasets: list[str]
) -> None:
    begin = series.cursor
    series.cursor += 6 * HOUR
    series.clock(series.cursor + timedelta(minutes=1))
    with refused(series, datasets):
        series.send(series.event(series.cursor))
        eventually(lambda: denials(series, begin), bool)
    # nobody sends the event again but Lambda itself
    series.await_books(begin, series.cursor, lambda books: books.clean and not books.gaps)
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


@contextmanager
def refused(series: Replay, datasets: list[str]) -> Iterator[None]:
    """The bucket takes no object of the symbol in these datasets."""
    s3, bucket = series.stack.client("s3"), series.stack.outputs["bucket"]
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": [f"arn:aws:s3:::{bucket}/{dataset}/symbol={series.symbol}/*" for dataset in datasets]
        + [f"arn:aws:s3:::{bucket}/{dataset}/exchange=*/symbol={series.symbol}/*" for dataset in datasets],
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    try:
        yield
    finally:
        s3.delete_bucket_policy(Bucket=bucket)


def denials(series: Replay, since: datetime) -> bool:
    """Whether ingest has failed for want of S3 in the last seconds."""
    logs, group = series.stack.client("logs"), f"/aws/lambda/{series.stack.settings.name('ingest')}"
    recent = int((time.time() - 5) * 1000)
    found = logs.filter_log_events(logGroupName=group, startTime=recent, filterPattern='"ingest failed"')["events"]
    return any("s3:PutObject" in event["message"] or "AccessDenied" in event["message"] for event in found)
