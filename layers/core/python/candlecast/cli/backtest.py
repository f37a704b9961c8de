"""`candlecast backtest`: how good the forecasts would have been on anyone's own candles. Asks no network and no AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from candlecast import hours
from candlecast.cli.commands import Environment, app, problems_told, settings_of
from candlecast.errors import BadRequest, Stop
from candlecast.settings import Refit

if TYPE_CHECKING:
    from training.evaluation import Tell

_COLUMNS = ("", "MAE bp", "skill", "95 % interval", "R²", "right", "inside", "pinball")

_WIDTH = 100  # characters, where no terminal says how wide it is


def _start(text: str) -> datetime:
    """The instant written as a time with a zone, or as a date: its first instant, UTC."""
    try:
        return hours.parse(text if "T" in text else f"{text}T00:00:00Z")
    except BadRequest as error:
        raise typer.BadParameter(str(error)) from None


def _end(text: str) -> datetime:
    """The same, but of a date the instant at which it is over."""
    return _start(text) if "T" in text else _start(text) + timedelta(days=1)


@app.command(
    epilog="Examples:\n\n"
    "candlecast backtest --candles BTC-USDT.parquet --symbol BTC-USDT --train-until 2023-12-31 "
    "--score-from 2024-01-01 --json scores.json --forecasts forecasts.parquet\n\n"
    "candlecast backtest --candles BTC-USDT.parquet --symbol BTC-USDT --train-until 2023-12-31 "
    "--score-from 2024-01-01 --window rolling:730 --refit weekly --compare --html report.html"
)
def backtest(
    candles: Annotated[
        Path, typer.Option(help="Parquet file: open_time or timestamp (UTC), open, high, low, close, volume.")
    ],
    symbol: Annotated[str, typer.Option(help="Whose candles these are, like BTC-USDT.")],
    train_until: Annotated[
        datetime,
        typer.Option(
            parser=_end,
            metavar="DATE",
            help="The first model knows nothing later than this day's end (or this instant, with a zone).",
        ),
    ],
    score_from: Annotated[
        datetime, typer.Option(parser=_start, metavar="DATE", help="The first hour to forecast and score.")
    ],
    score_until: Annotated[
        datetime | None, typer.Option(parser=_end, metavar="DATE", help="The last day to score; left out: the last.")
    ] = None,
    refit: Annotated[
        Refit | None,
        typer.Option(help="When the model learns anew, from all that is known by then. [default: settings.yaml's]"),
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="expanding, or rolling:DAYS; what each refit learns from. [settings.yaml's]")
    ] = None,
    family: Annotated[str | None, typer.Option(help="Family of models. [default: lightgbm]")] = None,
    shrinkage: Annotated[
        float | None, typer.Option(help="Share of the forecast that is served, above 0 to 1. [settings.yaml's]")
    ] = None,
    full_size: Annotated[bool, typer.Option("--full-size", help="The forecast unshrunken: --shrinkage 1.")] = False,
    pool: Annotated[
        list[Path] | None, typer.Option(help="Candles of another symbol to learn from too, like ETH-USDT.parquet.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare the other families too, not only the baselines; takes minutes.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write the scores.")] = None,
    forecasts: Annotated[Path | None, typer.Option(help="Where to write every forecast, Parquet.")] = None,
    html: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
    env: Environment = "local",
) -> None:
    """How good the forecasts would have been: walk-forward on your own candles, beside the baselines.

    Every hour is forecast by a model that knew nothing of it. The first one learns until --train-until; with every
    refit after that the next one learns all that was known by then (--refit never keeps the first).
    """
    if full_size and shrinkage is not None:
        raise typer.BadParameter("give --shrinkage or --full-size, not both.")
    if shrinkage is not None and not 0 < shrinkage <= 1:
        raise typer.BadParameter("--shrinkage is a share above 0 and at most 1.")
    if train_until > score_from:
        raise typer.BadParameter("--train-until must lie before --score-from: a model may not learn what it forecasts.")
    for file in (json_file, forecasts, html):
        if file and not file.parent.is_dir():
            raise typer.BadParameter(f"the folder {file.parent} of {file.name} does not exist; make it first.")
    with problems_told(as_json=False):
        settings, backtests = settings_of(env), _backtests()
        request = backtests.Request(
            candles=candles,
            symbol=symbol,
            pool=tuple(pool or ()),
            train_until=train_until,
            score_from=score_from,
            score_until=score_until,
            refit=refit or settings.evaluation.refit,
            window=window or settings.evaluation.window,
            embargo_hours=settings.evaluation.embargo_hours,
            family=backtests.family(family),
            compared_refit=settings.evaluation.compared_refit if compare else None,
            coverage=settings.forecast.coverage,
            shrinkage=1.0 if full_size else shrinkage or settings.forecast.shrinkage,
            leak=settings.evaluation.leak,
        )
        with _progress() as tell:
            done = backtests.run(request, tell)
        record = done.record()
        if json_file:
            json_file.write_text(json.dumps(record, indent=1, allow_nan=False))
        if forecasts:
            done.forecasts().to_parquet(forecasts, index=False)
        if html:
            html.write_text(done.page())
    written = [str(file) for file in (json_file, forecasts, html) if file]
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    console.print(_summary(record, written))


def _backtests() -> ModuleType:
    """The module that does it; it lies beside this package in a checkout. Raises Stop where that is not at hand."""
    try:
        from training import backtest as backtests
    except ModuleNotFoundError as error:
        raise Stop(
            f"a backtest needs {error.name}, which is not installed; run it from a checkout of the project after"
            " `make setup`, or install its extras data, model and training there."
        ) from None
    return backtests


@contextmanager
def _progress() -> Iterator[Tell]:
    """Shows a bar per contender, on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def tell(name: str, refit: int, refits: int) -> None:
            if refit == 1:
                for earlier in progress.tasks:
                    progress.update(earlier.id, completed=earlier.total)
                progress.add_task(name, total=refits)
            progress.update(progress.tasks[-1].id, completed=refit - 1)

        yield tell


