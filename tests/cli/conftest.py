"""The command line against a stand-in for the deployed stack."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from candlecast import settings
from candlecast.cli import app
from tests.cli.stand_in import BASE, KEY, StandIn

Run = Callable[..., Result]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A deployed stack."""
    stand_in = StandIn()
    thread = threading.Thread(target=stand_in.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield stand_in
    stand_in.server.shutdown()
    thread.join()
    stand_in.server.server_close()


@pytest.fixture
def run(run_by_name: Run, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `candlecast` with arguments; it is told where the API is, which is faster."""
    monkeypatch.setenv("CANDLECAST_API_URL", stand_in.url + BASE)
    monkeypatch.setenv("CANDLECAST_API_KEY", KEY)
    return run_by_name


@pytest.fixture
def run_by_name(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `candlecast` with arguments; the settings name the stand-in as the local environment's endpoint."""
    document = settings.read(Path(__file__).parents[2] / "settings.yaml")
    document["environments"]["local"]["endpoint"] = stand_in.url
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(document))
    monkeypatch.setenv("CANDLECAST_SETTINGS", str(file))
    for name in ("CANDLECAST_ENV", "CANDLECAST_API_URL", "CANDLECAST_API_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    runner = CliRunner(env={"COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb"})
    return lambda *arguments: runner.invoke(app, arguments)
