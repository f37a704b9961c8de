"""Metrics: embedded in a log line, with exactly the dimensions that alarms and the dashboard name."""

import json
from pathlib import Path
from typing import Any

import pytest

from candlecast import settings as configuration
from candlecast.settings import Settings
from candlecast.telemetry import measure


def configured(symbols_apart: int) -> Settings:
    document = configuration.read(Path(__file__).parents[2] / "settings.yaml")
    document["defaults"] |= {"symbols": ["BTC-USDT", "ETH-USDT"]}
    document["defaults"]["telemetry"] |= {"symbols_apart": symbols_apart}
    return configuration.resolve(document, "dev")


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(capsys.readouterr().out)
    return line


def test_a_metric_carries_environment_and_symbol_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    measure(configured(symbols_apart=2), "BTC-USDT", {"CandlesWritten": 1, "FreshnessSeconds": 61.5})
    line = printed(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "candlecast"
    assert [sorted(names) for names in directive["Dimensions"]] == [["environment", "symbol"]]
    assert (line["environment"], line["symbol"]) == ("dev", "BTC-USDT")
    assert directive["Metrics"] == [
        {"Name": "CandlesWritten", "Unit": "Count"},
        {"Name": "FreshnessSeconds", "Unit": "Seconds"},
    ]
    assert (line["CandlesWritten"], line["FreshnessSeconds"]) == ([1], [61.5])


def test_a_source_is_one_dimension_more(capsys: pytest.CaptureFixture[str]) -> None:
    measure(configured(symbols_apart=2), "BTC-USDT", {"SourceUsed": 3}, source="coinbase")
    line = printed(capsys)
    assert sorted(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]) == ["environment", "source", "symbol"]


def test_many_symbols_share_their_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    measure(configured(symbols_apart=1), "BTC-USDT", {"CandlesWritten": 1})
    line = printed(capsys)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["environment"]]
    assert "symbol" not in line


def test_what_concerns_no_symbol_names_none(capsys: pytest.CaptureFixture[str]) -> None:
    measure(configured(symbols_apart=2), None, {"Answers": 1})
    assert printed(capsys)["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["environment"]]
