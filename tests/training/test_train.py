"""The training program as SageMaker runs it: a process, its folders, S3 behind HTTP."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pandas as pd
import pytest
import yaml

from candlecast import hours
from candlecast.bundle import from_bundle
from candlecast.promotion import TrainingVerdict
from candlecast.registry import Registry
from candlecast.settings import read
from tests.training.conftest import (
    BUCKET,
    FIRST_AS_OF,
    MINIMUM_HOURS,
    ROOT,
    SECOND_AS_OF,
    SYMBOL,
    Outcome,
    RunTraining,
    job,
    lay_out,
)  # fmt: skip

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def registry(bucket: S3Client) -> Registry:
    return Registry(bucket, BUCKET)


@pytest.fixture(scope="module")
def first(run_training: RunTraining) -> Outcome:
    """The first training of a symbol."""
    return run_training(FIRST_AS_OF)


@pytest.fixture(scope="module")
def second(first: Outcome, registry: Registry, run_training: RunTraining) -> Outcome:
    """The training ten days later, when the first version serves."""
    verdict = registry.verdict(SYMBOL, "1")
    registry.promote(SYMBOL, verdict.champion(FIRST_AS_OF), None)
    return run_training(SECOND_AS_OF)


def test_the_first_training_succeeds_and_prints_its_version_and_metrics(first: Outcome) -> None:
    assert (first.code, first.failure) == (0, None), first.output
    lines = first.output.splitlines()
    assert "version=1" in lines
    values = dict(line.split("=") for line in lines if line.startswith(("mae=", "zero_change_mae=", "skill=")))
    assert 0 < float(values["mae"]) < float(values["zero_change_mae"])
    assert float(values["skill"]) == pytest.approx(
        1 - float(values["mae"]) / float(values["zero_change_mae"]), abs=1e-5
    )


def test_the_first_version_is_judged_against_zero_change_alone(first: Outcome, registry: Registry) -> None:
    verdict = registry.verdict(SYMBOL, "1")
    assert (verdict.symbol, verdict.version, verdict.promote, verdict.compared_with) == (SYMBOL, "1", True, None)
    assert "times that of no change" in verdict.reason
    assert verdict.figures["holdout_hours"] == 240


def test_the_registered_bundle_forecasts_and_learnt_only_what_was_known(
    first: Outcome, registry: Registry, rows: pd.DataFrame
) -> None:
    verdict = registry.verdict(SYMBOL, "1")
    model = from_bundle(registry.bundle(verdict.champion(FIRST_AS_OF)), verdict.sha256)
    made = model.forecast(rows.tail(24))
    assert made.notna().all(axis=None)
    assert model.version == "1"
    newest = hours.parse(model.manifest["training"]["end"])
    assert newest + 2 * hours.HOUR == hours.floor(FIRST_AS_OF)


def test_the_model_folder_holds_the_bundle_in_parts(first: Outcome, registry: Registry) -> None:
    names = {"manifest.json", "model.txt", "calibration.json", "verdict.json"}
    assert {file.name for file in first.model.iterdir()} == names
    manifest = json.loads((first.model / "manifest.json").read_text())
    assert hashlib.sha256((first.model / "model.txt").read_bytes()).hexdigest() == manifest["sha256"]["model.txt"]
    left = TrainingVerdict.model_validate_json((first.model / "verdict.json").read_bytes())
    assert left == registry.verdict(SYMBOL, "1")


def test_the_report_is_one_page_that_needs_nothing_else(first: Outcome, bucket: S3Client) -> None:
    key = f"reports/training/symbol={SYMBOL}/version=1/report.html"
    page = bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    assert page.count("data:image/png;base64,") == 7
    assert "zero-change" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_second_training_is_version_two_and_judged_against_the_champion(
    second: Outcome, registry: Registry
) -> None:
    assert second.code == 0, second.output
    assert "version=2" in second.output.splitlines()
    verdict = registry.verdict(SYMBOL, "2")
    assert verdict.compared_with == "1"
    assert verdict.promote
    assert "times the champion's" in verdict.reason
    assert MINIMUM_HOURS <= float(verdict.figures["holdout_hours"] or 0) <= 240  # what version 1 has not seen


def test_mlflow_knows_both_runs_and_which_version_serves(second: Outcome, bucket: S3Client, tmp_path: Path) -> None:
    copy = tmp_path / "registry.db"
    bucket.download_file(BUCKET, "mlflow/registry.db", str(copy))
    with closing(sqlite3.connect(copy)) as database:
        name = f"candlecast-local-{SYMBOL}"
        versions = database.execute("SELECT name, version FROM model_versions ORDER BY version").fetchall()
        aliases = dict(database.execute("SELECT alias, version FROM registered_model_aliases"))
        statuses = database.execute("SELECT status FROM runs").fetchall()
        metrics = {key for (key,) in database.execute("SELECT DISTINCT key FROM latest_metrics")}
        parameters = {key for (key,) in database.execute("SELECT DISTINCT key FROM params")}
    assert versions == [(name, 1), (name, 2)]
    assert aliases == {"challenger": 2, "champion": 1}
    assert statuses == [("FINISHED",), ("FINISHED",)]
    assert {"mae", "zero_change_mae", "skill", "coverage", "holdout_skill"} <= metrics
    assert {"data_sha256", "learning_rate", "as_of"} <= parameters


def test_mlflow_keeps_the_model_with_its_signature_and_the_plots(second: Outcome, bucket: S3Client) -> None:
    stored = bucket.list_objects_v2(Bucket=BUCKET, Prefix="mlflow/artifacts/")["Contents"]
    names = [entry["Key"].rsplit("/", 1)[-1] for entry in stored]
    images = ("error.png", "coverage.png", "reliability.png")
    for name in ("MLmodel", "mlflow_point.py", "model.txt", "model.tar.gz", *images):
        assert names.count(name) == 2, name
    assert not [name for name in names if name.endswith((".pkl", ".pickle"))]
    described = next(entry["Key"] for entry in stored if entry["Key"].endswith("/MLmodel"))
    text = bucket.get_object(Bucket=BUCKET, Key=described)["Body"].read().decode()
    assert "signature" in text
    assert "loader_module: mlflow.pyfunc.loaders.code_model" in text  # its code is kept, not a pickle of it


def test_sigterm_ends_the_job_promptly_and_leaves_nothing_registered(
    surroundings: dict[str, str], bucket: S3Client, channel: Path, tmp_path: Path
) -> None:
    other = "ETH-USDT"
    variables = lay_out(tmp_path, job(symbol=other), channel)
    program = subprocess.Popen(
        [sys.executable, "-m", "training.train"],
        cwd=ROOT, env=surroundings | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        lines = until(program, "walk-forward")
        program.send_signal(signal.SIGTERM)
        rest, _ = program.communicate(timeout=20)
    finally:
        program.kill()
        program.wait()
    assert program.returncode == 143
    assert "no version is half-registered" in rest
    assert "Traceback" not in "".join(lines) + rest
    assert "SIGTERM" in (tmp_path / "output/failure").read_text()
    assert Registry(bucket, BUCKET).versions(other) == []
    assert list((tmp_path / "model").iterdir()) == []


def until(program: subprocess.Popen[str], word: str) -> list[str]:
    """The program's lines up to the first that has *word* in it."""
    assert program.stdout
    lines: list[str] = []
    for line in program.stdout:
        lines.append(line)
        if word in line:
            break
    return lines


