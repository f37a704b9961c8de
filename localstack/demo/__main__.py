"""`make demo`: the whole loop on one machine, from nothing to a served, monitored and retrained model."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import botocore.exceptions
import httpx
import typer
import yaml
from rich.console import Console
from rich.markup import escape

from candlecast import settings as configuration
from candlecast.errors import CandlecastError
from candlecast.settings import Settings
from infra import binary, deploy
from localstack import stack
from localstack.demo.deployed import Deployed, StageFailed
from localstack.demo.scenario import DAY, QUIET_DAYS, choose
from localstack.demo.stages import Demo
from localstack.demo.summary import show

EXPECTED = (CandlecastError, StageFailed)
UNREACHABLE = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, httpx.HTTPError)


def main(
    market: Annotated[str, typer.Option(help="auto, live, simulated, or a folder of recorded candles.")] = "auto",
    history_days: Annotated[int, typer.Option(help="Days of history to learn from.", min=120)] = 730,
) -> None:
    """Run ingest, predict, monitor, retrain and serve on the embedded AWS, and leave it up to be looked at."""
    console = Console(highlight=False)
    try:
        _play(console, market, history_days)
    except KeyboardInterrupt:
        console.print("\n[yellow]Interrupted.[/] `make demo` starts clean again; `make down` stops the local AWS.")
        sys.exit(130)
    except (*EXPECTED, *UNREACHABLE, OSError) as error:
        console.print(f"\n[red]The demo stopped here.[/] {escape(str(error))}")
        if isinstance(error, UNREACHABLE):
            console.print("Is the local AWS still up? `make status` tells; `make demo` starts clean again.")
        sys.exit(1)


def _play(console: Console, market: str, history_days: int) -> None:
    started = time.monotonic()

    def stage(title: str, action: Callable[[], object]) -> None:
        console.print(f"\n[bold]{time.monotonic() - started:5.0f} s  {title}[/]")
        action()

    settings = configuration.load()
    binary.locate()  # without Terraform nothing is started
    scenario = choose(market, settings, datetime.now(UTC), history_days)
    if scenario.market == "live":
        settings = _asking_real_exchanges(settings)
    console.print(f"[bold]candlecast[/]: {scenario.symbol} on the [bold]{scenario.label}[/]")
    console.print(
        f"  history {scenario.history_start:%Y-%m-%d} to {scenario.replay_start:%Y-%m-%d},"
        f" then hour by hour to {scenario.end:%Y-%m-%d}, by event time"
    )
    if Path(settings.state, "aws").exists():
        stage("A clean start: what an earlier run left is deleted", lambda: stack.reset(console=console))
    stage("The embedded AWS and the market", lambda: stack.up(market=scenario.source, console=console))
    stage("Layers and functions, deployed by Terraform", lambda: deploy.apply(settings.environment, console=console))
    demo = Demo(console, Deployed(settings, deploy.outputs(settings.environment)), scenario)
    demo.stack.schedules(enabled=False)  # an hourly event of today would overtake the replay
    try:
        stage("Backfill: history through ingest", demo.backfill)
        as_of = f"{scenario.replay_start:%Y-%m-%dT%H:%M:%SZ}"
        stage("Train: the first champion", lambda: demo.train({"as_of": as_of}))
        quiet_end = scenario.change or scenario.replay_start + QUIET_DAYS * DAY
        stage(
            "Replay: ingest, predict and the daily drift check",
            lambda: demo.replay(scenario.replay_start, quiet_end),
        )
        stage("The market changes", demo.change_market)
        stage("Replay until drift retrains the model, and on", demo.provoke)
        stage("The API, asked by HTTP", demo.ask)
    finally:
        with suppress(*UNREACHABLE):  # what ended the demo is what is told
            demo.free_clock()
            demo.stack.schedules(enabled=True)
    console.print(f"\n[bold]{time.monotonic() - started:5.0f} s  Summary[/]")
    show(console, demo)


def _asking_real_exchanges(settings: Settings) -> Settings:
    """The settings in force, but for the stand-in's addresses; for everything that this demo starts."""
    document = configuration.read(configuration.location())
    document["environments"][settings.environment].setdefault("exchange", {})["endpoints"] = {}
    file = Path(settings.state).resolve() / "settings-live.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(document))
    os.environ["CANDLECAST_SETTINGS"] = str(file)
    configuration.load.cache_clear()
    return configuration.load()


if __name__ == "__main__":
    typer.run(main)