def _summary(record: Mapping[str, Any], written: Sequence[str]) -> RenderableType:
    """The record as a person reads it."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for place, heading in enumerate(_COLUMNS):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    for name, scores in record["models"].items():
        table.add_row(name, *_cells(scores), style="bold" if name == record["model"] else "")
    own = next(iter(record["candles"].values()))
    notes = [f"{own['candles']:,} candles, {own['missing_hours']:,} hours missing between them"]
    notes += [f"{count:,} rows set aside: {reason}" for reason, count in own["set_aside"].items()]
    headline = (
        f"{record['symbol']}: {record['hours']:,} hours from {record['first_target_hour']} to"
        f" {record['last_target_hour']}, {record['refits']} fits, {record['shrinkage']:g} of the forecast served"
    )
    legend = "right: of the directions. inside: its interval. pinball: loss saved against the quantiles of 30 days."
    files = [Text(f"Written: {', '.join(written)}", overflow="fold")] if written else []
    dim = [Text(line, style="dim") for line in ("; ".join(notes), legend)]
    doubts = [Text(f"Too good to be true: {each}.", style="bold yellow") for each in record["suspicions"]]
    return Group(Text(headline, style="bold"), dim[0], table, dim[1], *doubts, *files)


def _cells(scores: Mapping[str, Any]) -> Iterator[str]:
    for form, *names in (
        ("{:.2f}", "mae"),
        ("{:+.2%}", "skill"),
        ("{:+.2%}..{:+.2%}", "skill_low", "skill_high"),
        ("{:+.2%}", "r2"),
        ("{:.1%}", "directional_accuracy"),
        ("{:.1%}", "coverage"),
        ("{:+.1%}", "pinball_skill"),
    ):
        values = [scores.get(name) for name in names]
        scale = 1e4 if names == ["mae"] else 1
        yield "-" if None in values else form.format(*(value * scale for value in values if value is not None))
