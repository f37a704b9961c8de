"""A zip is its content: no dates, no modes, no order of creation."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from layers import archive

Tree = Callable[..., Path]


def test_the_same_content_makes_the_same_bytes_whenever_and_however_written(tree: Tree, tmp_path: Path) -> None:
    first, second = tree("b.py", "a/c.py", folder="first"), tree("a/c.py", "b.py", folder="second")
    os.utime(second / "b.py", (0, 0))
    (second / "b.py").chmod(0o700)
    archive.write_zip(first, tmp_path / "first.zip")
    archive.write_zip(second, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    assert archive.source_hash(first) == archive.source_hash(second)


def test_lambda_can_read_every_file_of_the_zip(tree: Tree, tmp_path: Path) -> None:
    archive.write_zip(tree("a.py"), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        (entry,) = opened.infolist()
    assert (entry.create_system, entry.external_attr >> 16, entry.date_time[0]) == (3, 0o100644, 1980)


def test_the_source_hash_tells_names_apart(tree: Tree) -> None:
    named, renamed = tree("a.py", folder="named"), tree("a.py", folder="renamed")
    (renamed / "a.py").rename(renamed / "b.py")
    assert archive.source_hash(named) != archive.source_hash(renamed)


def test_an_interrupted_zip_leaves_nothing(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "writestr", interrupted)
    (tmp_path / "out").mkdir()
    root = tree("a.py")
    with pytest.raises(KeyboardInterrupt):
        archive.write_zip(root, tmp_path / "out" / "a.zip")
    assert list((tmp_path / "out").iterdir()) == []
