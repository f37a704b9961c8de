"""The commands of `candlecast`: what is asked, and how its answer is printed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from candlecast import settings as settings_file
from candlecast.cli import tables
from candlecast.cli.service import URL, Refused, Service, aws_client, remedies
from candlecast.errors import BadRequest, CandlecastError
from candlecast.settings import Settings

app = typer.Typer(
    help="Asks a deployed candlecast: forecasts of the next hour's price change, and how the platform is doing.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 fine, 1 a problem (told with its remedy), 2 wrong usage.",
)

Environment = Annotated[
    str, typer.Option("--env", envvar="CANDLECAST_ENV", help="Environment of settings.yaml.", show_default=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's own answer, for machines.")]


@app.callback()
def candlecast() -> None:
    """Asks a deployed candlecast: forecasts of the next hour's price change, and how the platform is doing."""


@app.command(
    epilog="Examples:\n\n"
    "candlecast predict --date 2024-01-15 --hour 9 --symbol BTC-USDT\n\n"
    "candlecast predict --date 2024-01-15 --hour 10 --tz Europe/Berlin --json\n\n"
    "candlecast predict --env prod"
)
def predict(
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Date of the target hour; left out: the newest.")
    ] = None,
    hour: Annotated[int | None, typer.Option(min=0, max=23, help="Hour of that date, 0 to 23.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Like BTC-USDT; left out: the first of the settings.")] = None,
    tz: Annotated[str | None, typer.Option(help="IANA zone of date and hour; left out: UTC.")] = None,
    env: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """The forecast of one hour's price change: delta, direction, interval, and later what really happened.

    Hour 9 means the hour from 9:00 to 10:00, forecast with what was known at 9:00.
    """
    if (date is None) != (hour is None):
        raise typer.BadParameter("give --date and --hour together, or neither for the newest forecast.")
    with problems_told(as_json):
        day = None if date is None else f"{date:%Y-%m-%d}"
        _, answer = Service.of(settings_of(env)).ask("/predict", date=day, hour=hour, symbol=symbol, tz=tz)
        _print(answer if as_json else tables.forecast(answer, tz))


@app.command(epilog="Examples:\n\ncandlecast status\n\ncandlecast status --env prod --json")
def status(env: Environment = "local", as_json: AsJson = False) -> None:
    """Whether the service can be relied on: health and champion of every symbol, last drift verdicts, alarms.

    Ends with exit code 1 when the service is down.
    """
    with problems_told(as_json):
        settings = settings_of(env)
        service = Service.of(settings)
        _, health = service.ask("/health")
        verdicts = {each["symbol"]: _verdict(service, each["symbol"]) for each in health["symbols"]}
        alarms = "they need AWS, not the API alone" if URL in os.environ else _alarms(settings)
        whole = {"url": service.url, "health": health, "drift": verdicts, "alarms": alarms}
        _print(whole if as_json else tables.status(whole))
    if health["status"] == "down":
        raise typer.Exit(1)


@app.command(
    epilog="Examples:\n\n"
    "candlecast backfill --symbol BTC-USDT --since 2020-01-01\n\n"
    "candlecast backfill --since 2024-01-01 --until 2024-02-01 --env prod"
)
def backfill(
    symbol: Annotated[
        list[str] | None, typer.Option(help="Like BTC-USDT; may be repeated; left out: all of the settings.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day, UTC; left out: history_days ago.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day to stop before, UTC; left out: up to now.")
    ] = None,
    env: Environment = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON, for machines.")] = False,
) -> None:
    """Fetches, checks and stores past candles and their features, month by month; missing hours are asked for again.

    What is stored already is left alone, so this may be run again at any time. The same backfill is never run twice
    at once: one that runs is followed. Ends with exit code 1 when some months failed.
    """
    from candlecast.cli import backfill as backfills

    asked = backfills.Request(symbols=tuple(symbol or ()) or None, since=_midnight(since), until=_midnight(until))
    if asked.since and asked.since >= (asked.until or datetime.now(UTC)):
        raise typer.BadParameter("--since must lie before --until, and in the past.")
    with problems_told(as_json):
        settings = settings_of(env)
        unknown = sorted(set(asked.symbols or ()) - set(settings.symbols))
        if unknown:
            raise BadRequest(f"{', '.join(unknown)}: not configured; add it to `symbols` in settings.yaml and deploy.")
        machine = backfills.Machine.of(settings)
        console = Console(stderr=True, highlight=False, quiet=as_json)
        with remedies(settings):
            execution, new = machine.start(asked)
            console.print("Started." if new else "It runs already: following it.")
            try:
                ended = backfills.watch(machine, execution, console)
            except KeyboardInterrupt:
                console.print(
                    "It goes on without you. Follow it: the same command again. "
                    f"End it: aws stepfunctions stop-execution --execution-arn {execution}",
                    soft_wrap=True,
                )
                raise typer.Exit(130) from None
        document = {"execution": ended.execution, "problem": ended.problem, **ended.summary}
        _print(document if as_json else backfills.table(ended))
        if ended.problem:
            console.print(f"[bold red]Problem:[/] {tables.plain(ended.problem)}", soft_wrap=True)
            raise typer.Exit(1)


def _midnight(day: datetime | None) -> datetime | None:
    """The start of that day, UTC."""
    return day and day.replace(tzinfo=UTC)


def settings_of(environment: str) -> Settings:
    return settings_file.resolve(settings_file.read(settings_file.location()), environment)


def _verdict(service: Service, symbol: str) -> dict[str, Any] | None:
    """The symbol's last drift verdict; None before the first."""
    try:
        return service.ask("/drift", symbol=symbol)[1]
    except Refused as refused:
        if refused.document.get("status") == 404:
            return None
        raise


def _alarms(settings: Settings) -> list[dict[str, str]] | str:
    """Name, state and reason of the environment's alarms; or why they cannot be told: that is no reason to stop."""
    try:
        with remedies(settings):
            pages = aws_client(settings, "cloudwatch").get_paginator("describe_alarms")
            found = [
                alarm
                for page in pages.paginate(AlarmNamePrefix=settings.name(""))
                for kind in ("MetricAlarms", "CompositeAlarms")
                for alarm in page.get(kind, [])
            ]
    except CandlecastError as error:
        return str(error)
    return [
        {"name": each["AlarmName"], "state": each["StateValue"], "reason": each.get("StateReason", "")}
        for each in found
    ]


@contextmanager
def problems_told(as_json: bool) -> Iterator[None]:
    """Prints an error as one clear line and its remedy, and ends with exit code 1."""
    try:
        yield
    except CandlecastError as error:
        if as_json:
            document = error.document if isinstance(error, Refused) else {"detail": str(error)}
            _print(document)
        else:
            out = Console(stderr=True, highlight=False, soft_wrap=True)
            out.print(f"[bold red]Problem:[/] {tables.plain(str(error))}")
            if isinstance(error, Refused) and error.remedy:
                out.print(f"[bold]Remedy:[/]  {tables.plain(error.remedy)}")
        raise typer.Exit(1) from None


def _print(answer: Any) -> None:
    if isinstance(answer, dict):
        typer.echo(json.dumps(answer, indent=2))
    else:
        Console(highlight=False).print(answer)
