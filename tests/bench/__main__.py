"""`make bench`: figures too heavy or too noisy for a test. Each row names what it is compared with, in the same run."""

from __future__ import annotations

import typer
from rich.console import Console

from tests.bench import backfill, gateway, shard

app = typer.Typer(help="Benchmarks on the deployed local stack (`make demo` or `make up` and `make deploy` first).")


@app.command("gateway")
def gateway_row(requests: int = 200) -> None:
    """Warm /predict through API Gateway beside a function that does nothing behind the same gateway."""
    Console(highlight=False).print(gateway.measure(requests))


@app.command("backfill")
def backfill_row(months: int | None = None) -> None:
    """A backfill of recorded BTC against stand-ins: candles per second of the client's own CPU, requests per object."""
    Console(highlight=False).print(backfill.measure(months))


@app.command("shard")
def shard_row(symbols: int = 400) -> None:
    """The hourly run for 400 symbols on this machine: a shard's memory, and requests per symbol."""
    Console(highlight=False).print(shard.measure(symbols))


@app.callback()
def rows() -> None:
    """Choose a row."""


if __name__ == "__main__":
    app()
