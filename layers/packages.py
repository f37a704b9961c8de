"""Installing locked packages for a target that need not be this machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from uv import find_uv_bin

from layers.failure import BuildFailed
from layers.prune import files
from layers.recipes import RUNTIME, Layer

Machine = Literal["arm64", "x86_64"]

GLIBC = (2, 34)
"""Of Amazon Linux 2023, where Lambda's Python 3.12 and 3.13 run."""


def this_machine() -> Machine:
    """This processor by the name Lambda gives it. Raises BuildFailed for one Lambda does not have."""
    match platform.machine():
        case "x86_64" | "AMD64":
            return "x86_64"
        case "aarch64" | "arm64":
            return "arm64"
        case other:
            raise BuildFailed(f"Lambda has no {other} processors: use an arm64 or x86_64 machine.")


def this_python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Target:
    """Where packages are to run: on this very machine, or on Lambda."""

    machine: Machine
    python: str
    host: bool

    @property
    def folder(self) -> str:
        return "host" if self.host else self.machine

    @property
    def runs_here(self) -> bool:
        return (
            self.machine == this_machine() and self.python == this_python() and (self.host or sys.platform == "linux")
        )

    def options(self) -> list[str]:
        """What uv must be told."""
        if self.host:
            return ["--python", sys.executable]
        processor = "aarch64" if self.machine == "arm64" else "x86_64"
        glibc = "_".join(map(str, GLIBC))
        return ["--python-version", self.python, "--python-platform", f"{processor}-manylinux_{glibc}"]


def locked(lock: Path) -> dict[str, str]:
    """A lock's packages: {name: its lines}."""
    blocks = re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", lock.read_text()))
    return {block.split("==")[0].strip(): block.rstrip() for block in blocks if block.strip()}


def chosen(name: str, layer: Layer, lock: Mapping[str, str], elsewhere: Iterable[str]) -> list[str]:
    """The lock's lines for the packages a layer carries.

    `elsewhere` are packages that the core layer brings. Raises BuildFailed for a package of the lock that the recipe
    neither carries nor leaves out for a reason, and for one it names that the lock has not.
    """
    if unknown := sorted(set(lock) - set(layer.packages) - set(layer.left_out) - set(RUNTIME) - set(elsewhere)):
        raise BuildFailed(
            f"The {name} layer's lock has {', '.join(unknown)}: carry it or leave it out, in layers/recipes.py."
        )
    if missing := sorted({*layer.packages, *layer.left_out} - set(lock)):
        raise BuildFailed(f"The {name} layer's lock has no {', '.join(missing)}; take it out of layers/recipes.py.")
    return [lock[package] for package in layer.packages]


def install(requirements: Iterable[str], target: Target, into: Path) -> None:
    """Installs pinned, hashed requirements into a folder. Raises BuildFailed."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(requirements))
        listed.flush()
        command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(into), "--no-deps", "--require-hashes"]
        command += ["--only-binary", ":all:", "--link-mode", "copy", *target.options(), "--requirement", listed.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(
            "Packages could not be installed; is the package index within reach, and the disk not full?\n"
            + done.stderr.strip()[-2000:]
        )


def take_library(name: str, pattern: str, requirement: str, target: Target, into: Path) -> None:
    """Puts a shared library that a wheel carries into a folder, under the name the loader asks for."""
    with tempfile.TemporaryDirectory() as wheel:
        install([requirement], target, Path(wheel))
        copies = list(Path(wheel).glob(pattern))
        if len(copies) != 1:
            raise BuildFailed(f"{len(copies)} files match {pattern!r}, where {name} should be; mend layers/recipes.py.")
        into.mkdir(parents=True, exist_ok=True)
        (into / name).write_bytes(copies[0].read_bytes())


def compile_bytecode(root: Path, target: Target, deployed: str) -> None:
    """Compiles a tree's modules, as seen at `deployed` in tracebacks.

    The bytecode is never checked against its source, whose date a zip does not keep. Raises BuildFailed where no
    interpreter of the target's version is at hand.
    """
    command = [_interpreter(target.python), "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    # In one process, in the order of names: the bytes do not depend on the number of cores.
    command += ["-s", str(root), "-p", deployed, str(root)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise BuildFailed(f"Some modules do not compile with Python {target.python}:\n{done.stdout.strip()[-2000:]}")
    for source in files(root):
        if source.suffix == ".py" and not list((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")):
            raise BuildFailed(f"{source.relative_to(root)} got no bytecode; is the disk full?")


def _interpreter(version: str) -> str:
    if version == this_python():
        return sys.executable
    found = subprocess.run(
        [find_uv_bin(), "python", "find", "--no-python-downloads", "--system", version],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        raise BuildFailed(
            f"Compiling for Lambda needs a Python {version} on this machine; install it, or build with "
            f"--python of one of {this_python()} where Lambda has that."
        )
    return found.stdout.strip()
