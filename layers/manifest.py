"""manifest.json: what was built, as Terraform and the tests read it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layers.packages import Target
from layers.recipes import FUNCTIONS, LIMIT
from layers.store import Package


def unzipped(name: str, functions: Mapping[str, Package], layers: Mapping[str, Package]) -> int:
    """Bytes of a function with its layers, unzipped."""
    return functions[name].bytes_unzipped + sum(layers[layer].bytes_unzipped for layer in FUNCTIONS[name])


def write(target: Target, functions: Mapping[str, Package], layers: Mapping[str, Package], folder: Path) -> Path:
    """Puts the packages and their manifest into a folder; the manifest comes last. Answers its path."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "python": target.python,
        "architecture": target.machine,
        "layers": {name: _described(name, "layers", package, folder) for name, package in layers.items()},
        "functions": {
            name: {
                **_described(name, "functions", package, folder),
                "layers": list(FUNCTIONS[name]),
                "bytes_unzipped_total": unzipped(name, functions, layers),
                "limit": LIMIT,
            }
            for name, package in functions.items()
        },
    }
    part = folder / f".manifest.{os.getpid()}"
    part.write_text(json.dumps(content, indent=2) + "\n")
    return part.replace(folder / "manifest.json")


def _described(name: str, kind: str, package: Package, folder: Path) -> dict[str, Any]:
    placed = folder / kind / f"{name}.zip"
    placed.parent.mkdir(exist_ok=True)
    part = placed.with_name(f".{name}.{os.getpid()}")
    try:
        os.link(package.path, part)
    except OSError:  # another file system
        shutil.copyfile(package.path, part)
    part.replace(placed)
    part.unlink(missing_ok=True)  # left where it already was the same file
    return {
        "zip": placed.relative_to(folder).as_posix(),
        "bytes_zipped": package.bytes_zipped,
        "bytes_unzipped": package.bytes_unzipped,
        "source_hash": package.source_hash,
        "sha256_base64": package.sha256_base64,
    }
