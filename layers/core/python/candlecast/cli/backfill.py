"""Backfills as a person starts and follows them: executions of the backfill state machine."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from botocore.exceptions import ClientError
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from candlecast import hours
from candlecast.cli import state_machines
from candlecast.errors import Retry, Stop
from candlecast.settings import Settings

SUMMARY = "Add it all up"
"""The state whose output is what all parts did, also where the execution then fails."""
POLL_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to fill: the hours [since, until), as of `time`; what is None is the state machine's to fill in."""

    symbols: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    time: datetime | None = None

    @property
    def input(self) -> str:
        """The execution's input: the same text for the same request."""
        bounds = {"since": self.since, "until": self.until, "time": self.time}
        given: dict[str, Any] = {name: hours.text(bound) for name, bound in bounds.items() if bound is not None}
        return json.dumps(given | ({"symbols": list(self.symbols)} if self.symbols else {}), sort_keys=True)

    @property
    def series(self) -> str:
        """What the names of this request's executions begin with; a number follows."""
        what = (
            "all" if not self.symbols else self.symbols[0] if len(self.symbols) == 1 else f"{len(self.symbols)}-symbols"
        )
        return f"{what}-{hashlib.sha256(self.input.encode()).hexdigest()[:12]}-"


@dataclass(frozen=True)
class Steps:
    """How far a backfill is. `total` is a guess while some symbols have not begun; None before the first has."""

    done: int
    total: int | None


@dataclass(frozen=True)
class Ended:
    """A backfill that has come to its end."""

    execution: str
    problem: str | None
    """Why it counts as failed."""
    summary: Mapping[str, Any]
    """`symbols`, each with its counts, and `parts` and `failed` over all."""


class Machine:
    """The backfill state machine of one environment."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client, self.arn = client, arn

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The environment's machine. Raises NotFound where it is not deployed."""
        return cls(*state_machines.find(settings, "backfill"))

    def start(self, request: Request) -> tuple[str, bool]:
        """The execution that fills what is asked for, and whether it is new: one that runs already is taken as it is.

        Two callers at once agree on the name, so that one of them starts it and both get it.
        Raises Retry when others are quicker again and again.
        """
        number = 1
        pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=self.arn)
        for execution in (each for page in pages for each in page["executions"]):
            if execution["name"].startswith(request.series):
                if execution["status"] == "RUNNING":
                    return str(execution["executionArn"]), False
                number = max(number, int(execution["name"].removeprefix(request.series)) + 1)
        for name in (f"{request.series}{number + later}" for later in range(5)):
            try:
                started = self._client.start_execution(stateMachineArn=self.arn, name=name, input=request.input)
                return str(started["executionArn"]), True
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                    raise
            execution_arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"
            if self._client.describe_execution(executionArn=execution_arn)["status"] == "RUNNING":
                return execution_arn, False
        raise Retry("Others start the same backfill again and again; wait for theirs.")

    def follow(self, execution: str, seen: Callable[[Steps], None], pause: float = POLL_SECONDS) -> Ended:
        """Waits for an execution to end, telling how far it is. Raises Stop when it ended before it could add up."""
        children: dict[str, Steps] = {}
        while True:
            described = self._client.describe_execution(executionArn=execution)
            seen(self._steps(execution, children))
            if described["status"] == "SUCCEEDED":
                return Ended(execution, None, json.loads(described["output"]))
            if described["status"] != "RUNNING":
                problem = (
                    f"{described['status']}: {described.get('cause') or described.get('error') or 'no cause given'}"
                )
                summary = self._summary(execution)
                if summary is None:
                    raise Stop(f"The backfill ended {problem} See execution {execution}.")
                return Ended(execution, problem, summary)
            time.sleep(pause)

    def _steps(self, execution: str, children: dict[str, Steps]) -> Steps:
        """The months done. *children* is carried from call to call, so that an ended one is not looked at again."""
        runs = self._client.list_map_runs(executionArn=execution)["mapRuns"]
        if not runs:
            return Steps(0, None)
        run = runs[0]["mapRunArn"]
        pages = self._client.get_paginator("list_executions").paginate(mapRunArn=run)
        for child in (each for page in pages for each in page["executions"]):
            arn, known = child["executionArn"], children.get(child["executionArn"])
            if known is None or known.done != known.total:
                children[arn] = self._months(arn)
        totals = [steps.total for steps in children.values() if steps.total is not None]
        if not totals:
            return Steps(0, None)
        symbols = self._client.describe_map_run(mapRunArn=run)["itemCounts"]["total"]
        return Steps(
            sum(s.done for s in children.values()), round(sum(totals) / len(totals) * max(symbols, len(totals)))
        )

    def _months(self, child: str) -> Steps:
        """How far a symbol is."""
        done, total = 0, None
        for event in self._history(child, includeExecutionData=False):
            if event["type"] == "MapStateStarted":
                total = event["mapStateStartedEventDetails"]["length"]
            done += event["type"] == "MapIterationSucceeded"
        return Steps(done, total)

    def _summary(self, execution: str) -> dict[str, Any] | None:
        """What all parts did; None where the execution ended before."""
        for event in self._history(execution, reverseOrder=True):
            told = event.get("stateExitedEventDetails", {})
            if told.get("name") == SUMMARY:
                summary: dict[str, Any] = json.loads(told["output"])
                return summary
        return None

    def _history(self, execution: str, **how: bool) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("get_execution_history").paginate(
            executionArn=execution, PaginationConfig={"PageSize": 1000}, **how
        )
        return (event for page in pages for event in page["events"])


def watch(machine: Machine, execution: str, console: Console) -> Ended:
    """Follows an execution with a progress bar. Raises what Machine.follow raises."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("months"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn(" "), *columns, console=console) as bar:
        task = bar.add_task("months", total=None)
        return machine.follow(execution, lambda steps: bar.update(task, completed=steps.done, total=steps.total))


def table(ended: Ended) -> RenderableType:
    """What a backfill did, a line a symbol."""
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    shown.add_column("Symbol", no_wrap=True)
    for heading in ("Months", "Failed", "Candles stored", "Corrected", "Quarantined", "Hours missing"):
        shown.add_column(heading, justify="right")
    for each in ended.summary["symbols"]:
        counts = ("parts", "failed", "stored", "corrected", "quarantined", "missing")
        shown.add_row(each["symbol"], *(f"{each[count]:,}" for count in counts))
    return shown
