"""Terraform found, and its words made readable."""

from __future__ import annotations

import io
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from infra import binary
from infra.binary import DeployFailed, Report, Terraform


def fake_terraform(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A terraform on the PATH that runs a Python script."""
    program = folder / "terraform"
    program.write_text(f"#!{sys.executable}\n{script}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return program


def test_a_missing_terraform_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DeployFailed, match="not found on the PATH; install it from https://"):
        binary.locate()


def test_an_old_terraform_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_terraform(tmp_path, monkeypatch, """print('{"terraform_version": "1.8.5"}')""")
    with pytest.raises(DeployFailed, match=r"1\.9 or newer is needed, 1\.8\.5 was found; install"):
        binary.locate()


@pytest.mark.parametrize("version", ["1.9.0", "1.11.4", "1.14.0-rc1", "2.0.0"])
def test_a_newer_terraform_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    program = fake_terraform(tmp_path, monkeypatch, f"""print('{{"terraform_version": "{version}"}}')""")
    assert binary.locate() == str(program)


def test_a_caller_with_odd_terraform_variables_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_terraform(tmp_path, monkeypatch, """print('{"terraform_version": "1.11.4"}')""")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "missing.tfrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    odd = {"TF_WORKSPACE": "other", "TF_CLI_ARGS": "-destroy", "TF_DATA_DIR": "elsewhere", "TF_LOG": "info"}

    environment = Terraform.prepare(tmp_path, tmp_path / "data", tmp_path / "cache", odd).environment

    assert not {"TF_WORKSPACE", "TF_CLI_ARGS"} & set(environment)
    assert environment["TF_DATA_DIR"] == str(tmp_path / "data")
    assert environment["TF_LOG"] == "info"
    assert Path(environment["TF_CLI_CONFIG_FILE"]).is_file()


def test_the_users_own_cli_configuration_stays_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_terraform(tmp_path, monkeypatch, """print('{"terraform_version": "1.11.4"}')""")
    own = tmp_path / "own.tfrc"
    own.touch()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(own))
    prepared = Terraform.prepare(tmp_path, tmp_path / "data", tmp_path / "cache", {})
    assert prepared.environment["TF_CLI_CONFIG_FILE"] == str(own)


def test_a_failure_shows_terraforms_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    diagnostic = {
        "severity": "error", "summary": "creating S3 Bucket", "detail": "BucketAlreadyExists",
        "address": "module.storage.aws_s3_bucket.data",
    }  # fmt: skip
    line = json.dumps({"@message": "Error", "type": "diagnostic", "diagnostic": diagnostic})
    program = fake_terraform(tmp_path, monkeypatch, f"print({line!r}); raise SystemExit(1)")
    terraform = Terraform(str(program), tmp_path, {"TF_DATA_DIR": str(tmp_path)})
    with pytest.raises(DeployFailed) as failed:
        terraform.streaming(Console(quiet=True), "apply")
    assert str(failed.value) == (
        "terraform apply failed:\ncreating S3 Bucket (module.storage.aws_s3_bucket.data)\nBucketAlreadyExists"
    )


def test_words_outside_the_json_stream_are_shown_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_terraform(tmp_path, monkeypatch, "print('Backend initialization required'); raise SystemExit(1)")
    with pytest.raises(DeployFailed, match="Backend initialization required"):
        Terraform(str(program), tmp_path, {"TF_DATA_DIR": str(tmp_path)}).streaming(Console(quiet=True), "plan")


CAREFUL = """
import pathlib, time
time.sleep(1.5)
pathlib.Path({done!r}).touch()
"""


def test_an_interrupted_apply_finishes_before_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = tmp_path / "done"
    program = fake_terraform(tmp_path, monkeypatch, CAREFUL.format(done=str(done)))
    terraform = Terraform(str(program), tmp_path, {"TF_DATA_DIR": str(tmp_path)})
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()

    with pytest.raises(KeyboardInterrupt):
        terraform.streaming(Console(quiet=True), "apply")

    assert done.exists()


def shown(*messages: dict[str, Any], planning: bool = False) -> list[str]:
    text = io.StringIO()
    report = Report(Console(file=text, width=20), planning=planning)
    for message in messages:
        report.take(json.dumps(message))
    return text.getvalue().splitlines()


CHANGE = {"type": "planned_change", "change": {"action": "create", "resource": {"addr": 'aws_x.y["a"]'}}}
DONE = {"type": "apply_complete", "hook": {"action": "create", "elapsed_seconds": 3, "resource": {"addr": "aws_x.y"}}}


def test_one_line_tells_of_one_resource_with_its_time() -> None:
    assert shown(CHANGE, DONE) == ["  created  aws_x.y 3 s"]


def test_a_plan_tells_what_would_change_outputs_included() -> None:
    outputs = {"type": "outputs", "outputs": {"api_url": {"action": "update"}, "bucket": {"action": "noop"}}}
    assert [line.split() for line in shown(CHANGE, outputs, planning=True)] == [
        ["create", 'aws_x.y["a"]'],
        ["update", "output.api_url"],
    ]
