"""MLflow's web page over the registry in the bucket: `python -m training.mlflow_ui [--port 5000]`, or `make mlflow`.

It works on a private copy of the registry, so nothing that is done on the page lasts; artifacts come from the bucket.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from candlecast import settings as configuration
from candlecast.cli.service import aws_client, remedies
from candlecast.errors import BadRequest, CandlecastError
from candlecast.registry import Registry
from candlecast.settings import Settings
from training import tracking
from training.bucket_registry import BucketRegistry

HOST = "127.0.0.1"
PORT = 5000


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves the page until interrupted. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.mlflow_ui", description="MLflow's page")
    parser.add_argument("--port", type=int, default=PORT, help=f"to listen on (default {PORT})")
    port = parser.parse_args(arguments).port
    try:
        settings = configuration.load()
        if uri := settings.training.mlflow_tracking_uri:
            print(f"MLflow has a server of its own (training.mlflow_tracking_uri): {uri}")
            return 0
        _check_free(port)
        with tempfile.TemporaryDirectory() as folder:
            return _serve(settings, Path(folder), port)
    except CandlecastError as error:
        print(error, file=sys.stderr)
        return 1


def _serve(settings: Settings, folder: Path, port: int) -> int:
    s3 = aws_client(settings, "s3")
    with remedies(settings):
        bucket = settings.name(aws_client(settings, "sts").get_caller_identity()["Account"])
        registry = BucketRegistry(s3, bucket, folder)
        copy = registry.read()
        _point_at_champions(copy.uri, settings, Registry(s3, bucket))
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", copy.uri, "--artifacts-destination", registry.artifacts]
    print(f"MLflow, on a copy of s3://{bucket}'s registry: http://{HOST}:{port} (Ctrl-C ends it)", flush=True)
    server = subprocess.Popen(command, env=_environment(settings), start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)  # MLflow serves from processes of its own
        server.wait()


def _point_at_champions(uri: str, settings: Settings, models: Registry) -> None:
    """Moves the alias `champion` of each symbol to the version that serves by now."""
    tracking.prepare()
    import mlflow

    client = mlflow.MlflowClient(uri, uri)
    prefix = settings.name("")
    for registered in client.search_registered_models():
        if registered.name.startswith(prefix):
            champion = models.champion(registered.name.removeprefix(prefix))
            tracking.point(client, registered.name, "champion", champion.version if champion else None)


def _environment(settings: Settings) -> dict[str, str]:
    """What the server needs to read artifacts from the bucket."""
    given = {"AWS_DEFAULT_REGION": settings.region}
    if settings.endpoint:
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        given |= {"MLFLOW_S3_ENDPOINT_URL": settings.endpoint, "AWS_ENDPOINT_URL": settings.endpoint, **keys}
    if settings.profile:
        given["AWS_PROFILE"] = settings.profile
    return {**os.environ, **given}


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise BadRequest(f"Port {port} is busy; choose another: python -m training.mlflow_ui --port ...") from None


if __name__ == "__main__":
    sys.exit(main())
