"""Which AWS a deployment talks to, and what it says when it cannot."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from candlecast import settings
from infra import deploy
from infra.deploy import DeployFailed, Deployment

SETTINGS = deploy.PROJECT / "settings.yaml"


@pytest.fixture
def nobody_listens() -> str:
    """An endpoint at a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def derived(folder: Path, **local: object) -> Path:
    """A settings file whose local environment differs."""
    document = settings.read(SETTINGS)
    document["environments"]["local"] |= {"state": str(folder / "state")} | local
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def test_an_emulator_gets_its_endpoint_and_the_usual_dummy_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    environment = Deployment.of("local", SETTINGS).environment()
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]) == ("test", "test")
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(environment)


def test_aws_gets_the_callers_own_credentials_and_no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:4566")
    environment = Deployment.of("prod", SETTINGS).environment()
    assert environment["AWS_PROFILE"] == "work"
    assert not [name for name in environment if name.startswith("AWS_ENDPOINT_URL")]


def test_nothing_at_the_endpoint_is_told_with_the_remedy(tmp_path: Path, nobody_listens: str) -> None:
    file = derived(tmp_path, endpoint=nobody_listens)
    for verb in (deploy.apply, deploy.plan, deploy.destroy):
        with pytest.raises(DeployFailed, match=f"nothing answers at {nobody_listens}; start it with `make up`"):
            verb("local", file)


def test_outputs_before_the_first_deployment_are_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DeployFailed, match="run `make deploy ENV=local` first"):
        deploy.outputs("local", derived(tmp_path))


def test_the_state_of_aws_is_not_among_the_local_data_that_reset_deletes(tmp_path: Path) -> None:
    assert Deployment.of("local", SETTINGS).state.parent.name == "terraform"
    assert Deployment.of("prod", SETTINGS).state == deploy.PROJECT / ".localstack/prod.tfstate"
