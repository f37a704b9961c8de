"""retrain.asl.json, rendered as it is deployed: whole, bounded in time, and in step with the code's errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from candlecast import errors
from infra import deploy
from tests.infra.conftest import Stack

ITERATION = "Retrain each symbol"


@pytest.fixture(scope="module")
def machine(development: Stack) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(
        development["module.retraining.aws_sfn_state_machine.retraining"]["definition"]
    )
    return definition


@pytest.fixture(scope="module")
def graphs(machine: dict[str, Any]) -> list[dict[str, Any]]:
    """The machine itself and what it does for each symbol."""
    return [machine, machine["States"][ITERATION]["ItemProcessor"]]


@pytest.fixture(scope="module")
def tasks(graphs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {name: state for graph in graphs for name, state in graph["States"].items() if state["Type"] == "Task"}
    assert len(found) == 7
    return found


def successors(state: dict[str, Any]) -> Iterator[str]:
    """The states that may come after one."""
    for key in ("Next", "Default"):
        if key in state:
            yield state[key]
    for branch in (*state.get("Choices", []), *state.get("Catch", [])):
        yield branch["Next"]


def test_every_state_can_be_reached_and_leads_on_or_ends(graphs: list[dict[str, Any]]) -> None:
    for graph in graphs:
        reached, waiting = set(), [graph["StartAt"]]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += successors(graph["States"][name])
        assert reached == set(graph["States"])
        for name, state in graph["States"].items():
            ends = state.get("End") or state["Type"] in ("Succeed", "Fail")
            assert ends or any(successors(state)), name


def test_every_task_has_a_time_limit_and_so_has_the_whole(
    machine: dict[str, Any], tasks: dict[str, dict[str, Any]]
) -> None:
    assert all(0 < task["TimeoutSeconds"] <= 6 * 3600 for task in tasks.values())
    assert machine["TimeoutSeconds"] > max(task["TimeoutSeconds"] for task in tasks.values())


def test_a_task_waits_longer_than_what_it_waits_for(tasks: dict[str, dict[str, Any]], development: Stack) -> None:
    training = tasks["Train a challenger"]
    assert training["TimeoutSeconds"] > training["Parameters"]["StoppingCondition"]["MaxRuntimeInSeconds"]
    function = development['module.function["drift"].aws_lambda_function.function']
    assert tasks["Judge the challenger"]["TimeoutSeconds"] > function["timeout"]


def test_every_task_retries_named_errors_and_catches_the_rest(tasks: dict[str, dict[str, Any]]) -> None:
    for name, task in tasks.items():
        retried = [error for retrier in task["Retry"] for error in retrier["ErrorEquals"]]
        assert retried, name
        assert not {"States.ALL", "States.TaskFailed"} & set(retried), name
        assert all(1 <= retrier["MaxAttempts"] <= 4 for retrier in task["Retry"])
        assert ["States.ALL"] in [catcher["ErrorEquals"] for catcher in task["Catch"]], name


def test_errors_of_ours_that_are_retried_are_ones_that_may_pass(tasks: dict[str, dict[str, Any]]) -> None:
    retried = {error for task in tasks.values() for retrier in task["Retry"] for error in retrier["ErrorEquals"]}
    ours = {error for error in retried if "." not in error}
    assert ours == {"WriteConflict", "NotDelivered"}
    assert all(issubclass(getattr(errors, name), errors.Retry) for name in ours)


def test_a_failing_symbol_is_told_of_and_does_not_stop_the_others(graphs: list[dict[str, Any]]) -> None:
    iteration = graphs[1]["States"]
    assert not [name for name, state in iteration.items() if state["Type"] == "Fail"]
    for name in ("Train a challenger", "Judge the challenger"):
        waiting, seen = [iteration[name]["Catch"][0]["Next"]], set()
        while waiting:
            seen.add(state := waiting.pop())
            waiting += successors(iteration[state])
        assert {"Tell that it failed", "Note the failure"} <= seen
        assert not {"Judge the challenger", "Tell the verdict"} & seen


def test_one_failing_symbol_makes_the_whole_execution_fail(machine: dict[str, Any]) -> None:
    states = machine["States"]
    assert states["Look for failures"]["Parameters"]["failed.$"] == (
        "States.ArrayContains($.results[*].outcome, 'failed')"
    )
    assert states["Did any symbol fail?"]["Choices"][0]["Next"] == "Some symbols failed"


def rendered(value: Any) -> Any:
    """Task parameters with every path replaced by a plausible value of the run."""
    if isinstance(value, dict):
        return {key.removesuffix(".$"): _resolved(v) if key.endswith(".$") else rendered(v) for key, v in value.items()}
    return [rendered(item) for item in value] if isinstance(value, list) else value


def _resolved(path: str) -> str:
    uuid, symbol = "0f0e4c5e-1b7e-4d0c-9a53-3a6f2b1c9d8e", "BTC-USDT"
    if template := re.match(r"States\.Format\('([^']*)'", path):
        return template[1].format(uuid if "UUID" in path else symbol)
    return {"$.symbol": symbol, "$.as_of": "2026-11-20T15:00:00Z"}[path]


def test_sagemaker_takes_the_training_request(tasks: dict[str, dict[str, Any]]) -> None:
    request = rendered(tasks["Train a challenger"]["Parameters"])
    model = boto3.client("sagemaker", region_name="eu-central-1").meta.service_model
    report = ParamValidator().validate(request, model.operation_model("CreateTrainingJob").input_shape)
    assert not report.has_errors(), report.generate_report()
    assert re.fullmatch(r"candlecast-dev-[0-9a-f-]{36}", request["TrainingJobName"])
    assert len(request["TrainingJobName"]) <= 63


def test_hyperparameters_are_text_and_the_channel_is_the_symbols_features(tasks: dict[str, dict[str, Any]]) -> None:
    request = rendered(tasks["Train a challenger"]["Parameters"])
    assert request["HyperParameters"] == {
        "symbol": "BTC-USDT",
        "timeframe": "1h",
        "as_of": "2026-11-20T15:00:00Z",
        "bucket": "candlecast-dev-123456789012",
        "environment": "dev",
    }
    source = request["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    assert source["S3Uri"] == "s3://candlecast-dev-123456789012/features/symbol=BTC-USDT/timeframe=1h/"


def test_a_pooled_models_channel_is_the_features_of_all_symbols() -> None:
    template = (deploy.ROOT / "modules/retraining/retrain.asl.json").read_text()
    pooled = re.search(r"%\{ if pooled ~}(.*?)%\{ else ~}", template, re.DOTALL)
    assert pooled
    assert pooled[1].strip() == '"S3Uri": "s3://${bucket}/features/",'


def test_metrics_are_read_from_the_programs_lines(tasks: dict[str, dict[str, Any]]) -> None:
    definitions = tasks["Train a challenger"]["Parameters"]["AlgorithmSpecification"]["MetricDefinitions"]
    line = "schema_version=1 version=7 mae=0.0035 zero_change_mae=3.6e-03 skill=-0.01 coverage=0.79"
    assert {d["Name"]: re.findall(d["Regex"], line) for d in definitions} == {
        "version": ["7"],
        "mae": ["0.0035"],
        "zero_change_mae": ["3.6e-03"],
        "skill": ["-0.01"],
        "coverage": ["0.79"],
    }


def test_decisions_carry_the_time_that_the_run_is_about(tasks: dict[str, dict[str, Any]]) -> None:
    payloads = {
        name: tasks[name]["Parameters"]["Payload"] for name in ("Judge the challenger", "Promote the named version")
    }
    assert {name: payload["action"] for name, payload in payloads.items()} == {
        "Judge the challenger": "decide",
        "Promote the named version": "promote",
    }
    assert all(payload["time.$"] == "$.as_of" for payload in payloads.values())
