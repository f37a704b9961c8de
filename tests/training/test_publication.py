"""Registering a version: whole or not at all, also when several training runs meet."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from candlecast.bundle import from_bundle
from candlecast.errors import Stop
from candlecast.model import Model, fit
from candlecast.settings import Settings
from tests.cloud import BUCKET
from tests.training.conftest import FIRST_AS_OF, HOLDOUT_DAYS, SYMBOL
from training import contest, tracking
from training.bucket_registry import KEY, BucketRegistry, Copy
from training.contract import Job, Terminated
from training.dataset import Dataset
from training.evaluation import Contender, evaluate
from training.publication import Release, publish
from training.record import Record
from training.tracking import TrackingServer
from training.validation import Schedule

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FITTED = partial(fit, coverage=0.8, shrinkage=0.5, threads=1)
IMAGES = {"error": b"png"}

# MLflow and its packages warn about themselves; our own warnings are errors in the other files.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def model(dataset: Dataset) -> Model:
    return FITTED(dataset.rows)


@pytest.fixture(scope="module")
def record(dataset: Dataset, settings: Settings) -> Record:
    end = contest.holdout_start(FIRST_AS_OF, None, settings.promotion)
    schedule = Schedule(dataset.evaluation_start(20, end), end)
    return Record(
        job=Job(symbol=SYMBOL, timeframe="1h", as_of=FIRST_AS_OF, bucket=BUCKET, environment="local"),
        dataset=dataset,
        search=None,
        evaluation=evaluate(dataset.rows, schedule, Contender("lightgbm", FITTED), (), 0.8),
        contest=contest.hold(dataset, None, FITTED, settings.promotion, settings.forecast),
    )


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """MLflow's tables before anything was registered; making them takes seconds."""
    tracking.prepare()
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "registry.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path.read_bytes()


@pytest.fixture
def s3(s3: S3Client, empty_registry: bytes) -> S3Client:
    """The bucket with an empty registry in it."""
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=empty_registry)
    return s3


def keys(s3: S3Client, prefix: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


def stored_registry(s3: S3Client) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()


def registered(database: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(
            "SELECT name, version FROM model_versions WHERE current_stage = 'None' ORDER BY name, version"
        ).fetchall()


class Overtaken(BucketRegistry):
    """A registry in which, at the first attempt, another run that did the same is a moment faster."""

    attempts = 0

    def replace(self, copy: Copy) -> bool:
        self.attempts += 1
        if self.attempts == 1:
            assert super().replace(copy)
        return super().replace(copy)


def test_a_run_that_loses_the_race_takes_the_next_number(
    record: Record, model: Model, settings: Settings, s3: S3Client, tmp_path: Path
) -> None:
    registry = Overtaken(s3, BUCKET, tmp_path)
    release = publish(record, model, IMAGES, settings, registry, s3, nullcontext)
    assert registry.attempts == 2
    assert registered(registry.read().path) == [("candlecast-local-BTC-USDT", 1), ("candlecast-local-BTC-USDT", 2)]
    assert release.verdict.version == "2"
    folder = f"models/symbol={SYMBOL}/version=2"
    assert keys(s3, "models/") == [f"{folder}/model.tar.gz", f"{folder}/verdict.json"]


def test_a_job_stopped_before_the_registry_is_given_back_leaves_no_version(
    record: Record, model: Model, settings: Settings, s3: S3Client, empty_registry: bytes, tmp_path: Path
) -> None:
    def stopped() -> AbstractContextManager[None]:
        raise Terminated

    with pytest.raises(Terminated):
        publish(record, model, IMAGES, settings, BucketRegistry(s3, BUCKET, tmp_path), s3, stopped)
    assert keys(s3, "models/") == keys(s3, "reports/") == []
    assert stored_registry(s3) == empty_registry


def test_a_registry_that_forgot_versions_is_refused(
    record: Record, model: Model, settings: Settings, s3: S3Client, empty_registry: bytes, tmp_path: Path
) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"models/symbol={SYMBOL}/version=1/verdict.json", Body=b"{}")
    with pytest.raises(Stop, match="the bucket holds that version already: restore"):
        publish(record, model, IMAGES, settings, BucketRegistry(s3, BUCKET, tmp_path), s3, nullcontext)
    assert stored_registry(s3) == empty_registry


def test_a_tracking_server_is_used_instead_of_the_registry_in_the_bucket(
    record: Record,
    model: Model,
    settings: Settings,
    s3: S3Client,
    empty_registry: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # a database of its own stands for the server; it keeps artifacts where it is
    database = tmp_path / "server.db"
    database.write_bytes(empty_registry)
    server = TrackingServer(f"sqlite:///{database}")
    release = publish(record, model, IMAGES, settings, server, s3, nullcontext)
    assert registered(database) == [("candlecast-local-BTC-USDT", 1)]
    assert from_bundle(release.bundle, release.verdict.sha256).version == "1"
    assert stored_registry(s3) == empty_registry

    database.write_bytes(empty_registry)  # restored from too old a copy
    with pytest.raises(Stop, match="or the tracking server's database"):
        publish(record, model, IMAGES, settings, server, s3, nullcontext)
    assert registered(database) == []


def test_the_same_training_makes_the_same_bytes(record: Record, dataset: Dataset) -> None:
    releases = [Release.of(record, FITTED(dataset.rows), IMAGES, "1") for _ in range(2)]
    assert releases[0] == releases[1]


def test_the_bundle_tells_what_it_was_made_from(record: Record, model: Model, dataset: Dataset) -> None:
    release = Release.of(record, model, IMAGES, "7")
    manifest = from_bundle(release.bundle, release.verdict.sha256).manifest
    assert (manifest["version"], manifest["symbol"], manifest["as_of"]) == ("7", SYMBOL, "2025-04-10T00:01:00Z")
    assert manifest["data_sha256"] == dataset.fingerprint
    assert manifest["metrics"] == record.figures == release.verdict.figures
    assert manifest["metrics"]["holdout_hours"] == HOLDOUT_DAYS * 24


def test_the_model_folder_takes_the_parts_of_a_pooled_model_too(
    record: Record, dataset: Dataset, tmp_path: Path
) -> None:
    pooled = FITTED(dataset.rows.assign(symbol=SYMBOL), symbol=SYMBOL)
    Release.of(record, pooled, IMAGES, "1").leave(tmp_path)
    left = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()}
    assert {"own/model.txt", "common/model.txt", "manifest.json", "calibration.json", "verdict.json"} <= left
