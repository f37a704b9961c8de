"""Gaps in events and in the permissions between services.

Each test shows the gap on the plain emulator first, then that localstack/embedded/gaps.py has closed it.
"""

import json
import time
import uuid
from typing import Any

import pytest

from tests.embedded_aws.emulator import Emulator, allow, eventually
from tests.embedded_aws.examples import RESPOND, TELL, call, permit, rest_api, status_of, subscribed_topic


def test_a_rest_api_may_ask_only_a_function_that_lets_it(emulator: Emulator, plain: Emulator) -> None:
    assert status_of(rest_api(plain, plain.function(RESPOND), permitted=False)) == 200
    function = emulator.function(RESPOND)
    assert status_of(rest_api(emulator, function, permitted=False)) == 500
    assert status_of(rest_api(emulator, function, permitted=True)) == 200


def rule(emulator: Emulator, target: str, *, permitted: bool = True, **more: Any) -> str:
    """The source of events that a new rule hands to *target*, with their time as its only input."""
    events, source = emulator.client("events"), f"source-{uuid.uuid4()}"
    arn = events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    given = {
        "InputPathsMap": {"time": "$.time", "detail": "$.detail"},
        "InputTemplate": '{"time": <time>, "detail": <detail>}',
    }
    events.put_targets(Rule=source, Targets=[{"Id": "1", "Arn": target, "InputTransformer": given, **more}])
    if permitted and ":function:" in target:
        permit(emulator, target, "events.amazonaws.com", arn)
    return source


def send(emulator: Emulator, source: str, detail: Any = None, **more: Any) -> None:
    entry = {"Source": source, "DetailType": "Test", "Detail": json.dumps(detail or {}), **more}
    assert emulator.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_an_event_keeps_the_time_it_was_given(
    emulator: Emulator, plain: Emulator, function: str, plain_function: str
) -> None:
    def delivered(emulator: Emulator, function: str) -> set[str]:
        mark = uuid.uuid4().hex
        send(emulator, rule(emulator, function), {"mark": mark}, Time="2024-03-01T05:00:00Z")

        def times() -> set[str]:
            got = [e for e in emulator.events_of(function) if e.get("detail", {}).get("mark") == mark]
            return {str(event["time"]) for event in got}

        found: set[str] = eventually(times)
        return found

    assert delivered(plain, plain_function) != {"2024-03-01T05:00:00Z"}
    assert delivered(emulator, function) == {"2024-03-01T05:00:00Z"}


def test_a_rule_retries_a_failing_function_and_then_sends_the_event_to_its_dead_letters(
    emulator: Emulator, plain: Emulator
) -> None:
    def letters(emulator: Emulator, seconds: float) -> tuple[int, Any]:
        sqs = emulator.client("sqs")
        _, queue, url = subscribed_topic(emulator)
        failing = TELL.replace('"fail" in event', "True")
        function = emulator.function(failing, DeadLetterConfig={"TargetArn": queue})
        emulator.client("lambda").put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=1)
        send(emulator, rule(emulator, function), {"a": 1})
        found = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), seconds)
        return len(emulator.events_of(function)), found

    tried, none = letters(plain, 3)
    assert (tried, none) == (1, None)
    tried, found = letters(emulator, 15)
    assert tried == 2
    assert json.loads(found[0]["Body"])["requestPayload"]["detail"] == {"a": 1}


def test_a_rule_may_invoke_only_a_function_that_lets_it(emulator: Emulator, plain: Emulator) -> None:
    functions = {each.url: each.function(TELL) for each in (plain, emulator)}
    for each in (plain, emulator):
        send(each, rule(each, functions[each.url], permitted=False))
    assert eventually(lambda: plain.events_of(functions[plain.url]))
    time.sleep(1)
    assert not emulator.events_of(functions[emulator.url])


def test_what_a_rule_cannot_deliver_goes_to_the_targets_dead_letters(emulator: Emulator, plain: Emulator) -> None:
    def letters(emulator: Emulator) -> Any:
        _, queue, url = subscribed_topic(emulator)
        to = {"DeadLetterConfig": {"Arn": queue}}
        send(emulator, rule(emulator, emulator.function(TELL), permitted=False, **to), {"mark": 1})
        return eventually(lambda: emulator.client("sqs").receive_message(QueueUrl=url).get("Messages"), 3)

    assert letters(plain) is None
    assert json.loads(letters(emulator)[0]["Body"])["detail"] == {"mark": 1}


def test_a_rule_starts_a_state_machine_only_if_its_role_may(emulator: Emulator, plain: Emulator) -> None:
    def started(emulator: Emulator, *statements: dict[str, Any]) -> bool:
        machine = emulator.machine({"Done": {"Type": "Succeed"}})
        send(emulator, rule(emulator, machine, RoleArn=emulator.role("events", *statements)))
        states = emulator.client("stepfunctions")
        return bool(eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"], 3))

    assert started(plain)
    assert not started(emulator)
    assert started(emulator, allow("states:StartExecution"))


@pytest.mark.parametrize("inside", ["", "Map"], ids=["directly", "inside a map"])
def test_a_state_machine_does_only_what_its_role_may(
    emulator: Emulator, plain: Emulator, function: str, plain_function: str, inside: str
) -> None:
    def outcome(emulator: Emulator, function: str, *statements: dict[str, Any]) -> tuple[str, str]:
        topic = emulator.client("sns").create_topic(Name=f"topic-{uuid.uuid4()}")["TopicArn"]
        publish = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "End": True}
        states = {
            "Call": call(function, {}, Next="Tell", End=False),
            "Tell": publish | {"Parameters": {"TopicArn": topic, "Message": "done"}},
        }
        del states["Call"]["End"]
        if inside:
            steps = {"StartAt": "Call", "States": states}
            states = {"Each": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": steps, "End": True}}
        done = emulator.execute(emulator.machine(states, *statements), {"items": [1]})
        return done["status"], done.get("error", "")

    assert outcome(plain, plain_function) == ("SUCCEEDED", "")
    assert outcome(emulator, function) == ("FAILED", "Lambda.AWSLambdaException")
    invoke = allow("lambda:InvokeFunction", on=function)
    assert outcome(emulator, function, invoke) == ("FAILED", "SNS.AuthorizationErrorException")
    assert outcome(emulator, function, invoke, allow("sns:Publish")) == ("SUCCEEDED", "")
