"""`candlecast features`: whether the features keep their laws on real candles, stored ones or anyone's own."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from candlecast.cli.commands import Environment, app, problems_told, settings_of
from candlecast.cli.service import aws_client, remedies
from candlecast.errors import Stop
from candlecast.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from candlecast.laws import Law, Violation

commands = typer.Typer(help="What the models learn from.", no_args_is_help=True)
app.add_typer(commands, name="features")


@commands.callback()
def features() -> None:
    """What the models learn from."""


@dataclass(frozen=True)
class Report:
    """What was found on one symbol's candles."""

    symbol: str
    candles: pd.DataFrame
    laws: tuple[Law, ...]
    violations: list[Violation]

    def record(self) -> dict[str, Any]:
        """The report as JSON knows it; null for a null feature."""
        times = self.candles["open_time"]
        return {
            "symbol": self.symbol,
            "candles": len(times),
            "first": times.iloc[0].isoformat(),
            "last": times.iloc[-1].isoformat(),
            "laws": {law: [_plain(each) for each in self.violations if each.law == law] for law in self.laws},
        }


@commands.command(
    epilog="Examples:\n\n"
    "candlecast features check\n\n"
    "candlecast features check --candles BTC-USDT.parquet --symbol BTC-USDT --json"
)
def check(
    candles: Annotated[
        Path | None, typer.Option(help="Parquet file of candles; left out: the stored ones of the environment.")
    ] = None,
    symbol: Annotated[list[str] | None, typer.Option(help="Whose candles; left out: every symbol's.")] = None,
    env: Environment = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report for machines.")] = False,
) -> None:
    """Tries the laws of every declared feature on real candles: no look ahead, no endless memory, no leak over a gap.

    On stored candles it also computes the stored features anew. Ends with exit code 1 when a law is broken.
    """
    if candles and (not symbol or len(symbol) > 1):
        raise typer.BadParameter("say with --symbol whose candles the file holds.")
    with problems_told(as_json):
        settings = settings_of(env)
        if candles and symbol:
            reports = [_of_file(candles, symbol[0])]
        else:
            reports = [_of_stored(settings, each) for each in symbol or settings.symbols]
    if as_json:
        typer.echo(json.dumps([report.record() for report in reports], indent=2))
    else:
        Console(highlight=False).print(_table(reports))
    if any(report.violations for report in reports):
        raise typer.Exit(1)


def _of_file(path: Path, symbol: str) -> Report:
    from candlecast import laws

    try:
        from training import candle_file
    except ModuleNotFoundError as error:
        raise Stop(
            f"a file of candles is read with {error.name}, which is not installed; run this from a checkout of the"
            " project after `make setup`."
        ) from None
    found = candle_file.read(path, symbol).candles
    return Report(symbol, found, laws.OF_ANY_CANDLES, laws.check(found))


def _of_stored(settings: Settings, symbol: str) -> Report:
    from candlecast import laws
    from candlecast.lake import Lake

    until = datetime.now(UTC)
    since = until - timedelta(days=settings.history_days)
    with remedies(settings):
        account = aws_client(settings, "sts").get_caller_identity()["Account"]
        lake = Lake(aws_client(settings, "s3"), settings.name(account), settings.exchange.primary)
        candles = lake.read("candles", symbol, since, until)
        rows = lake.read("features", symbol, since, until)
    return Report(symbol, candles, laws.LAWS, [*laws.check(candles), *laws.check_stored(candles, rows)])


def _plain(violation: Violation) -> dict[str, Any]:
    figures = {"lawful": violation.lawful, "found": violation.found}
    plain = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    return {"feature": violation.feature, "hour": violation.hour.isoformat(), **plain}


def _table(reports: list[Report]) -> RenderableType:
    from candlecast.features import NAMES

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Law")
    for report in reports:
        table.add_column(f"{report.symbol}, {len(report.candles):,} candles", no_wrap=True)
    for law in reports[0].laws:
        broken = [sum(each.law == law for each in report.violations) for report in reports]
        table.add_row(law, *(f"[bold red]{count} break it" if count else "[green]holds" for count in broken))
    told = [Text(f"{report.symbol}: {each}", style="red") for report in reports for each in report.violations]
    return Group(f"{len(NAMES)} features and the volatility they are scaled by", table, *told)
