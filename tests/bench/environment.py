""".venv-bench: candlecast beside the packages it is compared with, all pinned, made when a benchmark needs them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-bench"
LOCK = Path(__file__).with_name("requirements.txt")
UV = Path(sys.executable).with_name("uv")

ONE_CORE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"), "1"
)
"""Every library on one thread, so that figures are per core and do not depend on the machine's other work."""


def run(module: str, *arguments: str) -> Any:
    """The JSON document that ``python -m module arguments`` prints in the environment, on one core.

    Its standard error goes to ours. Raises CalledProcessError when the module or the installation fails.
    """
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "core" / "python")])
    answer = subprocess.run(
        [_python(), "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | ONE_CORE | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(answer.stdout)


def _python() -> Path:
    """The environment's interpreter, the packages as locked. Waits for the package index if they are not."""
    python = ENVIRONMENT / "bin" / "python"
    installed = ENVIRONMENT / "installed"
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if not installed.exists() or installed.read_text() != wanted:
        print(f"Installing what benchmarks are compared with into {ENVIRONMENT.name}", file=sys.stderr)
        subprocess.run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, ENVIRONMENT], check=True)
        subprocess.run([UV, "pip", "sync", "--quiet", "--require-hashes", "--python", python, LOCK], check=True)
        for stray in ENVIRONMENT.glob("lib/python*/site-packages/tests"):
            shutil.rmtree(stray)  # a wheel carries its tests under this name, which would hide ours
        installed.write_text(wanted)
    return python
