"""Again is nothing: the whole backfill and any hour, through plan and handler, leave every object's ETag as it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from candlecast import hours
from candlecast.hours import HOUR
from lambdas.ingest import handler as function
from tests.cloud import BUCKET
from tests.functions.ingest.world import FIRST, World, some_hour

SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
END = some_hour(98, 12)
TIME = hours.text(END + HOUR / 60)
CONTEXT: Any = SimpleNamespace(
    function_name="candlecast-test-ingest",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:candlecast-test-ingest",
    aws_request_id="5e0f2b6c",
)
Invoke = Callable[[Any], Any]


@pytest.fixture
def invoke(world: World, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Three symbols over four months, with a few hours that no exchange has."""
    world.market.clock = END
    world.market.withheld = {some_hour(7, 3), some_hour(45, 5), some_hour(45, 6), some_hour(60, 23)}
    platform = replace(world.platform, settings=world.settings.model_copy(update={"symbols": SYMBOLS}))
    monkeypatch.setattr(function, "platform", lambda: platform)
    return lambda event: function.handler(event, CONTEXT)


def parts(invoke: Invoke) -> list[dict[str, Any]]:
    """The months of every symbol, as the state machine asks for them."""
    plans = invoke({"plan": {"time": TIME, "since": hours.text(FIRST), "until": hours.text(END)}})["symbols"]
    return [part for plan in plans for part in invoke({"plan": plan})["parts"]]


def test_a_repeated_backfill_changes_no_etag(invoke: Invoke, world: World) -> None:
    planned = parts(invoke)
    for part in planned:
        invoke(part)
    before = world.etags()

    for part in planned:
        invoke(part)

    assert len(planned) == len(SYMBOLS) * 4
    assert {key.partition("/")[0] for key in before} == {"candles", "features", "gaps"}
    assert world.etags() == before


def test_months_in_any_order_and_beside_each_other_end_in_the_same_etags(invoke: Invoke, world: World) -> None:
    planned = parts(invoke)
    for part in planned:
        invoke(part)
    in_order = world.etags()
    for key in in_order:
        world.s3.delete_object(Bucket=BUCKET, Key=key)
    random.Random(8).shuffle(planned)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(invoke, planned))

    assert world.etags() == in_order


def test_repeated_hours_change_no_etag(invoke: Invoke, world: World) -> None:
    for part in parts(invoke):
        invoke(part)
    newest = [{"time": hours.text(hour + HOUR / 60), "shard": 0} for hour in (END, END + HOUR)]
    world.market.clock = END + HOUR
    for event in newest:
        invoke(event)
    before = world.etags()

    for days in (97, 92, 61, 60, 45, 20):
        invoke({"time": hours.text(some_hour(days, days % 24) + HOUR / 60), "shard": 0})
    for event in reversed(newest):
        invoke(event)

    assert world.etags() == before
