"""Shared libraries: would Lambda load them, and how small can they be.

A check of files alone, for processors that cannot run here.
"""

from __future__ import annotations

import re
from pathlib import Path

from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from layers.packages import GLIBC, Machine
from layers.prune import files

SYSTEM = re.compile(
    r"(libc|libm|libdl|librt|libutil|libpthread|libgcc_s|libstdc\+\+|libz)\.so\.\d+|ld-linux-(x86-64|aarch64)\.so\.\d"
)
"""Libraries of Lambda's base system (Amazon Linux 2023)."""

NEWEST = {"GLIBC": GLIBC, "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13)}
"""The newest symbol versions of Amazon Linux 2023: glibc 2.34, and libstdc++ of GCC 11."""

_MACHINES: dict[Machine, str] = {"arm64": "EM_AARCH64", "x86_64": "EM_X86_64"}
_PAGE = 4096


def libraries(root: Path) -> list[Path]:
    """The ELF files of a tree."""
    found = []
    for path in files(root):
        with path.open("rb") as opened:
            if opened.read(4) == b"\x7fELF":
                found.append(path)
    return found


def problems(layer: Path, machine: Machine) -> list[str]:
    """Why libraries of an unpacked layer would not load on Lambda: sentences, none if all is well."""
    return [
        f"{library.relative_to(layer)} {problem}"
        for library in libraries(layer)
        for problem in _problems_of(library, layer, machine)
    ]


def _problems_of(library: Path, layer: Path, machine: Machine) -> list[str]:
    with library.open("rb") as opened:
        elf = ELFFile(opened)
        found = []
        if elf["e_machine"] != _MACHINES[machine]:
            found.append(f"is for {elf['e_machine']}, not {machine}.")
        for segment in elf.iter_segments("PT_LOAD"):
            aligned = segment["p_align"] >= _PAGE and segment["p_align"] % _PAGE == 0
            if not aligned or (segment["p_vaddr"] - segment["p_offset"]) % segment["p_align"]:
                found.append(f"has a segment at {segment['p_offset']:#x} that is not aligned to pages.")
        found += [
            f"needs {name}, which is neither here nor in Lambda's system." for name in _missing(elf, library, layer)
        ]
        found += [f"needs {version}, newer than Lambda's." for version in _too_new(elf)]
    return found


def _missing(elf: ELFFile, library: Path, layer: Path) -> list[str]:
    needed, searched = [], [layer / "lib"]
    for segment in elf.iter_segments("PT_DYNAMIC"):
        if not isinstance(segment, DynamicSegment):
            continue
        for tag in segment.iter_tags():
            told = vars(tag)  # pyelftools sets the attribute that the tag's kind has
            if "needed" in told:
                needed.append(told["needed"])
            elif path := told.get("runpath") or told.get("rpath"):
                searched += [Path(part.replace("$ORIGIN", str(library.parent))) for part in path.split(":")]
    return [
        name
        for name in needed
        if not SYSTEM.fullmatch(name) and not any((folder / name).exists() for folder in searched)
    ]


def _too_new(elf: ELFFile) -> list[str]:
    versions: set[str] = set()
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            versions |= {version.name for _, wanted in section.iter_versions() for version in wanted}
    newer = []
    for version in sorted(versions):
        match = re.fullmatch(r"([A-Z]+)_(\d+(?:\.\d+)*)", version)
        if match and match[1] in NEWEST and tuple(map(int, match[2].split("."))) > NEWEST[match[1]]:
            newer.append(version)
    return newer


def cut_symbols(root: Path) -> int:
    """Cuts off what follows the last loaded segment of every library: names for debuggers. Answers the bytes saved.

    Nothing that is loaded moves, unlike with `strip`, which breaks libraries whose wheels were repaired; and it works
    for every processor alike. Check the libraries first: their version tables are found by the sections cut here.
    """
    return sum(_cut(library) for library in libraries(root))


def _cut(library: Path) -> int:
    content = library.read_bytes()
    with library.open("rb") as opened:
        elf = ELFFile(opened)
        end: int = max(
            [elf["e_phoff"] + elf["e_phnum"] * elf["e_phentsize"]]
            + [segment["p_offset"] + segment["p_filesz"] for segment in elf.iter_segments()]
        )
        elf.header.e_shoff = elf.header.e_shnum = elf.header.e_shstrndx = 0
        header = elf.structs.Elf_Ehdr.build(elf.header)
    library.unlink()  # it may be a hard link into the installer's cache
    library.write_bytes(header + content[len(header) : end])
    return len(content) - end
