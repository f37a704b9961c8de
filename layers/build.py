"""`python -m layers.build`: builds, checks and proves the packages of the four functions and their layers."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from candlecast import settings
from candlecast.errors import CandlecastError
from layers import manifest, prove, store
from layers.failure import BuildFailed
from layers.packages import Target, this_machine, this_python
from layers.recipes import FUNCTIONS, LAYERS, LIMIT
from layers.store import ROOT, Package

LAMBDA_PYTHONS = ("3.12", "3.13")
OUTPUT = ROOT / "build"
STORE = OUTPUT / "store"
BUILDERS = 2
UNUSED = timedelta(days=3)
"""After which a package that no build asked for is removed from the store."""

T = TypeVar("T")


class Architecture(StrEnum):
    """For which processors: this machine's with its own Python, or one of Lambda's."""

    HOST = "host"
    ARM64 = "arm64"
    X86_64 = "x86_64"


def target(architecture: str, python: str | None) -> Target:
    """What to build for. Raises BuildFailed for a Python that Lambda has not."""
    if architecture == "host":
        if python not in (None, this_python()):
            raise BuildFailed(f"The host's packages are for its own Python {this_python()}; leave --python out.")
        return Target(this_machine(), this_python(), host=True)
    version = python or (this_python() if this_python() in LAMBDA_PYTHONS else LAMBDA_PYTHONS[0])
    if version not in LAMBDA_PYTHONS:
        raise BuildFailed(f"Build for Lambda's Python {' or '.join(LAMBDA_PYTHONS)}, not {version}.")
    return Target("arm64" if architecture == "arm64" else "x86_64", version, host=False)


def build(wanted: Target, output: Path, console: Console) -> Path:
    """Builds what is not built yet, proves what runs here, and writes <output>/<architecture>/manifest.json.

    Answers the manifest's path. Raises BuildFailed, also when a function would be larger than the limit.
    """
    with _progress(console) as progress:
        jobs = [partial(store.function, name, wanted, STORE) for name in FUNCTIONS]
        jobs += [partial(store.layer, name, wanted, STORE) for name in LAYERS]
        made = _each(f"Packages for {wanted.folder}, Python {wanted.python}", jobs, progress)
        functions = dict(zip(FUNCTIONS, made, strict=False))
        layers = dict(zip(LAYERS, made[len(FUNCTIONS) :], strict=True))
        if wanted.runs_here:
            proofs = prove.proofs(layers, functions)
            _each(
                "Running each with its layers alone", [partial(prove.run, proof, STORE) for proof in proofs], progress
            )
    console.print(_sizes(wanted, functions, layers))
    sizes = {name: manifest.unzipped(name, functions, layers) for name in functions}
    if large := [name for name, size in sizes.items() if size > LIMIT]:
        raise BuildFailed(f"Too large unzipped, with layers: {', '.join(large)}. Leave more out in layers/recipes.py.")
    written = manifest.write(wanted, functions, layers, output / wanted.folder)
    store.sweep(STORE, unused_for=UNUSED)
    return written


def _each(title: str, jobs: Sequence[Callable[[], T]], progress: Progress) -> list[T]:
    """What the jobs answer, run a few at a time. The first that fails stops those not yet begun."""
    task = progress.add_task(title, total=len(jobs))
    with ThreadPoolExecutor(BUILDERS) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
                progress.advance(task)
        except BaseException:  # an interrupt too: nothing more is begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _sizes(wanted: Target, functions: dict[str, Package], layers: dict[str, Package]) -> Table:
    table = Table(title=f"Unzipped, {wanted.machine}, Python {wanted.python}")
    table.add_column("package")
    table.add_column("layers")
    for heading in ("own bytes", "with layers", "of the limit"):
        table.add_column(heading, justify="right")
    for name, package in layers.items():
        table.add_row(f"layer {name}", "", f"{package.bytes_unzipped:,}", "", "")
    table.add_section()
    for name, package in functions.items():
        total = manifest.unzipped(name, functions, layers)
        table.add_row(
            name, " ".join(FUNCTIONS[name]), f"{package.bytes_unzipped:,}", f"{total:,}", f"{total / LIMIT:.0%}"
        )
    table.caption = f"limit {LIMIT:,} bytes: nine tenths of Lambda's"
    return table


def main(
    architecture: Annotated[
        Architecture | None, typer.Option(help="Default: what settings.yaml says of the environment's functions.")
    ] = None,
    python: Annotated[str | None, typer.Option(help="Python version on Lambda: 3.12 or 3.13.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for <architecture>/manifest.json and the zips.")] = OUTPUT,
) -> None:
    """Builds the Lambda packages: layers and functions, pinned, pruned, checked and proved."""
    console = Console(stderr=True)
    try:
        named = architecture.value if architecture else settings.load().functions.architecture
        written = build(target(named, python), output, console)
    except (BuildFailed, CandlecastError) as failure:
        console.print(str(failure), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    except OSError as failure:
        remedy = " Make room and run it again." if failure.errno == errno.ENOSPC else ""
        console.print(f"The packages could not be written: {failure}.{remedy}", style="red", markup=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("Interrupted. What was finished is kept, nothing half-built is.", style="red")
        raise typer.Exit(130) from None
    typer.echo(written)


if __name__ == "__main__":
    typer.run(main)
