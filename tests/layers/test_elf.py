"""Libraries that Lambda would not load are found without running them."""

import ctypes
import shutil
import struct
import sys
from pathlib import Path

import lightgbm
import pytest
import yaml._yaml as extension

from layers import elf
from layers.packages import Machine, this_machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="this system's libraries are no ELF files")


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A layer holding one real extension module."""
    folder = tmp_path / "layer" / "python"
    folder.mkdir(parents=True)
    shutil.copyfile(extension.__file__, folder / "extension.so")
    return folder.parent


def test_a_wheel_made_for_this_processor_passes(layer: Path) -> None:
    assert elf.problems(layer, this_machine()) == []


def test_another_processor_is_told(layer: Path) -> None:
    other: Machine = "arm64" if this_machine() == "x86_64" else "x86_64"
    (problem,) = elf.problems(layer, other)
    assert problem.startswith("python/extension.so is for EM_")
    assert problem.endswith(f"not {other}.")


def test_lightgbm_without_libgomp_is_told_and_libgomp_in_lib_is_enough(layer: Path) -> None:
    source = Path(lightgbm.__file__).parent / "lib" / "lib_lightgbm.so"
    shutil.copyfile(source, layer / "python" / "lib_lightgbm.so")
    assert elf.problems(layer, this_machine()) == [
        "python/lib_lightgbm.so needs libgomp.so.1, which is neither here nor in Lambda's system."
    ]
    (layer / "lib").mkdir()
    (layer / "lib" / "libgomp.so.1").touch()
    assert elf.problems(layer, this_machine()) == []


def test_symbols_newer_than_lambdas_are_told(layer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(elf.NEWEST, "GLIBC", (2, 2))
    problems = elf.problems(layer, this_machine())
    assert problems
    assert all("newer than Lambda's" in problem for problem in problems)


def test_a_segment_off_its_page_is_told(layer: Path) -> None:
    library = layer / "python" / "extension.so"
    content = bytearray(library.read_bytes())
    headers, size, count = struct.unpack_from("<Q", content, 32)[0], *struct.unpack_from("<HH", content, 54)
    loaded = [
        at for at in range(headers, headers + size * count, size) if struct.unpack_from("<I", content, at)[0] == 1
    ]
    struct.pack_into("<Q", content, loaded[-1] + 48, 16)  # p_align
    library.write_bytes(content)
    (problem,) = elf.problems(layer, this_machine())
    assert "not aligned to pages" in problem


def test_cutting_symbols_saves_bytes_and_the_library_still_loads(layer: Path) -> None:
    library = layer / "python" / "extension.so"
    before = library.stat().st_size
    saved = elf.cut_symbols(layer)
    assert saved > 0
    assert library.stat().st_size == before - saved
    assert hasattr(ctypes.CDLL(str(library)), "PyInit__yaml")


def test_cutting_symbols_leaves_other_links_to_the_same_file_alone(layer: Path, tmp_path: Path) -> None:
    cached = tmp_path / "cached.so"
    cached.hardlink_to(layer / "python" / "extension.so")
    before = cached.read_bytes()
    elf.cut_symbols(layer)
    assert cached.read_bytes() == before


def test_files_that_are_no_libraries_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("x = 1\n")
    assert elf.libraries(tmp_path) == []
    assert elf.cut_symbols(tmp_path) == 0
