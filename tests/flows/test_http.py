"""The API over HTTP, through the gateway, with its key."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from candlecast import hours
from localstack.demo.deployed import Deployed
from tests.flows.scene import START

pytestmark = pytest.mark.timeout(900)
SYMBOL = "HTTP-USDT"
DATE = {"date": f"{START:%Y-%m-%d}", "symbol": SYMBOL}


@pytest.fixture(scope="module")
def served(stack: Deployed) -> Deployed:
    """Two hours have been forecast; the first is settled."""
    for hour in hours.span(START, START + 2 * hours.HOUR):
        stack.ingest_hour(SYMBOL, hour)
        stack.await_forecast(SYMBOL, hour)
    return stack


@pytest.mark.parametrize("path", ["/predict", "/forecasts", "/models", "/drift"])
def test_data_needs_the_key(served: Deployed, path: str) -> None:
    assert served.ask(path, {"symbol": SYMBOL}, key=False).status == 403


def test_health_needs_none(served: Deployed) -> None:
    assert served.ask("/health", key=False).status in (200, 503)


def test_a_past_hour_is_answered_with_what_happened(served: Deployed) -> None:
    answer = served.ask("/predict", DATE | {"hour": "0"})
    stored = served.forecasts.get(SYMBOL, START)
    assert answer.status == 200
    assert stored is not None
    assert stored.settlement is not None
    assert answer.body["target_hour"] == hours.text(START)
    assert answer.body["predicted_delta"] == stored.predicted_delta
    assert answer.body["settlement"]["actual_delta"] == stored.settlement.actual_delta


def test_an_hour_is_read_in_the_zone_that_is_asked_for(served: Deployed) -> None:
    assert served.ask("/predict", DATE | {"hour": "1", "tz": "Europe/Berlin"}).body["target_hour"] == hours.text(START)


def test_without_date_and_hour_the_newest_is_answered(served: Deployed) -> None:
    assert served.ask("/predict", {"symbol": SYMBOL}).body["target_hour"] == hours.text(START + hours.HOUR)


def test_a_past_hour_without_a_forecast_is_made_from_what_was_known_then(served: Deployed) -> None:
    earlier = START - timedelta(hours=30)
    asked = {"date": f"{earlier:%Y-%m-%d}", "hour": str(earlier.hour), "symbol": SYMBOL}
    answer = served.ask("/predict", asked)
    assert (answer.status, answer.body["kind"]) == (200, "backfill")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (DATE | {"hour": "24"}, 422),
        ({"date": "2099-01-01", "hour": "0", "symbol": SYMBOL}, 422),
        ({"date": "yesterday", "hour": "0", "symbol": SYMBOL}, 422),
        (DATE | {"hour": "0", "tz": "Mars/Olympus"}, 422),
        (DATE | {"hour": "0", "colour": "red"}, 422),
        ({"symbol": "DOGE-EUR"}, 404),
    ],
    ids=["hour 24", "future", "no date", "no zone", "unknown parameter", "unknown symbol"],
)
def test_what_cannot_be_answered_is_a_problem_with_a_remedy(
    served: Deployed, query: dict[str, str], status: int
) -> None:
    answer = served.ask("/predict", query)
    assert answer.status == status
    assert answer.body["status"] == status
    assert answer.body["remedy"]


def test_the_command_line_shows_the_same_forecast(served: Deployed) -> None:
    command = [str(Path(sys.executable).with_name("candlecast")), "predict", "--hour", "0", "--json"]
    asked = ["--date", DATE["date"], "--symbol", SYMBOL]
    env = os.environ | {"CANDLECAST_SETTINGS": str(Path(served.settings.state) / "settings.yaml")}
    done = subprocess.run([*command, *asked], capture_output=True, text=True, env=env, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    answered = served.ask("/predict", DATE | {"hour": "0"}).body
    volatile = {"as_of"}
    assert {k: v for k, v in shown.items() if k not in volatile} == {
        k: v for k, v in answered.items() if k not in volatile
    }
