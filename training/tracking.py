"""What MLflow remembers of a training: one run with everything about it, and one registered version.

Aliases follow the platform's words: `challenger` is the version just trained, `champion` the one that serves. The
pointer champion.json alone decides what serves and is moved without MLflow, so the alias follows it at each training
run and whenever the MLflow page is opened.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from candlecast.families import Point

_QUIET = {
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # workers that only its language-model features need
}


def prepare(environ: Mapping[str, str] = os.environ) -> None:
    """Makes MLflow silent and points it at the AWS endpoint in force. Call before anything imports mlflow."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if endpoint := environ.get("AWS_ENDPOINT_URL"):
        os.environ.setdefault("MLFLOW_S3_ENDPOINT_URL", endpoint)


@dataclass(slots=True)
class Run:
    """An MLflow run under way."""

    client: Any
    run_id: str
    registered: tuple[str, str] | None = None
    """Model and version that this run registered."""

    def log(self, parameters: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Parameters and metrics, in one request each."""
        import mlflow

        mlflow.log_params(dict(parameters))
        mlflow.log_metrics(dict(metrics))

    def attach(self, files: Mapping[str, bytes]) -> None:
        """Files by their path under the run's artifacts."""
        with tempfile.TemporaryDirectory() as folder:
            for path, content in files.items():
                file = Path(folder, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            self.client.log_artifacts(self.run_id, folder)

    def register(self, name: str, point: Point, sample: pd.DataFrame, tags: Mapping[str, str]) -> str:
        """Logs the model with its signature and registers it as the next version of *name*.

        *sample*: a few rows of its inputs. Its output is a return in units of volatility, before shrinkage.
        """
        import mlflow.pyfunc
        from mlflow.models import infer_signature

        packages = [f"{library}=={import_module(library).__version__}" for library in ("lightgbm", "numpy", "pandas")]
        signature = infer_signature(sample, point.predict(sample.to_numpy("float64")))
        with tempfile.TemporaryDirectory() as folder:
            for path, content in point.parts().items():
                file = Path(folder, "parts", path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(Path(__file__).with_name("mlflow_point.py")),  # its code, not a pickle of it
                artifacts={"parts": str(Path(folder, "parts"))},
                model_config={"family": point.family},
                signature=signature,
                input_example=sample,
                pip_requirements=packages,
            )
        _ensure_registered_model(self.client, name)
        version = self.client.create_model_version(
            name, source=logged.model_uri, run_id=self.run_id, model_id=logged.model_id, tags=dict(tags)
        )
        self.registered = (name, str(version.version))
        return str(version.version)

    def withdraw(self) -> None:
        """Takes back the version that this run registered, if it did."""
        if self.registered:
            self.client.delete_model_version(*self.registered)


@dataclass(frozen=True, slots=True)
class TrackingServer:
    """An MLflow server that keeps runs and versions itself, instead of the bucket's registry."""

    uri: str
    artifacts: str | None = None
    """It knows where."""

    def copies(self) -> Iterator[TrackingServer]:
        """The server: there is nothing to copy, and no race to lose."""
        yield self

    def give_back(self) -> bool:
        """Always: what was logged is there."""
        return True


@contextmanager
def start(uri: str, artifacts: str | None, experiment: str, title: str) -> Iterator[Run]:
    """A run on the tracking server or database at *uri*; failed, and its version withdrawn, where the block raises.

    *artifacts*: where a new experiment keeps its files; None leaves it to the server.
    """
    prepare()
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = mlflow.MlflowClient()
    known = client.get_experiment_by_name(experiment)
    experiment_id = known.experiment_id if known else client.create_experiment(experiment, artifact_location=artifacts)
    with mlflow.start_run(experiment_id=experiment_id, run_name=title, log_system_metrics=False) as active:
        run = Run(client, active.info.run_id)
        try:
            yield run
        except BaseException:  # SIGTERM too: nothing stays half-registered
            run.withdraw()
            raise


def point(client: Any, name: str, alias: str, version: str | None) -> None:
    """Sets the alias to *version* of the registered model, where it has that version; removes it otherwise."""
    known = {str(v.version) for v in client.search_model_versions(f"name='{name}'")}
    if version in known:
        client.set_registered_model_alias(name, alias, version)
    elif alias in client.get_registered_model(name).aliases:
        client.delete_registered_model_alias(name, alias)


def _ensure_registered_model(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
