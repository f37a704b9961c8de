"""Terraform and Python read the same settings out of the same file."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from candlecast import settings
from infra import deploy
from infra.binary import Terraform
from lambdas.ingest.request import Request

SETTINGS = deploy.PROJECT / "settings.yaml"


def read_by_terraform(terraform: Terraform, file: Path, environment: str, folder: Path, local: str = "settings") -> Any:
    """A local value of settings.tf, which needs no provider."""
    for name in ("settings.tf", "variables.tf"):
        shutil.copy(deploy.ROOT / name, folder)
    variables = {"TF_VAR_settings_file": str(file), "TF_VAR_environment": environment, "TF_VAR_manifest": "none"}
    answer = subprocess.run(
        [terraform.program, f"-chdir={folder}", "console"],
        env={**terraform.environment, **variables, "TF_DATA_DIR": str(folder / ".terraform")},
        input=f"jsonencode(local.{local})\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(json.loads(answer.stdout))


@pytest.mark.parametrize("environment", ["local", "localstack", "dev", "prod"])
def test_both_lay_an_environment_over_the_defaults_alike(
    terraform: Terraform, tmp_path: Path, environment: str
) -> None:
    merged = read_by_terraform(terraform, SETTINGS, environment, tmp_path)
    assert settings.Settings.model_validate({**merged, "environment": environment}) == settings.resolve(
        settings.read(SETTINGS), environment
    )


def test_a_section_within_a_section_keeps_what_is_not_overridden(terraform: Terraform, tmp_path: Path) -> None:
    document = settings.read(SETTINGS)
    document["environments"]["dev"] = {
        "functions": {"memory_mb": {"predict": 2048}},
        "exchange": {"endpoints": {"kraken": "https://kraken.example"}},
        "symbols": ["ETH-USDT"],
        "alarm_email": "people@example.org",
    }
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(document))

    merged = read_by_terraform(terraform, file, "dev", tmp_path)

    assert merged["functions"]["memory_mb"] == {"ingest": 1024, "predict": 2048, "drift": 1024, "api": 512}
    assert settings.Settings.model_validate({**merged, "environment": "dev"}) == settings.resolve(document, "dev")


@pytest.mark.parametrize(("symbols", "shards"), [(1, 1), (10, 1), (400, 20)])
def test_symbols_are_spread_over_rules_by_settings_alone(
    terraform: Terraform, tmp_path: Path, symbols: int, shards: int
) -> None:
    document = settings.read(SETTINGS)
    document["environments"]["dev"] = {"symbols": [f"S{number:03}-USDT" for number in range(symbols)]}
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(document))
    resolved = settings.resolve(document, "dev")

    assert read_by_terraform(terraform, file, "dev", tmp_path, "shards") == shards

    events = [{"time": "2026-11-20T15:01:00Z", "shard": shard} for shard in range(shards)]
    clock = datetime(2026, 11, 20, 15, 1, tzinfo=UTC)
    chosen = [symbol for event in events for symbol in Request.parse(event, clock).chosen(resolved)]
    assert chosen == list(resolved.symbols)
