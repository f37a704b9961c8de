"""`python -m layers.build`: what it writes, and what it says when it cannot."""

import errno
import json
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console
from typer import Typer
from typer.testing import CliRunner

from layers import build, manifest, packages, prove, store
from layers.failure import BuildFailed
from layers.packages import Target
from layers.recipes import FUNCTIONS, LAYERS, LIMIT
from layers.store import Package


@pytest.fixture
def sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Bytes unzipped of each package, to be changed by a test; nothing real is built or proved."""
    given = dict.fromkeys([*LAYERS, *FUNCTIONS], 1000)

    def packed(name: str, target: Target, folder: Path) -> Package:
        path = tmp_path / f"{name}.zip"
        path.write_text(name)
        return Package(path, len(name), given[name], f"hash of {name}", "sha")

    monkeypatch.setattr(store, "layer", packed)
    monkeypatch.setattr(store, "function", packed)
    monkeypatch.setattr(prove, "run", lambda proof, folder: True)
    monkeypatch.setattr(build, "STORE", tmp_path / "store")
    return given


@pytest.fixture
def console() -> Console:
    return Console(quiet=True)


@pytest.fixture
def command() -> Typer:
    app = Typer()
    app.command()(build.main)
    return app


def test_the_manifest_names_every_package_relative_to_itself(
    sizes: dict[str, int], tmp_path: Path, console: Console
) -> None:
    written = build.build(build.target("host", None), tmp_path / "out", console)
    content = json.loads(written.read_text())
    assert written == tmp_path / "out" / "host" / "manifest.json"
    assert (content["python"], content["architecture"]) == (packages.this_python(), packages.this_machine())
    assert set(content["layers"]) == set(LAYERS)
    assert content["functions"]["predict"] == {
        "zip": "functions/predict.zip",
        "bytes_zipped": 7,
        "bytes_unzipped": 1000,
        "source_hash": "hash of predict",
        "sha256_base64": "sha",
        "layers": ["core", "data", "model"],
        "bytes_unzipped_total": 4000,
        "limit": LIMIT,
    }
    for described in (*content["layers"].values(), *content["functions"].values()):
        assert (written.parent / described["zip"]).is_file()


def test_building_again_over_what_is_there_changes_nothing(
    sizes: dict[str, int], tmp_path: Path, console: Console
) -> None:
    again = partial(build.build, build.target("host", None), tmp_path / "out", console)
    first = again().read_text()
    assert again().read_text() == first
    assert not [path for path in (tmp_path / "out").rglob(".*") if path.is_file()]


def test_a_function_of_exactly_the_limit_is_built(sizes: dict[str, int], tmp_path: Path, console: Console) -> None:
    sizes["data"] = LIMIT - 3000
    assert build.build(build.target("host", None), tmp_path / "out", console).exists()


def test_a_function_over_the_limit_fails_by_name_and_leaves_no_manifest(
    sizes: dict[str, int], tmp_path: Path, console: Console
) -> None:
    sizes["model"] = LIMIT
    with pytest.raises(BuildFailed, match=r"Too large unzipped, with layers: predict\."):
        build.build(build.target("host", None), tmp_path / "out", console)
    assert not (tmp_path / "out").exists()


def test_the_manifest_comes_last(sizes: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(manifest, "_described", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build.build(build.target("host", None), tmp_path / "out", Console(quiet=True))
    assert not (tmp_path / "out" / "host" / "manifest.json").exists()


def test_packages_for_another_processor_are_not_run_here(
    sizes: dict[str, int], tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(proof: prove.Proof, folder: Path) -> bool:
        raise AssertionError("it cannot run here")

    monkeypatch.setattr(prove, "run", run)
    other = "arm64" if packages.this_machine() == "x86_64" else "x86_64"
    assert build.build(build.target(other, "3.12"), tmp_path / "out", console).parent.name == other


@pytest.mark.parametrize(
    ("architecture", "python", "remedy"),
    [("host", "2.7", "leave --python out"), ("arm64", "3.11", "Build for Lambda's Python 3.12 or 3.13, not 3.11")],
)
def test_a_python_that_is_not_there_is_told(architecture: str, python: str, remedy: str) -> None:
    with pytest.raises(BuildFailed, match=remedy):
        build.target(architecture, python)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (BuildFailed("is the package index within reach?"), "is the package index within reach?"),
        (OSError(errno.ENOSPC, "No space left on device"), "Make room and run it again"),
        (KeyboardInterrupt(), "nothing half-built is"),
    ],
)
def test_a_failure_is_a_sentence_and_an_exit_code(
    sizes: dict[str, int],
    command: Typer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    said: str,
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(store, "layer", fail)
    answer = CliRunner().invoke(command, ["--output", str(tmp_path / "out")])
    assert answer.exit_code in (1, 130)
    assert said in " ".join(answer.output.split())
    assert "Traceback" not in answer.output
