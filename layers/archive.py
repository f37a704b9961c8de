"""Zips whose bytes depend on their content alone."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

from layers.prune import files

_WRITTEN = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can tell
_MODE = 0o100644 << 16
_UNIX = 3


def source_hash(root: Path) -> str:
    """The hash of a tree's (path, hash) pairs, in hex."""
    return pairs_hash((path.relative_to(root).as_posix(), path.read_bytes()) for path in files(root))


def pairs_hash(pairs: Iterable[tuple[str, bytes]]) -> str:
    """The hash of (path, content) pairs in the given order, in hex."""
    digest = hashlib.sha256()
    for name, content in pairs:
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def size(root: Path) -> int:
    """Bytes in a tree's files."""
    return sum(path.stat().st_size for path in files(root))


def write_zip(root: Path, archive: Path) -> None:
    """Zips a tree; the archive is there whole or not at all."""
    part = archive.with_name(f".{archive.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as opened:
            for path in files(root):
                entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), _WRITTEN)
                entry.create_system = _UNIX
                entry.external_attr = _MODE
                entry.compress_type = zipfile.ZIP_DEFLATED
                opened.writestr(entry, path.read_bytes())
        part.replace(archive)
    finally:
        part.unlink(missing_ok=True)


def sha256_base64(archive: Path) -> str:
    """An archive's own hash, in the form in which Lambda gives it."""
    return base64.b64encode(hashlib.sha256(archive.read_bytes()).digest()).decode()
