"""candlecast status: health, champions, drift and alarms at a glance."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from candlecast import settings
from candlecast.cli.commands import _alarms
from candlecast.cli.service import invoke_url
from tests.cli.conftest import Run
from tests.cli.stand_in import DRIFT, HEALTH, StandIn, problem


def test_a_healthy_stack_is_one_headline_and_one_line_a_symbol(run: Run) -> None:
    result = run("status")

    assert result.exit_code == 0
    assert result.stdout.startswith("ok  environment local")
    for shown in ("BTC-USDT", "2024-01-15 09:00 UTC", "20 min", "fine"):
        assert shown in result.stdout


def test_a_service_that_is_down_is_shown_all_the_same_and_ends_with_exit_code_1(run: Run, stand_in: StandIn) -> None:
    symbol = HEALTH["symbols"][0] | {
        "champion_version": None,
        "newest_target_hour": None,
        "forecast_age_seconds": None,
        "degraded": ["no champion yet: the baseline serves", "no forecast yet"],
    }
    stand_in.answers["/health"] = (503, HEALTH | {"status": "down", "symbols": [symbol]})

    result = run("status")

    assert result.exit_code == 1
    for shown in ("down", "none yet", "BTC-USDT is degraded: no forecast yet"):
        assert shown in result.stdout


def test_gaps_are_listed_with_whom_was_asked(run: Run, stand_in: StandIn) -> None:
    gaps = [
        {"start": "2024-01-10T03:00:00Z", "end": "2024-01-10T06:00:00Z", "asked": ["bitstamp", "coinbase"]},
        {"start": "2021-02-01T00:00:00Z", "end": "2023-01-01T00:00:00Z", "asked": []},
    ]
    symbol = HEALTH["symbols"][0] | {"gap_hours": 16779, "gaps": gaps}
    stand_in.answers["/health"] = (200, HEALTH | {"symbols": [symbol]})

    shown = run("status").stdout

    assert "BTC-USDT lacks 16,779 hours" in shown
    assert "2024-01-10 03:00 UTC to 2024-01-10 06:00 UTC: not to be had from bitstamp, coinbase" in shown
    assert "2021-02-01 00:00 UTC to 2023-01-01 00:00 UTC: never asked for" in shown


def test_a_breach_is_told_with_its_reason(run: Run, stand_in: StandIn) -> None:
    stand_in.answers["/drift"] = (200, DRIFT | {"breach": True, "reason": "Model decay: it errs more."})

    assert "BTC-USDT drifts: Model decay: it errs more." in run("status").stdout


def test_before_the_first_drift_check_there_is_none_to_show(run: Run, stand_in: StandIn) -> None:
    stand_in.answers["/drift"] = problem(404, "not checked yet", "wait")

    result = run("status", "--json")

    assert json.loads(result.stdout)["drift"] == {"BTC-USDT": None}


def test_alarms_out_of_reach_do_not_hide_the_rest(run_by_name: Run) -> None:
    result = run_by_name("status")

    assert result.exit_code == 0
    assert "Alarms: not known" in result.stdout


def test_where_the_api_alone_is_given_alarms_are_not_asked_for(run: Run) -> None:
    assert "Alarms: not known (they need AWS, not the API alone)." in run("status").stdout


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    """An environment on AWS."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return settings.resolve(settings.read(Path(__file__).parents[2] / "settings.yaml"), "dev")


def test_on_aws_the_api_has_a_host_of_its_own(dev: settings.Settings) -> None:
    assert invoke_url(dev, "abc123") == "https://abc123.execute-api.eu-central-1.amazonaws.com/v1"


@mock_aws
def test_alarms_of_this_environment_are_told(dev: settings.Settings) -> None:
    cloudwatch = boto3.client("cloudwatch", region_name=dev.region)
    for name in ("candlecast-dev-drift", "candlecast-prod-drift"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            MetricName="DriftBreach",
            Namespace="candlecast",
            Statistic="Maximum",
            Period=3600,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )
    cloudwatch.set_alarm_state(AlarmName="candlecast-dev-drift", StateValue="ALARM", StateReason="a breach")

    assert _alarms(dev) == [{"name": "candlecast-dev-drift", "state": "ALARM", "reason": "a breach"}]
