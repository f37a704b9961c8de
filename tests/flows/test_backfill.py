"""History by the state machine, as `candlecast backfill` starts and shows it; and a symbol that fails on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from candlecast import hours
from candlecast.lake import Lake
from localstack.demo.deployed import Deployed
from tests.embedded_aws.emulator import eventually
from tests.flows.scene import START
from tests.flows.test_hourly import stored
from tests.market.server import Server

pytestmark = pytest.mark.timeout(900)
SINCE, UNTIL = START - timedelta(days=59), START
"""January and February."""


@pytest.fixture
def fill(stack: Deployed) -> Callable[[str], Any]:
    """Runs `candlecast backfill` for a symbol: exit code, its document, and what it told people."""

    def run(symbol: str) -> tuple[int, dict[str, Any], str]:
        command = [str(Path(sys.executable).with_name("candlecast")), "backfill", "--symbol", symbol]
        bounds = ["--since", f"{SINCE:%Y-%m-%d}", "--until", f"{UNTIL:%Y-%m-%d}", "--json"]
        env = os.environ | {"CANDLECAST_SETTINGS": str(Path(stack.settings.state) / "settings.yaml")}
        done = subprocess.run([*command, *bounds], capture_output=True, text=True, env=env, timeout=300, check=False)
        return done.returncode, json.loads(done.stdout), done.stderr

    return run


@pytest.fixture
def faults(market: Server) -> Iterator[Callable[..., None]]:
    """Declares faults of the market, which end with the test."""
    yield market.faults
    market.faults()


def test_a_backfill_stores_every_hour_and_again_changes_nothing(stack: Deployed, fill: Any) -> None:
    code, told, _ = fill("FILL-USDT")

    (done,) = told["symbols"]
    expected = (UNTIL - SINCE) // hours.HOUR
    assert (code, done["parts"], done["stored"], done["missing"], done["failed"]) == (0, 2, expected, 0, 0)
    lake = Lake(stack.client("s3"), stack.outputs["bucket"], stack.settings.exchange.primary)
    for dataset in ("candles", "features"):
        rows = lake.read(dataset, "FILL-USDT", SINCE, UNTIL)
        assert list(rows["open_time"]) == list(hours.span(SINCE, UNTIL))
    before = stored(stack, "FILL-USDT")

    code, told, _ = fill("FILL-USDT")

    assert (code, told["symbols"][0]["stored"]) == (0, 0)
    assert stored(stack, "FILL-USDT") == before


def test_months_that_fail_are_named_with_their_cause(fill: Any, faults: Callable[..., None]) -> None:
    faults({"kind": "vanished", "symbols": ["SPARE-USDT"]})

    code, told, _ = fill("SPARE-USDT")

    (done,) = told["symbols"]
    assert (code, done["stored"], done["failed"]) == (1, 0, 2)
    assert "SPARE-USDT from 2025-01-01T00:00:00Z: ExchangeRefused: " in told["problem"]


def test_a_failing_symbol_ends_in_the_dead_letters_with_an_alarm_and_its_neighbour_is_unharmed(
    stack: Deployed, faults: Callable[..., None]
) -> None:
    shard = stack.settings.symbols.index("LOST-USDT") // stack.settings.shard_size
    hour = START.replace(minute=1)
    faults({"kind": "vanished", "symbols": ["LOST-USDT"]})

    answer = stack.invoke("ingest", {"time": hours.text(hour), "shard": shard})

    assert (list(answer["symbols"]), answer["retried"]) == (["KEPT-USDT"], ["LOST-USDT"])
    stack.await_forecast("KEPT-USDT", START)
    letter = eventually(lambda: dead_letter(stack, "LOST-USDT"), 60)
    assert letter == {"time": hours.text(hour), "symbols": ["LOST-USDT"], "retry": True}
    assert eventually(lambda: state(stack, "ingest-dead-letters") == "ALARM", 60)


def dead_letter(stack: Deployed, symbol: str) -> Any:
    """The event of a symbol that waits in ingest's dead letters; it is taken from there."""
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName=stack.settings.name("ingest-dead-letters"))["QueueUrl"]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
    events = [json.loads(message["Body"])["requestPayload"] for message in received]
    return next((event for event in events if event.get("symbols") == [symbol]), None)


def state(stack: Deployed, alarm: str) -> str:
    """An alarm's state."""
    (found,) = stack.client("cloudwatch").describe_alarms(AlarmNames=[stack.settings.name(alarm)])["MetricAlarms"]
    return str(found["StateValue"])
