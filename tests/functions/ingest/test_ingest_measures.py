"""What a run tells the alarms."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from candlecast.hours import HOUR
from lambdas.ingest.ingest import Outcome
from lambdas.ingest.measures import measure_run
from tests.functions.ingest.world import SYMBOL, local_settings

NOW = datetime(2026, 11, 20, 15, 1, tzinfo=UTC)
OUTCOME = Outcome(
    stored=3,
    corrected=1,
    quarantined=2,
    missing=0,
    gap_hours=5,
    newest=NOW.replace(minute=0) - HOUR,
    source="bitstamp",
    taken={"coinbase": 2, "bitstamp": 1},
    requests=4,
    seconds=0.75,
)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs and gives what was printed, as {name: value}, source by source ("" without one)."""

    def tell(outcome: Outcome, *, hourly: bool = True) -> dict[str, dict[str, float]]:
        measure_run(local_settings(), SYMBOL, outcome, NOW, hourly=hourly)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {line["symbol"] for line in lines} == {SYMBOL}
        return {
            line.get("source", ""): {
                metric["Name"]: line[metric["Name"]][0] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            }
            for line in lines
        }

    return tell


def test_a_run_tells_what_it_wrote_what_is_missing_how_old_the_newest_candle_is_and_who_served(told: Any) -> None:
    assert told(OUTCOME) == {
        "": {
            "CandlesWritten": 3,
            "CandlesCorrected": 1,
            "CandlesQuarantined": 2,
            "GapsOpen": 5,
            "FetchRequests": 4,
            "FetchSeconds": 0.75,
            "FreshnessSeconds": 60.0,
        },
        "coinbase": {"SourceUsed": 2},
        "bitstamp": {"SourceUsed": 1},
    }


def test_freshness_grows_while_candles_are_missing(told: Any) -> None:
    late = Outcome(**{**vars(OUTCOME), "newest": OUTCOME.newest - timedelta(hours=3)})  # type: ignore[operator]
    assert told(late)[""]["FreshnessSeconds"] == 60.0 + 3 * 3600


@pytest.mark.parametrize(
    ("outcome", "hourly"),
    [(OUTCOME, False), (Outcome(**{**vars(OUTCOME), "newest": None}), True)],
    ids=["a backfill", "no candle yet"],
)
def test_what_says_nothing_of_the_present_tells_no_freshness(told: Any, outcome: Outcome, hourly: bool) -> None:
    assert "FreshnessSeconds" not in told(outcome, hourly=hourly)[""]
