"""Packages are built once per content, whole or not at all."""

import os
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from layers import packages, store
from layers.build import target
from layers.failure import BuildFailed
from layers.packages import Target
from layers.recipes import LAYERS, Drop, Layer

LOCK = "ours==1.0 \\\n    --hash=sha256:00\nboto3==1.0 \\\n    --hash=sha256:00\n"


@pytest.fixture
def host() -> Target:
    return target("host", None)


@pytest.fixture
def installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A project with one fake layer, `data`; answers what was asked of the installer, which lays down two modules."""
    asked: list[list[str]] = []

    def install(requirements: list[str], target: Target, into: Path) -> None:
        asked.append(requirements)
        for name in ("ours/__init__.py", "ours/tests/test_ours.py", "ours-1.0.dist-info/RECORD"):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_text(f"name = {name!r}\n")

    lock = tmp_path / "layers" / "data" / "requirements.txt"
    lock.parent.mkdir(parents=True)
    lock.write_text("# a comment\n" + LOCK)
    monkeypatch.setattr(store, "ROOT", tmp_path)
    monkeypatch.setattr(store, "EVERYWHERE", (Drop("*.dist-info/RECORD", "for the test"),))
    monkeypatch.setattr(packages, "install", install)
    monkeypatch.setitem(LAYERS, "data", Layer(packages=("ours",), drops=(Drop("**/tests/**", "their own tests"),)))
    return asked


def content(zipped: Path) -> list[str]:
    with zipfile.ZipFile(zipped) as opened:
        return opened.namelist()


def test_a_layer_holds_its_packages_with_bytecode_and_without_what_the_rules_leave_out(
    installs: list[list[str]], host: Target, tmp_path: Path
) -> None:
    built = store.layer("data", host, tmp_path / "store")
    version = host.python.replace(".", "")
    assert content(built.path) == ["python/ours/__init__.py", f"python/ours/__pycache__/__init__.cpython-{version}.pyc"]
    assert len(installs) == 1
    assert installs[0][0].startswith("ours==1.0")
    assert built.bytes_zipped == built.path.stat().st_size


def test_two_builds_are_the_same_to_the_byte(installs: list[list[str]], host: Target, tmp_path: Path) -> None:
    first, second = (store.layer("data", host, tmp_path / name) for name in ("one", "two"))
    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.source_hash, first.sha256_base64) == (second.source_hash, second.sha256_base64)
    assert len(installs) == 2


def test_what_did_not_change_is_not_built_again(installs: list[list[str]], host: Target, tmp_path: Path) -> None:
    assert store.layer("data", host, tmp_path / "store") == store.layer("data", host, tmp_path / "store")
    assert len(installs) == 1


@pytest.mark.parametrize("changed", ["lock", "rules", "target"])
def test_what_changed_is_built_again(
    installs: list[list[str]], host: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    first = store.layer("data", host, tmp_path / "store")
    match changed:
        case "lock":
            (tmp_path / "layers/data/requirements.txt").write_text(LOCK.replace("ours==1.0", "ours==1.1"))
        case "rules":
            monkeypatch.setitem(LAYERS, "data", Layer(packages=("ours",)))
        case "target":
            host = Target(host.machine, host.python, host=False)
    assert store.layer("data", host, tmp_path / "store").path != first.path
    assert len(installs) == 2


def test_an_interrupted_build_leaves_nothing_half_done(
    installs: list[list[str]], host: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(packages, "compile_bytecode", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.layer("data", host, tmp_path / "store")
    assert list((tmp_path / "store").iterdir()) == []
    assert store.layer("data", host, tmp_path / "store").path.exists()


def test_a_module_that_does_not_compile_fails_the_build(
    installs: list[list[str]], host: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(requirements: list[str], target: Target, into: Path) -> None:
        (into / "x-1.dist-info").mkdir(parents=True)
        (into / "x-1.dist-info" / "RECORD").touch()
        (into / "tests").mkdir()
        (into / "tests" / "one.py").touch()
        (into / "broken.py").write_text("from  import nothing\n")

    monkeypatch.setattr(packages, "install", install)
    with pytest.raises(BuildFailed, match=r"do not compile with Python .*\n(.*\n)*.*broken.py"):
        store.layer("data", host, tmp_path / "store")


def test_a_function_without_a_handler_is_told(host: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ROOT", tmp_path)
    with pytest.raises(BuildFailed, match=r"lambdas/ingest/handler.py is missing"):
        store.function("ingest", host, tmp_path / "store")


def test_a_function_keeps_its_path_and_takes_no_other_functions_code(
    host: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("__init__.py", "api/__init__.py", "api/handler.py", "drift/handler.py", "api/__pycache__/old.pyc"):
        (tmp_path / "lambdas" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lambdas" / name).touch()
    monkeypatch.setattr(store, "ROOT", tmp_path)
    named = content(store.function("api", host, tmp_path / "store").path)
    sources = [name for name in named if name.endswith(".py")]
    assert sources == ["lambdas/__init__.py", "lambdas/api/__init__.py", "lambdas/api/handler.py"]
    assert "lambdas/api/__pycache__/old.pyc" not in named


def test_what_no_build_asked_for_in_a_while_is_swept(installs: list[list[str]], host: Target, tmp_path: Path) -> None:
    built = store.layer("data", host, tmp_path / "store")
    store.sweep(tmp_path / "store", unused_for=timedelta(days=3))
    assert built.path.exists()
    os.utime(built.path.with_suffix(".json"), (0, 0))
    store.sweep(tmp_path / "store", unused_for=timedelta(days=3))
    assert not list((tmp_path / "store").iterdir())
