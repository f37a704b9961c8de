"""Building packages into a store where each is named by what it is made of, so that nothing is built twice."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from candlecast import settings
from layers import archive, elf, packages, prune
from layers.failure import BuildFailed
from layers.packages import Target
from layers.recipes import CORE, EVERYWHERE, LAYERS, Layer

ROOT = Path(__file__).resolve().parents[1]
DOMAIN = ROOT / "layers" / "core" / "python" / "candlecast"
NOT_DEPLOYED = ("cli",)
"""Parts of the domain package that only people's machines need."""


@dataclass(frozen=True)
class Package:
    """A zip in the store. Sizes in bytes; `source_hash` is of the (path, hash) pairs within."""

    path: Path
    bytes_zipped: int
    bytes_unzipped: int
    source_hash: str
    sha256_base64: str


def layer(name: str, target: Target, store: Path) -> Package:
    """The package of a layer, built unless the store has it. Raises BuildFailed."""
    recipe = LAYERS[name]
    lock = packages.locked(ROOT / "layers" / name / "requirements.txt")
    elsewhere = () if name == "core" else CORE.packages
    requirements = packages.chosen(name, recipe, lock, elsewhere)
    lent = {library: lock[donor] for library, (donor, _) in recipe.libraries.items()}
    domain = _domain() if name == "core" else {}
    made_of = [
        ("packages", "\n".join(requirements).encode()),
        ("libraries", json.dumps(lent).encode()),
        ("recipe", repr((recipe, EVERYWHERE)).encode()),
        ("target", repr(target).encode()),
        *sorted(domain.items()),
    ]

    def fill(tree: Path) -> None:
        python = tree / "python"
        packages.install(requirements, target, python)
        _cut_down(python, recipe)
        for library, requirement in lent.items():
            packages.take_library(library, recipe.libraries[library][1], requirement, target, tree / "lib")
        if not target.host and (problems := elf.problems(tree, target.machine)):
            raise BuildFailed(f"The {name} layer would not load on Lambda:\n" + "\n".join(problems))
        elf.cut_symbols(tree)
        _write(python / "candlecast", domain)
        packages.compile_bytecode(python, target, "/opt/python")

    return _stored(name, made_of, fill, store)


def function(name: str, target: Target, store: Path) -> Package:
    """The package of a function: its own folder of lambdas/, built unless the store has it. Raises BuildFailed."""
    home = ROOT / "lambdas"
    if not (home / name / "handler.py").exists():
        raise BuildFailed(f"lambdas/{name}/handler.py is missing.")
    content = {f"{name}/{path}": text for path, text in _sources(home / name).items()}
    if (home / "__init__.py").exists():
        content["__init__.py"] = (home / "__init__.py").read_bytes()

    def fill(tree: Path) -> None:
        _write(tree / "lambdas", content)
        packages.compile_bytecode(tree, target, "/var/task")

    return _stored(name, [("target", repr(target).encode()), *sorted(content.items())], fill, store)


def sweep(store: Path, unused_for: timedelta) -> None:
    """Removes what no build has asked for in a while."""
    oldest = time.time() - unused_for.total_seconds()
    for facts in store.glob("*.json"):
        if facts.stat().st_mtime < oldest:
            facts.unlink()
            facts.with_suffix(".zip").unlink(missing_ok=True)
            shutil.rmtree(store / "unpacked" / facts.stem, ignore_errors=True)


def _cut_down(python: Path, recipe: Layer) -> None:
    prune.drop(python, EVERYWHERE + recipe.drops)
    prune.trim(python, recipe.trims)


def _domain() -> dict[str, bytes]:
    """The domain package as functions get it, with the settings file in force. Raises BadSettings for a wrong one."""
    settings.load()
    content = {path: text for path, text in _sources(DOMAIN).items() if path.split("/")[0] not in NOT_DEPLOYED}
    return {**content, "settings.yaml": settings.location().read_bytes()}


def _sources(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in prune.files(folder)
        if "__pycache__" not in path.parts
    }


def _write(folder: Path, content: dict[str, bytes]) -> None:
    for path, text in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text)


def _stored(name: str, made_of: list[tuple[str, bytes]], fill: Callable[[Path], None], store: Path) -> Package:
    code = [(path.name, path.read_bytes()) for path in map(Path, (packages.__file__, prune.__file__, archive.__file__))]
    code += [("elf.py", Path(elf.__file__).read_bytes())]
    zipped = store / f"{name}-{archive.pairs_hash([*made_of, *code])[:20]}.zip"
    facts = zipped.with_suffix(".json")  # written last: where it is, the zip is whole
    if facts.exists() and zipped.exists():
        facts.touch()  # in use
    else:
        store.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=store, prefix=f".{name}-") as folder:
            tree = Path(folder) / "tree"
            fill(tree)
            archive.write_zip(tree, zipped)
            built = Package(
                path=zipped,
                bytes_zipped=zipped.stat().st_size,
                bytes_unzipped=archive.size(tree),
                source_hash=archive.source_hash(tree),
                sha256_base64=archive.sha256_base64(zipped),
            )
            part = Path(folder) / "facts"
            part.write_text(json.dumps({**asdict(built), "path": zipped.name}))
            part.replace(facts)
    return Package(**{**json.loads(facts.read_text()), "path": zipped})
