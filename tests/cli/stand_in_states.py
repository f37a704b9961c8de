"""A tiny Step Functions: one backfill state machine, whose executions do a month of each symbol at every look."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MACHINE = "arn:aws:states:eu-central-1:000000000000:stateMachine:candlecast-local-backfill"
MONTHS = 3


@dataclass
class Execution:
    """One execution; `done` months of each symbol are done."""

    name: str
    given: dict[str, Any]
    status: str = "RUNNING"
    done: int = -1

    @property
    def arn(self) -> str:
        return f"{MACHINE.replace(':stateMachine:', ':execution:')}:{self.name}"

    @property
    def symbols(self) -> list[str]:
        return list(self.given.get("symbols", ["BTC-USDT", "ETH-USDT"]))


class StandInStates:
    """A test may set whether it is `deployed` and `fails`, and look at what it was `given`."""

    def __init__(self) -> None:
        self.deployed = True
        self.fails = False
        self.executions: dict[str, Execution] = {}

    @property
    def given(self) -> list[dict[str, Any]]:
        """The inputs of all executions, in the order of their start."""
        return [execution.given for execution in self.executions.values()]

    def answer(self, target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        action = target.rpartition(".")[2]
        if action in ("DescribeExecution", "GetExecutionHistory", "ListMapRuns"):
            name, _, child = body["executionArn"].rpartition(":")[2].partition("/")
            execution = self.executions[name]
            if action == "DescribeExecution":
                return 200, self._looked_at(execution)
            if action == "ListMapRuns":
                run = {"mapRunArn": execution.arn, "executionArn": execution.arn, "startDate": 0}
                return 200, {"mapRuns": [run | {"stateMachineArn": MACHINE}] if execution.done >= 0 else []}
            return 200, {"events": self._months(execution) if child else self._end(execution)}
        match action:
            case "ListStateMachines":
                machine = {"stateMachineArn": MACHINE, "name": MACHINE.rpartition(":")[2], "type": "STANDARD"}
                return 200, {"stateMachines": [machine | {"creationDate": 0}] if self.deployed else []}
            case "ListExecutions" if "mapRunArn" in body:
                parent = self.executions[body["mapRunArn"].rpartition(":")[2]]
                return 200, {"executions": [_listed(parent, f"/{symbol}") for symbol in parent.symbols]}
            case "ListExecutions":
                return 200, {"executions": [_listed(each) for each in reversed(self.executions.values())]}
            case "StartExecution" if body["name"] in self.executions:
                return 400, {"__type": "ExecutionAlreadyExists", "message": "exists"}
            case "StartExecution":
                execution = self.executions[body["name"]] = Execution(body["name"], json.loads(body["input"]))
                return 200, {"executionArn": execution.arn, "startDate": 0}
            case "DescribeMapRun":
                counts = dict.fromkeys(("pending", "running", "succeeded", "failed", "timedOut", "aborted"), 0)
                symbols = len(self.executions[body["mapRunArn"].rpartition(":")[2]].symbols)
                return 200, {"itemCounts": counts | {"total": symbols, "resultsWritten": 0}}
        return 400, {"__type": "UnknownOperation", "message": action}

    def _looked_at(self, execution: Execution) -> dict[str, Any]:
        described = _listed(execution)
        execution.done += 1
        if execution.done > MONTHS and execution.status == "RUNNING":
            execution.status = "FAILED" if self.fails else "SUCCEEDED"
            described["status"] = execution.status
        if execution.status == "FAILED":
            described |= {"error": "BackfillFailed", "cause": "1 of 3 parts failed; BTC-USDT from 2024-02: a reason"}
        return described | {"output": json.dumps(self.summary(execution))}

    def summary(self, execution: Execution) -> dict[str, Any]:
        """What the machine adds up."""
        counts = {"parts": MONTHS, "stored": 2160, "corrected": 1, "quarantined": 2, "missing": 4}
        failed = {"failed": int(self.fails), "failures": []}
        symbols = [{"symbol": symbol, **counts, **failed} for symbol in execution.symbols]
        return {"symbols": symbols, "parts": MONTHS * len(symbols), "failed": int(self.fails) * len(symbols)}

    def _end(self, execution: Execution) -> list[dict[str, Any]]:
        told = {"name": "Add it all up", "output": json.dumps(self.summary(execution))}
        return [
            {"type": "FailStateEntered", "id": 2, "timestamp": 0, "stateEnteredEventDetails": {"name": "Failed"}},
            {"type": "PassStateExited", "id": 1, "timestamp": 0, "stateExitedEventDetails": told},
        ]

    def _months(self, execution: Execution) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = [{"type": "MapStateStarted", "mapStateStartedEventDetails": {"length": MONTHS}}]
        events += [{"type": "MapIterationSucceeded"}] * min(execution.done, MONTHS)
        return [{"id": 1, "timestamp": 0, **event} for event in events]


def _listed(execution: Execution, child: str = "") -> dict[str, Any]:
    return {
        "executionArn": execution.arn + child,
        "stateMachineArn": MACHINE,
        "name": execution.name,
        "status": execution.status,
        "startDate": 0,
    }
