"""candlecast backfill: started once, followed month by month, and told in a table."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from candlecast import settings
from candlecast.cli import backfill
from candlecast.cli.backfill import Machine, Request, Steps
from candlecast.cli.service import aws_client
from tests.cli.conftest import Run
from tests.cli.stand_in import StandIn
from tests.cli.stand_in_states import MACHINE, Execution

ASKED = ("backfill", "--symbol", "BTC-USDT", "--since", "2024-01-01")


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def machine(stand_in: StandIn) -> Machine:
    document = settings.read(Path(__file__).parents[2] / "settings.yaml")
    document["environments"]["local"]["endpoint"] = stand_in.url
    return Machine(aws_client(settings.resolve(document, "local"), "stepfunctions"), MACHINE)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill.Machine.follow, "__defaults__", (0.0,))


def test_what_is_asked_is_the_executions_input_and_its_end_a_line_a_symbol(run_by_name: Run, stand_in: StandIn) -> None:
    result = run_by_name(*ASKED, "--until", "2024-04-01")

    assert result.exit_code == 0, result.output
    assert stand_in.states.given == [
        {"symbols": ["BTC-USDT"], "since": "2024-01-01T00:00:00Z", "until": "2024-04-01T00:00:00Z"}
    ]
    assert result.stdout.splitlines()[1].split() == ["BTC-USDT", "3", "0", "2,160", "1", "2", "4"]
    assert "Started." in result.stderr
    assert "3/3 months" in result.stderr


def test_without_a_symbol_everything_is_filled(run_by_name: Run, stand_in: StandIn) -> None:
    assert run_by_name("backfill").exit_code == 0
    assert stand_in.states.given == [{}]


def test_json_is_all_there_is_on_stdout(run_by_name: Run) -> None:
    result = run_by_name(*ASKED, "--json")

    document = json.loads(result.stdout)
    assert (document["problem"], document["parts"], document["symbols"][0]["stored"]) == (None, 3, 2160)
    assert result.stderr == ""


def test_the_same_backfill_that_runs_already_is_followed_and_not_doubled(run_by_name: Run, stand_in: StandIn) -> None:
    request = Request(symbols=("BTC-USDT",), since=day("2024-01-01"))
    name = request.series + "1"
    stand_in.states.executions[name] = Execution(name, json.loads(request.input))

    result = run_by_name(*ASKED)

    assert result.exit_code == 0
    assert "It runs already: following it." in result.stderr
    assert list(stand_in.states.executions) == [name]


def test_a_backfill_that_has_ended_can_be_run_again(run_by_name: Run, stand_in: StandIn) -> None:
    assert [run_by_name(*ASKED).exit_code for _ in range(3)] == [0, 0, 0]
    assert [name[-2:] for name in stand_in.states.executions] == ["-1", "-2", "-3"]


def test_another_range_is_another_backfill(run_by_name: Run, stand_in: StandIn) -> None:
    run_by_name(*ASKED)
    run_by_name(*ASKED, "--until", "2024-03-01")

    assert len({name.rpartition("-")[0] for name in stand_in.states.executions}) == 2


def test_who_is_overtaken_by_an_equal_follows_the_others_execution(
    machine: Machine, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(symbols=("BTC-USDT",))
    theirs, new = machine.start(request)
    assert new
    answer = stand_in.states.answer

    def lists_late(target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return (200, {"executions": []}) if target.endswith("ListExecutions") else answer(target, body)

    monkeypatch.setattr(stand_in.states, "answer", lists_late)

    assert machine.start(request) == (theirs, False)


def test_failed_months_are_told_with_their_cause_beside_what_was_done(run_by_name: Run, stand_in: StandIn) -> None:
    stand_in.states.fails = True

    result = run_by_name(*ASKED)

    assert result.exit_code == 1
    assert "BTC-USDT" in result.stdout
    assert "Problem: FAILED: 1 of 3 parts failed; BTC-USDT from 2024-02: a reason" in result.stderr


def test_an_interrupted_watch_leaves_the_backfill_running_and_says_how_to_go_on(
    run_by_name: Run, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(backfill.Machine, "_steps", interrupted)

    result = run_by_name(*ASKED)

    assert result.exit_code == 130
    (execution,) = stand_in.states.executions.values()
    assert execution.status == "RUNNING"
    assert "the same command again" in result.stderr
    assert f"stop-execution --execution-arn {execution.arn}" in result.stderr


def test_progress_counts_months_over_all_symbols(machine: Machine) -> None:
    execution, _ = machine.start(Request())
    seen: list[Steps] = []

    machine.follow(execution, seen.append)

    assert seen == [Steps(0, 6), Steps(2, 6), Steps(4, 6), Steps(6, 6), Steps(6, 6)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "2024-02-01", "--until", "2024-01-01"),
        ("--since", "2999-01-01"),
        ("--since", "yesterday"),
        ("--since", "2024-02-30"),
    ],
)
def test_wrong_bounds_are_told_before_anything_is_asked(
    run_by_name: Run, stand_in: StandIn, arguments: tuple[str, ...]
) -> None:
    result = run_by_name("backfill", *arguments)

    assert result.exit_code == 2
    assert stand_in.states.given == []


def test_a_symbol_that_is_not_configured_is_told_with_where_to_add_it(run_by_name: Run, stand_in: StandIn) -> None:
    result = run_by_name("backfill", "--symbol", "DOGE-USDT")

    assert (result.exit_code, stand_in.states.given) == (1, [])
    assert "DOGE-USDT: not configured; add it to `symbols` in settings.yaml" in result.stderr


def test_a_stack_that_is_not_up_is_told_with_the_command_that_starts_it(run_by_name: Run, stand_in: StandIn) -> None:
    stand_in.server.shutdown()
    stand_in.server.server_close()

    result = run_by_name(*ASKED)

    assert result.exit_code == 1
    assert f"The stack is not up at {stand_in.url}; start it: make up" in result.stderr


def test_a_stack_without_the_machine_is_told_with_the_command_that_deploys_it(
    run_by_name: Run, stand_in: StandIn
) -> None:
    stand_in.states.deployed = False

    result = run_by_name(*ASKED)

    assert result.exit_code == 1
    assert "has no state machine candlecast-local-backfill; deploy it: make demo, or make deploy." in result.stderr


def test_names_of_executions_are_what_step_functions_takes() -> None:
    several = Request(symbols=tuple(f"S{number:03}-USDT" for number in range(400)))
    longest = Request(symbols=("ABCDEFGHIJKL-ABCDEFGHIJKL",))
    for request in (Request(), several, longest):
        assert len(request.series + "1000") <= 80
        assert set(request.series) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
