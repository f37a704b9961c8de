"""The demo's stages: each does one part of the loop on the deployed stack and shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from candlecast import hours
from candlecast.cli.backfill import Machine, Request, table, watch
from localstack.demo.deployed import Answer, Deployed, StageFailed
from localstack.demo.scenario import AFTER_DAYS, DAY, QUIET_DAYS, Scenario

WILDER = {"volatility": 4.0, "reversal": -3.0}
"""The regime change of a simulated market: 4 times the volatility, and momentum where there was reversal."""


@dataclass
class Played:
    """What the demo has seen, for the closing summary."""

    checks: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    """Daily drift verdicts."""
    answers: list[tuple[str, Answer]] = field(default_factory=list)


class Demo:
    """One run of the scenario on one deployed stack."""

    def __init__(self, console: Console, stack: Deployed, scenario: Scenario) -> None:
        self.console, self.stack, self.scenario = console, stack, scenario
        self.played = Played()

    def backfill(self) -> None:
        """History by the backfill state machine, month by month, as `candlecast backfill` starts and shows it."""
        first, last = self.scenario.history_start, self.scenario.replay_start
        self._set_clock(last)
        machine = Machine(self.stack.states, self.stack.outputs["backfill_state_machine_arn"])
        request = Request(symbols=(self.scenario.symbol,), since=first, until=last, time=last)
        ended = watch(machine, machine.start(request)[0], self.console)
        if ended.problem:
            raise StageFailed(f"the backfill ended {ended.problem}")
        self.console.print(table(ended))

    def train(self, payload: dict[str, Any]) -> None:
        """A run of the retraining state machine, started as an operator would from the console."""
        self.console.print(
            f"  starting [bold]{self.stack.outputs['state_machine_arn'].rpartition(':')[2]}[/] with {payload}"
        )
        self._finish_training(self.stack.start_retraining(payload))

    def replay(self, start: datetime, end: datetime, *, until_retrained: bool = False) -> datetime | None:
        """Every hour of [start, end) through ingest and, by its event, predict; drift daily, and what it starts.

        Returns the hour after the first retraining, when asked to stop there.
        """
        with self._bar("hours", int((end - start) / hours.HOUR)) as (bar, task):
            for hour in hours.span(start, end):
                self._set_clock(hour.replace(minute=1))
                self.stack.ingest_hour(self.scenario.symbol, hour)
                self.stack.await_forecast(self.scenario.symbol, hour)
                bar.advance(task)
                if hour.hour == 0 and (execution := self._daily_check(hour.replace(minute=15), bar)):
                    bar.stop()  # the terminal shows one thing in motion at a time
                    self._finish_training(execution)
                    if until_retrained:
                        return hour + hours.HOUR
                    bar.start()
        return None

    def change_market(self) -> None:
        """From the scenario's change on, a simulated market is wilder; a recorded one brings its own."""
        if self.scenario.market == "simulated" and self.scenario.change:
            body = {"from": hours.text(self.scenario.change), "symbols": [self.scenario.symbol], **WILDER}
            self._market("PUT", "/_market/regime", body)
            self.console.print("  the simulated market turns 4 times as wild, and reversal becomes momentum")
        elif self.scenario.change:
            self.console.print(
                f"  the recorded market itself turns wilder from about {self.scenario.change:%Y-%m-%d} on"
            )
        else:
            self.console.print("  a live market does what it likes: no change is arranged")

    def provoke(self) -> None:
        """The replay after the change, until drift has retrained the model, and a little longer."""
        start = self.scenario.change or self.scenario.replay_start + QUIET_DAYS * DAY
        resumed = self.replay(start, self.scenario.end - AFTER_DAYS * DAY, until_retrained=True)
        if resumed is None:
            self.console.print("  no breach in these days: retraining by hand, as an operator would")
            resumed = self.scenario.end - AFTER_DAYS * DAY
            self.train({"as_of": hours.text(resumed)})
        end = self.scenario.end if self.scenario.market != "recorded" else resumed + AFTER_DAYS * DAY
        self.replay(resumed, min(end, self.scenario.end))

    def ask(self) -> None:
        """The API by HTTP: without a key, and with it for the newest, a past, a future and an impossible hour."""
        past = self.scenario.change or self.scenario.end - 5 * DAY
        questions: list[tuple[int, str, bool, dict[str, str]]] = [
            (403, "/predict", False, {}),
            (200, "/predict", True, {}),
            (200, "/predict", True, {"date": f"{past:%Y-%m-%d}", "hour": "9"}),
            (422, "/predict", True, {"date": "2099-01-01", "hour": "9"}),
            (422, "/predict", True, {"date": f"{past:%Y-%m-%d}", "hour": "24"}),
            (200, "/models", True, {"symbol": self.scenario.symbol}),
            (200, "/drift", True, {"symbol": self.scenario.symbol}),
        ]
        for due, path, key, query in questions:
            answer = self.stack.ask(path, query, key=key)
            shown = f"GET {path}" + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")
            self.played.answers.append((shown + ("" if key else "  (no key)"), answer))
            if answer.status != due:
                raise StageFailed(f"{shown} was answered {answer.status} where {due} was due: {answer.body}")

    def _daily_check(self, now: datetime, bar: Progress) -> str | None:
        payload = {"time": hours.text(now), "symbols": [self.scenario.symbol]}
        verdict = self.stack.invoke("drift", payload)["symbols"][self.scenario.symbol]
        self.played.checks.append((now, verdict))
        mark = "[red]breach[/]" if verdict["breach"] else "[green]quiet[/] "
        bar.console.print(f"  {now:%Y-%m-%d}  {mark}  {told(verdict)}")
        execution: str | None = verdict["execution"]
        return execution

    def _finish_training(self, execution_arn: str) -> None:
        with self.console.status("  retraining") as status:
            output = self.stack.follow(execution_arn, lambda state: status.update(f"  retraining: {state}"))
        for outcome in output["results"]:
            self.console.print(f"  {outcome['message']}")

    def _set_clock(self, now: datetime) -> None:
        if self.scenario.market != "live":
            self._market("PUT", "/_market/clock", {"now": hours.text(now)})

    def _market(self, method: str, path: str, body: dict[str, Any]) -> None:
        endpoint = next(iter(self.stack.settings.exchange.endpoints.values()))
        self._http.request(method, str(httpx.URL(endpoint).join(path)), json=body).raise_for_status()

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(timeout=10)

    def free_clock(self) -> None:
        """The market follows the wall clock again."""
        if self.scenario.market != "live":
            self._market("PUT", "/_market/clock", {"now": None})

    @contextmanager
    def _bar(self, unit: str, total: int) -> Iterator[tuple[Progress, Any]]:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(TextColumn(" "), *columns, console=self.console) as bar:
            yield bar, bar.add_task(unit, total=total)


def told(verdict: dict[str, Any]) -> str:
    """A drift verdict in a line: its sentence when it breaches, else the two figures of the rule."""
    figures = verdict["figures"]
    if verdict["breach"]:
        return str(verdict["reason"])
    if figures["settled_hours"] < figures["minimum_hours"]:
        return f"{figures['settled_hours']} hours settled, a verdict needs {figures['minimum_hours']}"
    mae, threshold = figures["mae"] * 1e4, figures["absolute_threshold"] * 1e4
    return f"7-day MAE {mae:.1f} bp (threshold {threshold:.1f}), {figures['relative']:.3f} times zero-change"
