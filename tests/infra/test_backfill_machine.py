"""backfill.asl.json, rendered as it is deployed: whole, bounded in time and history, and in step with the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from candlecast import errors
from candlecast.cli.backfill import SUMMARY
from tests.infra.conftest import Stack

HISTORY_LIMIT = 25_000
"""Events of one execution of a standard workflow."""
EVENTS_OF_A_TRY, EVENTS_OF_A_PART = 4, 8
"""Scheduled, started, failed, waited; and around them iteration and state, each started and ended, with a note."""


@pytest.fixture(scope="module")
def machine(development: Stack) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(development["module.backfill.aws_sfn_state_machine.backfill"]["definition"])
    return definition


@pytest.fixture(scope="module")
def symbol(machine: dict[str, Any]) -> dict[str, Any]:
    """What is done for each symbol."""
    graph: dict[str, Any] = machine["States"]["Backfill each symbol"]["ItemProcessor"]
    return graph


@pytest.fixture(scope="module")
def month(symbol: dict[str, Any]) -> dict[str, Any]:
    """What is done for each month of a symbol."""
    graph: dict[str, Any] = symbol["States"]["Backfill each month"]["ItemProcessor"]
    return graph


@pytest.fixture(scope="module")
def tasks(machine: dict[str, Any], symbol: dict[str, Any], month: dict[str, Any]) -> dict[str, dict[str, Any]]:
    graphs = (machine, symbol, month)
    return {name: state for graph in graphs for name, state in graph["States"].items() if state["Type"] == "Task"}


def successors(state: dict[str, Any]) -> Iterator[str]:
    """The states that may come after one."""
    yield from (state[key] for key in ("Next", "Default") if key in state)
    yield from (branch["Next"] for branch in (*state.get("Choices", []), *state.get("Catch", [])))


def test_every_state_can_be_reached_and_leads_on_or_ends(
    machine: dict[str, Any], symbol: dict[str, Any], month: dict[str, Any]
) -> None:
    for graph in (machine, symbol, month):
        reached, waiting = set(), [graph["StartAt"]]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += successors(graph["States"][name])
        assert reached == set(graph["States"])
        for name, state in graph["States"].items():
            assert state.get("End") or state["Type"] in ("Succeed", "Fail") or any(successors(state)), name


def test_every_task_has_a_time_limit_beyond_the_functions_and_so_has_the_whole(
    machine: dict[str, Any], tasks: dict[str, dict[str, Any]], development: Stack
) -> None:
    function = development['module.function["ingest"].aws_lambda_function.function']
    assert len(tasks) == 3
    assert all(function["timeout"] < task["TimeoutSeconds"] <= 900 for task in tasks.values())
    assert machine["TimeoutSeconds"] == 2 * 24 * 3600


def test_errors_that_may_pass_are_retried_by_name_with_jitter_and_the_rest_is_caught(
    tasks: dict[str, dict[str, Any]],
) -> None:
    for name, task in tasks.items():
        retried = [error for retrier in task["Retry"] for error in retrier["ErrorEquals"]]
        assert "Lambda.TooManyRequestsException" in retried, name
        assert not {"States.ALL", "States.TaskFailed"} & set(retried), name
        assert all(r["JitterStrategy"] == "FULL" and 1 <= r["MaxAttempts"] <= 4 for r in task["Retry"])
        assert [catcher["ErrorEquals"] for catcher in task["Catch"]] == [["States.ALL"]], name


def test_exchanges_are_given_longer_than_writers_that_met(tasks: dict[str, dict[str, Any]]) -> None:
    retriers = tasks["Fetch, check and store the month"]["Retry"]
    waits = {error: r["IntervalSeconds"] for r in retriers for error in r["ErrorEquals"] if "." not in error}
    assert waits["ExchangeThrottled"] > waits["ExchangeUnavailable"] > waits["WriteConflict"]
    assert all(issubclass(getattr(errors, name), errors.Retry) for name in waits)


def test_a_failing_month_stops_no_other_and_a_failing_symbol_neither(
    symbol: dict[str, Any], month: dict[str, Any]
) -> None:
    for graph in (symbol, month):
        assert not [name for name, state in graph["States"].items() if state["Type"] == "Fail"]


def test_as_many_months_are_fetched_at_once_as_the_settings_say(
    machine: dict[str, Any], symbol: dict[str, Any]
) -> None:
    assert machine["States"]["Backfill each symbol"]["MaxConcurrency"] == 1
    assert symbol["States"]["Backfill each month"]["MaxConcurrency"] == 4


def test_a_long_history_fits_into_one_execution_even_if_everything_is_retried(month: dict[str, Any]) -> None:
    tries = 1 + sum(retrier["MaxAttempts"] for retrier in month["States"][month["StartAt"]]["Retry"])
    months = 20 * 12
    assert months * (EVENTS_OF_A_PART + tries * EVENTS_OF_A_TRY) < HISTORY_LIMIT


def test_the_command_line_finds_the_summary_by_its_states_name(machine: dict[str, Any]) -> None:
    assert SUMMARY in machine["States"]
    assert machine["States"][SUMMARY]["Next"] == "Did every part succeed?"
