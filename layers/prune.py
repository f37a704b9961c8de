"""Cutting an installed tree down by a recipe's rules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from layers.failure import BuildFailed
from layers.recipes import Drop, Trim


def files(root: Path) -> list[Path]:
    """Every file below a folder, by name."""
    return sorted(path for path in root.rglob("*") if path.is_file())


def drop(root: Path, rules: Iterable[Drop]) -> None:
    """Removes what the rules match, and the folders this empties. Raises BuildFailed for a rule without a match."""
    present = {path.relative_to(root).as_posix() for path in files(root)}
    doomed: set[str] = set()
    for rule in rules:
        meant, spared = _compiled(rule.pattern), _compiled(rule.but)
        matched = {name for name in present if meant.fullmatch(name) and not spared.fullmatch(name)}
        if not matched:
            raise BuildFailed(f"The rule {rule.pattern!r} ({rule.why}) matches nothing; mend it in layers/recipes.py.")
        doomed |= matched
    for name in doomed:
        (root / name).unlink()
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def trim(root: Path, rules: Iterable[Trim]) -> None:
    """Removes the lines the rules name. Raises BuildFailed for a rule without a match."""
    for rule in rules:
        file = root / rule.file
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        kept = [line for line in lines if not _named(rule, line)]
        if len(kept) == len(lines):
            raise BuildFailed(f"The rule for {rule.file} ({rule.why}) matches nothing; mend it in layers/recipes.py.")
        file.unlink()  # it may be a hard link into the installer's cache
        file.write_text("".join(kept))


def _named(rule: Trim, line: str) -> bool:
    match = re.match(rule.line, line)
    return match is not None and match[match.lastindex or 0] not in rule.but


_TOKENS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "{": "(?:", "}": ")", ",": "|"}


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of recipes.py as a regular expression."""
    tokens = re.split(r"(\*\*/|\*\*|\*|[{},])", pattern)
    return re.compile("".join(_TOKENS.get(token, re.escape(token)) for token in tokens))
