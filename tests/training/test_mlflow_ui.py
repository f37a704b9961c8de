"""When MLflow's page cannot be opened, it says why and what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from candlecast import settings as configuration
from candlecast.settings import read
from tests.training.conftest import ROOT
from training import mlflow_ui


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The settings file in force."""
    file = tmp_path / "settings.yaml"
    file.write_text((ROOT / "settings.yaml").read_text())
    monkeypatch.setenv("CANDLECAST_SETTINGS", str(file))
    monkeypatch.delenv("CANDLECAST_ENV", raising=False)
    configuration.load.cache_clear()
    yield file
    configuration.load.cache_clear()


def change(file: Path, **local: object) -> None:
    """Lays keys over those of the environment `local`."""
    document = read(file)
    document["environments"]["local"] |= local
    file.write_text(yaml.safe_dump(document))


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_stack_that_is_down_is_named_with_the_remedy(
    document: Path, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    change(document, endpoint=f"http://127.0.0.1:{free_port}")
    assert mlflow_ui.main(["--port", "0"]) == 1
    assert "The stack is not up" in capsys.readouterr().err


def test_a_busy_port_is_named(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert mlflow_ui.main(["--port", str(port)]) == 1
    assert f"Port {port} is busy; choose another" in capsys.readouterr().err


def test_a_tracking_server_of_its_own_is_pointed_at(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(document, training={"mlflow_tracking_uri": "https://mlflow.example.com"})
    assert mlflow_ui.main([]) == 0
    assert "https://mlflow.example.com" in capsys.readouterr().out
