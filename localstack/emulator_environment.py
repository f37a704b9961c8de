"""The environment of the embedded AWS: its locked packages and nothing else.

Functions run on its interpreter and see its packages, so a package missing from a layer must be missing here too.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from localstack.processes import StackFailed, interpreter_environment

LOCK = Path(__file__).with_name("requirements.txt")


def python(state: Path) -> Path:
    return state / "emulator-venv/bin/python"


def is_ready(state: Path) -> bool:
    try:
        return _mark(state).read_text() == _wanted()
    except OSError:
        return False


def make(state: Path) -> None:
    """Makes the environment anew, with this process's version of Python. Raises StackFailed with the remedy."""
    folder, uv = state / "emulator-venv", [sys.executable, "-m", "uv"]
    environment = interpreter_environment(os.environ)
    commands = (
        [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [*uv, "pip", "install", "--quiet", "--python", str(python(state)), "--require-hashes", "--compile-bytecode",
         "--requirement", str(LOCK)],
    )  # fmt: skip
    state.mkdir(parents=True, exist_ok=True)
    for command in commands:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StackFailed(
                f"The embedded AWS's packages could not be installed into {folder}. Is the package index within reach, "
                f"and the disk not full? uv says:\n{done.stderr.strip()[-800:]}"
            )
    _mark(state).write_text(_wanted())


def _mark(state: Path) -> Path:
    return state / "emulator-venv/made-from"


def _wanted() -> str:
    return f"python {sys.version_info[0]}.{sys.version_info[1]} {hashlib.sha256(LOCK.read_bytes()).hexdigest()}"
