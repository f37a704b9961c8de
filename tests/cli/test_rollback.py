"""candlecast rollback: an earlier version serves again, by the state machine; a refusal is told with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from candlecast.cli import rollback, state_machines
from tests.cli.conftest import Run
from tests.cli.stand_in import StandIn

ARN = "arn:aws:states:eu-central-1:000000000000:stateMachine:candlecast-local-retraining"
DECISION = {
    "symbol": "BTC-USDT",
    "promoted": True,
    "version": "6",
    "message": "BTC-USDT: version 6 serves from now on.",
}


class RetrainingMachine:
    """A Step Functions client of a machine whose executions end at the second look."""

    def __init__(self) -> None:
        self.given: list[dict[str, Any]] = []
        self.end: dict[str, Any] = {"status": "SUCCEEDED", "output": json.dumps({"results": [DECISION]})}
        self._looks = 0

    def start_execution(self, *, stateMachineArn: str, input: str) -> dict[str, str]:  # noqa: A002, N803 (boto3's)
        assert stateMachineArn == ARN
        self.given.append(json.loads(input))
        return {"executionArn": f"{ARN}:1"}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 (boto3's)
        self._looks += 1
        return {"status": "RUNNING"} if self._looks == 1 else self.end


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> RetrainingMachine:
    machine = RetrainingMachine()
    found: Callable[..., tuple[Any, str]] = lambda _settings, part: (machine, ARN)  # noqa: E731
    monkeypatch.setattr(state_machines, "find", found)
    monkeypatch.setattr(rollback, "POLL_SECONDS", 0.0)
    return machine


def serves(stand_in: StandIn, previous: str | None) -> None:
    champion = {"version": "7", "previous_version": previous}
    stand_in.answers["/models"] = (200, {"symbol": "BTC-USDT", "champion": champion, "versions": ["7", "6"]})


def test_without_a_version_the_one_that_served_before_serves_again(
    run: Run, stand_in: StandIn, machine: RetrainingMachine
) -> None:
    serves(stand_in, previous="6")
    result = run("rollback", "--symbol", "BTC-USDT", "--reason", "7 is flat")
    assert result.exit_code == 0, result.output
    assert machine.given == [{"action": "promote", "symbol": "BTC-USDT", "version": "6", "reason": "7 is flat"}]
    assert result.stdout.strip() == DECISION["message"]


def test_any_registered_version_may_be_named(run: Run, machine: RetrainingMachine) -> None:
    result = run("rollback", "--to", "3", "--json")
    assert machine.given[0]["version"] == "3"
    assert json.loads(result.stdout) == DECISION


def test_where_nothing_served_before_it_says_so_and_asks_for_nothing(
    run: Run, stand_in: StandIn, machine: RetrainingMachine
) -> None:
    serves(stand_in, previous=None)
    result = run("rollback")
    assert result.exit_code == 1
    assert "name one with --to" in result.stderr
    assert machine.given == []


def test_a_refusal_is_told_with_its_reason(run: Run, machine: RetrainingMachine) -> None:
    machine.end = {"status": "FAILED", "error": "NotFound", "cause": "BTC-USDT has no model version 99."}
    result = run("rollback", "--to", "99")
    assert result.exit_code == 1
    assert "BTC-USDT has no model version 99. The present champion serves on." in result.stderr.replace("\n", " ")
