"""Running layers as Lambda would: nothing on the path but the layers, and what Lambda's runtime brings."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from layers.archive import pairs_hash
from layers.failure import BuildFailed
from layers.recipes import FUNCTIONS
from layers.store import ROOT, Package

LAYERED_OVER = {"core": (), "data": (), "model": ("data",), "exchange": (), "web": ()}
"""The layers that have a program in layers/proofs, and which others it needs beside the core layer."""

RUNTIME = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""Modules of Lambda's Python runtime, lent to the proofs by this environment."""

_START = """
import runpy, sys
sys.path[:0] = sys.argv[2:]
"""


@dataclass(frozen=True)
class Proof:
    """A program to run with nothing but these zips; `made_of` is what its outcome depends on."""

    what: str
    program: str
    archives: tuple[Path, ...]
    made_of: tuple[tuple[str, bytes], ...]


def proofs(layers: Mapping[str, Package], functions: Mapping[str, Package]) -> list[Proof]:
    """A program for each layer, and for each function that its handler can be imported with its layers."""
    found = []
    core_lock = (ROOT / "layers" / "core" / "requirements.txt").read_bytes()
    for name, below in LAYERED_OVER.items():
        script = Path(__file__).with_name("proofs") / f"{name}.py"
        needed = [layers[layer].path for layer in dict.fromkeys((*below, name))]
        # The core layer changes with every line of ours; to the other layers only its packages matter.
        made_of = [("script", script.read_bytes()), ("core", core_lock), *((path.name, b"") for path in needed)]
        archives = dict.fromkeys([layers["core"].path, *needed])
        found.append(Proof(f"layer {name}", f"runpy.run_path({str(script)!r})", tuple(archives), tuple(made_of)))
    for name, package in functions.items():
        program = f"assert callable(__import__('importlib').import_module('lambdas.{name}.handler').handler)"
        archives = dict.fromkeys([package.path, *(layers[layer].path for layer in FUNCTIONS[name])])
        named = tuple((path.name, b"") for path in archives)
        found.append(Proof(f"function {name}", program, tuple(archives), named))
    return found


def run(proof: Proof, store: Path) -> bool:
    """Runs a proof, unless the store remembers that it succeeded. Answers whether it ran; raises BuildFailed."""
    mark = store / "proved" / pairs_hash([(sys.version, (_START + proof.program).encode()), *proof.made_of])
    if mark.exists():
        return False
    with tempfile.TemporaryDirectory() as folder:
        runtime = Path(folder).resolve() / "runtime"
        _lend_runtime(runtime)
        homes = [_unpacked(archive, store) for archive in proof.archives]
        paths = [home / "python" if (home / "python").exists() else home for home in homes]
        ran = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", _START + proof.program, *map(str, ["proof", *paths, runtime])],
            cwd=folder,
            env=_environment([home / "lib" for home in homes]),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if ran.returncode:
        raise BuildFailed(
            f"The {proof.what} does not work with its layers alone; was something left out that it needs?\n"
            + ran.stderr.strip()[-3000:]
        )
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    return True


def _unpacked(archive: Path, store: Path) -> Path:
    """An archive's content, as Lambda lays it out; unpacked once."""
    home = (store / "unpacked" / archive.stem).resolve()
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent) as folder:
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(Path(folder) / "content")
            with suppress(OSError):  # another build was quicker
                (Path(folder) / "content").rename(home)
    return home


def _lend_runtime(folder: Path) -> None:
    folder.mkdir()
    for name in RUNTIME:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise BuildFailed(f"{name} is missing from .venv; run make setup.")
        origin = Path(spec.origin)
        module = origin.parent if origin.name == "__init__.py" else origin
        (folder / module.name).symlink_to(module)


def _environment(libraries: list[Path]) -> dict[str, str]:
    """What Lambda sets, and nothing of this machine's Python or AWS settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "proof",
        "AWS_SECRET_ACCESS_KEY": "proof",
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": "proof",
        "POWERTOOLS_METRICS_NAMESPACE": "candlecast",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
