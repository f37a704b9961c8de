"""The API's answers as small tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.markup import escape as plain
from rich.table import Table
from rich.text import Text

from candlecast import hours

__all__ = ["forecast", "plain", "status"]


def forecast(answer: Mapping[str, Any], tz: str | None) -> RenderableType:
    """One forecast; its hour also in the zone *tz* it was asked in."""
    quote = answer["symbol"].partition("-")[2]
    interval, settled = answer["interval"], answer["settlement"]
    start = hours.parse(answer["target_hour"])
    hour = f"{start:%Y-%m-%d %H:%M} to {start + hours.HOUR:%H:%M} UTC"
    if tz and tz != "UTC":
        hour += f" ({start.astimezone(ZoneInfo(tz)):%Y-%m-%d %H:%M} {tz})"
    table = _grid()
    table.add_row("Hour", hour)
    table.add_row(
        "Expected change",
        f"{answer['predicted_delta']:+,.2f} {quote}  ({answer['predicted_return']:+.3%})",
    )
    table.add_row("Direction", f"{answer['direction']}, probability of a rise {answer['probability_up']:.1%}")
    table.add_row(
        f"{interval['coverage']:.0%} interval",
        f"{interval['lower_delta']:+,.2f} to {interval['upper_delta']:+,.2f} {quote}  "
        f"({interval['lower_return']:+.2%} to {interval['upper_return']:+.2%})",
    )
    table.add_row("From a close of", f"{answer['reference_close']:,.2f} {quote} at {start:%H:%M} UTC")
    if settled:
        where = "inside" if settled["inside_interval"] else "outside"
        table.add_row(
            "What happened",
            f"{settled['actual_delta']:+,.2f} {quote}  ({settled['actual_return']:+.3%}): {where} the interval, "
            f"error {settled['absolute_error']:.3%}",
        )
    table.add_row("Made", f"{_moment(answer['made_at'])}, {answer['kind']}, model {answer['model_version']}")
    if answer["note"]:
        table.add_row("Note", plain(answer["note"]))
    return Group(Text(answer["symbol"], style="bold"), table)


def status(whole: Mapping[str, Any]) -> RenderableType:
    """Health, drift verdicts and alarms of an environment."""
    health = whole["health"]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("Symbol", "Champion", "Newest forecast", "Age", "Missing", "Drift"):
        table.add_column(heading, no_wrap=True)
    remarks = []
    for each in health["symbols"]:
        verdict = whole["drift"][each["symbol"]]
        table.add_row(
            each["symbol"],
            each["champion_version"] or "none",
            _moment(each["newest_target_hour"]) if each["newest_target_hour"] else "none yet",
            _age(each["forecast_age_seconds"]),
            f"{each['gap_hours']:,} h",
            "not checked" if verdict is None else "breach" if verdict["breach"] else "fine",
        )
        if each["gaps"]:
            remarks.append(_gap_lines(each))
        remarks += [Text(f"{each['symbol']} is degraded: {reason}", style="yellow") for reason in each["degraded"]]
        if verdict and verdict["breach"]:
            remarks.append(Text(f"{each['symbol']} drifts: {verdict['reason']}", style="yellow"))
    headline = _headline(health["status"], health["environment"], whole["url"])
    return Group(headline, table, *remarks, _alarm_lines(whole["alarms"]))


def _headline(state: str, environment: str, url: str) -> Text:
    style = {"ok": "bold green", "degraded": "bold yellow"}.get(state, "bold red")
    return Text.assemble((state, style), f"  environment {environment}\nAPI {url}", overflow="fold")


def _gap_lines(each: Mapping[str, Any]) -> Text:
    """Where candles are missing, newest first, and who was asked for them."""
    lines = "".join(
        f"\n  {_moment(gap['start'])} to {_moment(gap['end'])}: "
        + (f"not to be had from {', '.join(gap['asked'])}" if gap["asked"] else "never asked for")
        for gap in each["gaps"]
    )
    return Text(f"{each['symbol']} lacks {each['gap_hours']:,} hours; the newest gaps:{lines}")


def _alarm_lines(alarms: list[Mapping[str, str]] | str) -> Text:
    if isinstance(alarms, str):
        return Text(f"Alarms: not known ({alarms}).")
    ringing = [each for each in alarms if each["state"] == "ALARM"]
    if not ringing:
        return Text(f"Alarms: none of {len(alarms)} ringing.")
    lines = "".join(f"\n  {each['name']}: {each['reason']}" for each in ringing)
    return Text(f"Alarms: {len(ringing)} of {len(alarms)} ringing.{lines}", style="bold red")


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    return table


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def _age(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
