"""What the training tests share: a small history, settings for a short evaluation, and the program in its folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import httpx
import pandas as pd
import pytest
import yaml
from moto.server import ThreadedMotoServer

from candlecast import features, hours, labels
from candlecast.lake import Lake
from candlecast.settings import Settings, read, resolve
from tests.cloud import cloud, s3
from tests.domain.conftest import simulate_market
from training.contract import Folders
from training.dataset import Dataset, load

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["cloud", "s3"]

ROOT = Path(__file__).parents[2]
REGION: Final = "eu-central-1"
BUCKET, SYMBOL = "candlecast-local-123456789012", "BTC-USDT"
FIRST_AS_OF = datetime(2025, 4, 10, 0, 1, tzinfo=UTC)
SECOND_AS_OF = datetime(2025, 4, 20, 0, 1, tzinfo=UTC)
HOLDOUT_DAYS, MINIMUM_HOURS = 10, 100
ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}


@dataclass(frozen=True)
class Outcome:
    """How a training job ended."""

    code: int
    output: str
    failure: str | None
    model: Path


RunTraining = Callable[..., Outcome]


def feature_rows(candles: pd.DataFrame) -> pd.DataFrame:
    """The rows that ingest stores for *candles*."""
    table = features.compute(candles)
    return table.assign(target_return=labels.target_return(table))


def store(rows: pd.DataFrame, channel: Path) -> Path:
    """Lays the rows out as SageMaker lays out the features channel: one file per month."""
    for month, part in rows.groupby(rows["open_time"].dt.strftime("%Y-%m")):
        file = channel / f"month={month}" / "features.parquet"
        file.parent.mkdir(parents=True)
        part.to_parquet(file, index=False, compression="zstd")
    return channel


def lay_out(root: Path, hyperparameters: Mapping[str, str], channel: Path) -> dict[str, str]:
    """The container's folders under *root*; returns the variables that name them."""
    folders = {
        "SM_INPUT_CONFIG_DIR": root / "input/config",
        "SM_MODEL_DIR": root / "model",
        "SM_OUTPUT_DIR": root / "output",
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    (root / "input/config/hyperparameters.json").write_text(json.dumps(hyperparameters))
    return {name: str(folder) for name, folder in folders.items()} | {"SM_CHANNEL_FEATURES": str(channel)}


def job(**changes: str) -> dict[str, str]:
    """The hyperparameters of a training job."""
    as_of = hours.text(FIRST_AS_OF)
    given = {"symbol": SYMBOL, "timeframe": "1h", "as_of": as_of, "bucket": BUCKET, "environment": "local"}
    return given | changes


def outcome(code: int, output: str, variables: Mapping[str, str]) -> Outcome:
    """What the program left in its folders."""
    folders = Folders.named_by(variables)
    failure = folders.output / "failure"
    return Outcome(code, output, failure.read_text() if failure.exists() else None, folders.model)


@pytest.fixture(scope="session")
def candles() -> pd.DataFrame:
    """110 simulated days in which small moves revert: something can be learnt."""
    return simulate_market(110 * 24, seed=11, reversal=0.4)


@pytest.fixture(scope="session")
def rows(candles: pd.DataFrame) -> pd.DataFrame:
    """What ingest makes of the candles. The first three weeks are warm-up."""
    return feature_rows(candles)


@pytest.fixture(scope="session")
def channel(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store(rows, tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="session")
def dataset(channel: Path) -> Dataset:
    return load(channel, SYMBOL, FIRST_AS_OF, HOLDOUT_DAYS * 24)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """S3 behind HTTP, empty but for the bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    httpx.post(f"http://{host}:{port}/moto-api/reset").raise_for_status()  # what an earlier module left
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def bucket(endpoint: str, settings: Settings, candles: pd.DataFrame) -> S3Client:
    """A client of the server that holds the bucket, and in it the candles of two symbols."""
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ACCESS["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    lake = Lake(client, BUCKET, settings.exchange.primary)
    for month, part in candles.groupby(candles["open_time"].dt.strftime("%Y-%m")):
        for symbol in (SYMBOL, "ETH-USDT"):
            lake.update("candles", symbol, str(month), partial(lambda table, _: table, part))
    return client


@pytest.fixture(scope="session")
def short_settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's settings with a short evaluation and hold-out."""
    document = read(ROOT / "settings.yaml")
    document["defaults"]["training"]["evaluation_days"] = 30
    document["defaults"]["evaluation"]["leak"]["r2"] = 0.4  # the simulated market is easy
    document["defaults"]["promotion"] |= {"holdout_days": HOLDOUT_DAYS, "minimum_hours": MINIMUM_HOURS}
    file = tmp_path_factory.mktemp("settings") / "settings.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.fixture(scope="session")
def settings(short_settings: Path) -> Settings:
    return resolve(read(short_settings), "local")


@pytest.fixture(scope="module")
def surroundings(endpoint: str, short_settings: Path) -> dict[str, str]:
    """The environment variables of a training job, but for its folders."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**inherited, **ACCESS, "AWS_ENDPOINT_URL": endpoint, "CANDLECAST_SETTINGS": str(short_settings)}


@pytest.fixture(scope="module")
def run_training(
    bucket: S3Client, surroundings: dict[str, str], channel: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunTraining:
    """Runs the real program to its end."""

    def run(as_of: datetime, channel: Path = channel, **changes: str) -> Outcome:
        variables = lay_out(tmp_path_factory.mktemp("job"), job(as_of=hours.text(as_of), **changes), channel)
        ended = subprocess.run(
            [sys.executable, "-m", "training.train"],
            cwd=ROOT, env=surroundings | variables, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        return outcome(ended.returncode, ended.stdout + ended.stderr, variables)

    return run
