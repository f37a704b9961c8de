"""Gaps in what state machines do for each item of a list.

Each test shows the gap on the plain emulator first, then that localstack/embedded/executions.py has closed it.
"""

from collections.abc import Callable
from typing import Any

from tests.embedded_aws.emulator import Emulator, allow, eventually
from tests.embedded_aws.examples import call

SLOW = """
import time
def handler(event, context):
    print("asked")
    time.sleep(0.5)
    return event
"""


def each(function: str, **processor: str) -> dict[str, Any]:
    """States that call the function with each item of the input's list, one after another."""
    iteration = {"StartAt": "Call", "States": {"Call": call(function, {"item.$": "$"})}}
    mode = {"ProcessorConfig": processor or {"Mode": "INLINE"}}
    return {"Each": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1, "ItemProcessor": iteration | mode,
                     "End": True}}  # fmt: skip


def history(emulator: Emulator, execution: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = emulator.client("stepfunctions").get_execution_history(
        executionArn=execution, maxResults=1000
    )["events"]
    return events


def test_a_history_tells_how_far_a_map_is(
    emulator: Emulator, plain: Emulator, function: str, plain_function: str
) -> None:
    def told(emulator: Emulator, function: str) -> list[Any]:
        machine = emulator.machine(each(function), allow("lambda:InvokeFunction"))
        execution = emulator.execute(machine, {"items": [7, 8]})["executionArn"]
        events = [event for event in history(emulator, execution) if event["type"].startswith("Map")]
        details: list[Any] = [next((v for k, v in event.items() if k.endswith("EventDetails")), {}) for event in events]
        return [
            (event["type"], said.get("length", said.get("index")))
            for event, said in zip(events, details, strict=True)
            if not event["type"].startswith("MapStateE")
        ]

    assert told(plain, plain_function) == []
    assert told(emulator, function) == [
        ("MapStateStarted", 2),
        ("MapIterationStarted", 0),
        ("MapIterationSucceeded", 0),
        ("MapIterationStarted", 1),
        ("MapIterationSucceeded", 1),
    ]


def test_a_stopped_map_begins_no_further_item(emulator: Emulator, plain: Emulator) -> None:
    def begun_after_stop(emulator: Emulator) -> Callable[[], int]:
        machine = emulator.machine(each(emulator.function(SLOW)), allow("lambda:InvokeFunction"))
        states = emulator.client("stepfunctions")
        given = '{"items": [1, 2, 3, 4]}'
        execution = states.start_execution(stateMachineArn=machine, input=given)["executionArn"]

        def begun() -> int:
            return sum(event["type"] == "TaskScheduled" for event in history(emulator, execution))

        assert eventually(begun)
        states.stop_execution(executionArn=execution)
        return begun

    stopped, goes_on = begun_after_stop(emulator), begun_after_stop(plain)
    assert eventually(lambda: goes_on() == 4)
    assert stopped() <= 2


def test_children_of_a_distributed_map_need_the_machines_permission(
    emulator: Emulator, plain: Emulator, function: str, plain_function: str
) -> None:
    def outcome(emulator: Emulator, function: str, *statements: dict[str, Any]) -> str:
        states = each(function, Mode="DISTRIBUTED", ExecutionType="STANDARD")
        machine = emulator.machine(states, allow("lambda:InvokeFunction"), *statements)
        return str(emulator.execute(machine, {"items": [1]}).get("error", "none"))

    assert outcome(plain, plain_function) == "none"
    assert outcome(emulator, function) == "States.Permissions"
    assert outcome(emulator, function, allow("states:StartExecution")) == "none"