@pytest.fixture
def page(
    second: Outcome, endpoint: str, surroundings: dict[str, str], short_settings: Path, tmp_path: Path
) -> Iterator[str]:
    """MLflow's page as `make mlflow` opens it."""
    document = read(short_settings)
    document["environments"]["local"]["endpoint"] = endpoint
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(document))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = subprocess.Popen(
        [sys.executable, "-m", "training.mlflow_ui", "--port", str(port)],
        cwd=ROOT, env=surroundings | {"CANDLECAST_SETTINGS": str(tmp_path / "settings.yaml")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        until(program, "Application startup complete")
        yield f"http://127.0.0.1:{port}"
    finally:
        program.terminate()
        program.communicate(timeout=30)


def test_mlflows_own_page_shows_the_versions_and_serves_their_artifacts(page: str, bucket: S3Client) -> None:
    name = f"candlecast-local-{SYMBOL}"
    registered = httpx.get(f"{page}/api/2.0/mlflow/registered-models/get", params={"name": name}).json()
    aliases = {entry["alias"]: entry["version"] for entry in registered["registered_model"]["aliases"]}
    assert aliases == {"challenger": "2", "champion": "1"}
    asked = {"name": name, "version": "2"}
    run = httpx.get(f"{page}/api/2.0/mlflow/model-versions/get", params=asked).json()["model_version"]["run_id"]
    report = httpx.get(f"{page}/get-artifact", params={"run_uuid": run, "path": "report.html"})
    stored = bucket.get_object(Bucket=BUCKET, Key=f"reports/training/symbol={SYMBOL}/version=2/report.html")
    assert report.content == stored["Body"].read()
    assert "<title>MLflow</title>" in httpx.get(page).text
