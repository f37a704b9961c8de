"""candlecast features check: the laws on a file of candles and on what a deployed stack has stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import boto3
import pandas as pd
import pytest
from moto import mock_aws

from candlecast import features, hours, laws
from candlecast.features import Feature
from candlecast.lake import DATASETS, Lake, Name
from candlecast.measures import Market
from candlecast.windows import Series
from tests.cli.conftest import Run
from tests.domain.conftest import simulate_market

BUCKET, REGION = "candlecast-dev-123456789012", "eu-central-1"


def log_price(market: Market) -> Series:
    return market.close.now + 0.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "candles.parquet"
    simulate_market(1200).rename(columns={"open_time": "timestamp"}).to_parquet(path)
    return path


def test_candles_of_anyone_s_own_are_tried(run: Run, file: Path) -> None:
    result = run("features", "check", "--candles", str(file), "--symbol", "BTC-USDT")

    assert result.exit_code == 0
    assert "31 features" in result.stdout
    assert "BTC-USDT, 1,200 candles" in result.stdout
    assert result.stdout.count("holds") == len(laws.OF_ANY_CANDLES)


def test_a_broken_law_is_told_and_ends_with_exit_code_1(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = (Feature(log_price, None, 1),)
    kept = laws.check
    monkeypatch.setattr(laws, "check", lambda candles: kept(candles, bad))
    asked = ("features", "check", "--candles", str(file), "--symbol", "BTC-USDT")

    told, document = run(*asked), run(*asked, "--json")

    assert told.exit_code == document.exit_code == 1
    assert "log_price breaks the law 'unit'" in told.stdout
    [report] = json.loads(document.stdout)
    assert [each["feature"] for each in report["laws"]["unit"]] == ["log_price"]
    assert report["laws"]["future"] == []


def test_a_file_needs_a_symbol(run: Run, file: Path) -> None:
    result = run("features", "check", "--candles", str(file))

    assert result.exit_code == 2
    assert "--symbol" in result.stderr


def test_too_few_candles_are_told_with_the_remedy(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "short.parquet"
    simulate_market(50).to_parquet(path)

    result = run("features", "check", "--candles", str(path), "--symbol", "BTC-USDT")

    assert result.exit_code == 1
    assert "take a longer span" in result.stderr


@mock_aws
def test_what_is_stored_is_tried_and_computed_anew(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    candles = simulate_market(1300, start=str(hours.floor(datetime.now(UTC)) - timedelta(hours=1300)))
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    lake = Lake(s3, BUCKET, "coinbase")
    rows = features.compute(candles)
    store(lake, "candles", candles)
    store(lake, "features", rows)
    assert run("features", "check", "--env", "dev").exit_code == 0

    store(lake, "features", rows.assign(momentum_24=rows["momentum_24"] + 0.001))
    result = run("features", "check", "--env", "dev")

    assert result.exit_code == 1
    assert "momentum_24 breaks the law 'stored'" in result.stdout


def store(lake: Lake, dataset: Name, table: pd.DataFrame) -> None:
    shaped = DATASETS[dataset].conform(table)
    for month, part in shaped.groupby(shaped["open_time"].dt.strftime("%Y-%m")):
        lake.update(dataset, "BTC-USDT", str(month), partial(_instead, part))


def _instead(table: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    return table
