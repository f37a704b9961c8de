"""`make bench`: figures too heavy or too noisy for a test. Each row names what it is compared with, in the same run."""

from __future__ import annotations

import typer
from rich.console import Console

from candlecast.settings import Family
from tests.bench import backfill, faults, features, forecast, gateway, intervals, placebo, recipe, shard, walk_forward

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


@app.command("recipe")
def recipe_row(family: Family | None = None, symbol: str | None = None) -> None:
    """Skill of the shipped recipe on the recorded markets, 2022-01..2024-03, alone and pooled: some minutes."""
    Console(highlight=False, width=200).print(recipe.measure(family, symbol))


@app.command("placebo")
def placebo_row(seeds: int = 50) -> None:
    """How often skill is found where there is none: BTC's outcomes shuffled in blocks."""
    Console(highlight=False).print(placebo.measure(seeds))


@app.command("walk-forward")
def walk_forward_row() -> None:
    """The BTC backtest of 2022-01..2024-03, refitted monthly: CPU time, memory and error beside two packages'."""
    Console(highlight=False, width=120).print(walk_forward.measure())


@app.command("intervals")
def intervals_row(symbol: str | None = None) -> None:
    """Coverage and pinball loss of the interval on the recorded markets, beside a rolling 30-day band."""
    Console(highlight=False, width=140).print(intervals.measure(symbol))


@app.command("forecast")
def forecast_row(forecasts: int = 2000) -> None:
    """One forecast from a warm bundle: features, point, interval and contributions, in milliseconds."""
    Console(highlight=False).print(forecast.measure(forecasts))


@app.command("features")
def features_row() -> None:
    """The declared features beside the same set in plain pandas, polars and mlforecast: whole history and live row."""
    Console(highlight=False).print(features.measure())


@app.command("faults")
def faults_row() -> None:
    """Every fault flow, each on the next stretch of a recorded market: candles wrong, lost, double; some minutes."""
    Console(highlight=False, width=170).print(faults.measure())


@app.callback()
def rows() -> None:
    """Choose a row."""


if __name__ == "__main__":
    app()
