"""Each gap of ministack that localstack/embedded/gaps.py closes: first shown on the plain emulator, then closed."""

import json
import subprocess
import time
import urllib.error
import urllib.request
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.embedded_aws.emulator import ROOT, Emulator, allow, eventually

TELL = """
import json
class TooLittleData(Exception):
    pass
def handler(event, context):
    print(json.dumps({"got": event}))
    if "fail" in event:
        raise TooLittleData("3 hours are not enough")
    if "metric" in event:
        print(json.dumps(event["metric"]))
    return event
"""


@pytest.fixture(scope="module")
def function(emulator: Emulator) -> str:
    return emulator.function(TELL)


@pytest.fixture(scope="module")
def plain_function(plain: Emulator) -> str:
    return plain.function(TELL)


def test_a_failed_function_tells_its_exceptions_class(
    emulator: Emulator, plain: Emulator, function: str, plain_function: str
) -> None:
    assert plain.invoke(plain_function, {"fail": 1})["errorType"] == "Runtime.HandlerError"
    failure = emulator.invoke(function, {"fail": 1})
    assert (failure["errorType"], failure["errorMessage"]) == ("TooLittleData", "3 hours are not enough")
    assert "raise TooLittleData" in "".join(failure["stackTrace"])


def test_a_state_machine_catches_by_the_exceptions_class(
    emulator: Emulator, plain: Emulator, function: str, plain_function: str
) -> None:
    def outcome(emulator: Emulator, function: str) -> Any:
        catch = [{"ErrorEquals": ["TooLittleData"], "Next": "Caught"}]
        states = {"Call": call(function, {"fail": 1}, Catch=catch), "Caught": {"Type": "Succeed"}}
        return emulator.execute(emulator.machine(states, allow("lambda:InvokeFunction")))["status"]

    assert outcome(plain, plain_function) == "FAILED"
    assert outcome(emulator, function) == "SUCCEEDED"


REAP = """
import time
from types import SimpleNamespace
from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from localstack.embedded import gaps

def worker(age, in_use=False):
    return SimpleNamespace(last_used=time.time() - age, in_use=in_use, config={}, _proc=None, _discard_tmpdir=int)

def left():
    lambda_runtime._workers["f"] = [worker(3600), worker(3600, in_use=True), worker(1)]
    lambda_svc.reap_idle_workers()
    return len(lambda_runtime._workers["f"])

plain = left()
gaps.lambda_idle_workers()
print(plain, left())
"""


def test_an_idle_functions_last_worker_ends_too(emulator_venv: Path) -> None:
    """Of a worker idle for an hour, one at work and one just used, the plain emulator keeps the first as well."""
    program = [emulator_venv / "bin/python", "-c", REAP]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "2"]


def call(function: str, payload: Any, **changes: Any) -> dict[str, Any]:
    parameters = {"FunctionName": function, "Payload": payload}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": parameters,
        "End": True,
    } | changes


def embedded_metric(name: str, value: float, at: float | None = None, **dimensions: str) -> dict[str, Any]:
    metrics = {
        "Namespace": "candlecast",
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": "Count"}],
    }
    moment = int((time.time() if at is None else at) * 1000)
    return {"_aws": {"Timestamp": moment, "CloudWatchMetrics": [metrics]}, name: value, **dimensions}


def names_of_metrics(emulator: Emulator) -> set[tuple[str, str]]:
    listed = emulator.client("cloudwatch").list_metrics(Namespace="candlecast")["Metrics"]
    return {(m["MetricName"], d["Value"]) for m in listed for d in m["Dimensions"]}


def test_metrics_printed_by_functions_are_stored(
    emulator: Emulator, plain: Emulator, function: str, plain_function: str
) -> None:
    plain.invoke(plain_function, {"metric": embedded_metric("WindowMae", 3, symbol="BTC-USDT")})
    emulator.invoke(function, {"metric": embedded_metric("WindowMae", 3, symbol="BTC-USDT")})
    emulator.invoke(function, {"metric": embedded_metric("Stale", 3, at=0, symbol="BTC-USDT")})
    assert eventually(lambda: ("WindowMae", "BTC-USDT") in names_of_metrics(emulator))
    assert not names_of_metrics(plain)
    assert ("Stale", "BTC-USDT") not in names_of_metrics(emulator)  # older than CloudWatch takes


def alarm(emulator: Emulator, metric: str, **changes: Any) -> str:
    """The name of a new alarm: the maximum of *metric* for symbol A over a minute is above 1."""
    name = f"alarm-{uuid.uuid4()}"
    emulator.client("cloudwatch").put_metric_alarm(
        **{
            "AlarmName": name, "Namespace": "candlecast", "MetricName": metric, "Statistic": "Maximum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
            "Dimensions": [{"Name": "symbol", "Value": "A"}],
        } | changes
    )  # fmt: skip
    return name


def put(emulator: Emulator, metric: str, value: float, symbol: str = "A") -> None:
    datum = {"MetricName": metric, "Value": value, "Dimensions": [{"Name": "symbol", "Value": symbol}]}
    emulator.client("cloudwatch").put_metric_data(Namespace="candlecast", MetricData=[datum])


def state_of(emulator: Emulator, name: str) -> str:
    return str(emulator.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


def becomes(emulator: Emulator, name: str, state: str, seconds: float = 10) -> bool:
    return bool(eventually(lambda: state_of(emulator, name) == state, seconds))


def test_an_alarm_sees_only_its_own_dimensions(emulator: Emulator, plain: Emulator) -> None:
    for each in (plain, emulator):
        name = alarm(each, "Dimensioned")
        put(each, "Dimensioned", 0, symbol="A")
        put(each, "Dimensioned", 5, symbol="B")
        assert becomes(each, name, "ALARM" if each is plain else "OK")


def test_an_alarm_treats_missing_data_as_told_and_is_evaluated_without_new_data(
    emulator: Emulator, plain: Emulator
) -> None:
    told = {"Period": 1, "TreatMissingData": "breaching"}
    names = [(each, alarm(each, "NeverWritten", **told)) for each in (plain, emulator)]
    quiet = alarm(emulator, "NeverWritten", TreatMissingData="notBreaching")
    assert becomes(emulator, names[1][1], "ALARM")
    assert becomes(emulator, quiet, "OK")
    assert state_of(*names[0]) == "INSUFFICIENT_DATA"


def test_an_alarm_needs_m_of_its_last_n_datapoints(emulator: Emulator, plain: Emulator) -> None:
    """Two of the last three ten-second periods must breach; the plain emulator takes one maximum over all three."""
    of_three = {"Period": 10, "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": "notBreaching"}
    for each in (plain, emulator):
        name = alarm(each, "MofN", **of_three)
        put(each, "MofN", 5)
        assert becomes(each, name, "ALARM" if each is plain else "OK")
    now = time.time()
    data = [
        {"MetricName": "MofN", "Value": 5, "Timestamp": now - ago, "Dimensions": [{"Name": "symbol", "Value": "A"}]}
        for ago in (12, 14)
    ]
    emulator.client("cloudwatch").put_metric_data(Namespace="candlecast", MetricData=data)
    assert becomes(emulator, name, "ALARM")


def test_a_fired_alarm_notifies_its_topic(emulator: Emulator) -> None:
    topic, _, url = subscribed_topic(emulator)
    name = alarm(emulator, "Notified", AlarmActions=[topic])
    put(emulator, "Notified", 5)
    message = eventually(lambda: emulator.client("sqs").receive_message(QueueUrl=url).get("Messages"))
    assert name in message[0]["Body"]


def subscribed_topic(emulator: Emulator) -> tuple[str, str, str]:
    sns, sqs = emulator.client("sns"), emulator.client("sqs")
    url = sqs.create_queue(QueueName=f"queue-{uuid.uuid4()}")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name=f"topic-{uuid.uuid4()}")["TopicArn"]
    statement = allow("sqs:SendMessage", on=queue) | {"Principal": {"Service": "sns.amazonaws.com"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    return topic, queue, url


def describe_by_query(emulator: Emulator, name: str) -> set[str]:
    """The fields that DescribeAlarms tells of an alarm in the Query protocol, which Terraform speaks."""
    body = f"Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1={name}"
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    asked = AWSRequest(method="POST", url=emulator.url + "/", data=body, headers=headers)
    SigV4Auth(Credentials("test", "test"), "monitoring", "eu-central-1").add_auth(asked)
    request = urllib.request.Request(asked.url or "", body.encode(), dict(asked.headers))
    with urllib.request.urlopen(request, timeout=10) as answer:
        tree = ET.fromstring(answer.read())
    return {element.tag.rpartition("}")[2] for element in tree.findall(".//{*}MetricAlarms/{*}member/{*}*")}


def test_the_query_protocol_tells_all_of_an_alarm(emulator: Emulator, plain: Emulator) -> None:
    told = {"DatapointsToAlarm": 1, "TreatMissingData": "breaching", "AlarmActions": ["arn:aws:sns:eu-central-1:0:t"]}
    fields = {each.url: describe_by_query(each, alarm(each, "Described", **told)) for each in (plain, emulator)}
    wanted = {"AlarmName", "DatapointsToAlarm", "TreatMissingData", "AlarmActions", "Dimensions", "Threshold", "Period"}
    assert wanted - fields[plain.url]
    assert not wanted - fields[emulator.url]


def rest_api(emulator: Emulator, function: str, *, permitted: bool) -> str:
    """The URL of a new REST API whose GET / asks the function."""
    api = emulator.client("apigateway")
    identifier = api.create_rest_api(name=f"api-{uuid.uuid4()}")["id"]
    resource = api.get_resources(restApiId=identifier)["items"][0]["id"]
    at = {"restApiId": identifier, "resourceId": resource, "httpMethod": "GET"}
    api.put_method(**at, authorizationType="NONE")
    uri = f"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{function}/invocations"
    api.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    api.create_deployment(restApiId=identifier, stageName="v1")
    if permitted:
        source = f"arn:aws:execute-api:eu-central-1:000000000000:{identifier}/*/GET/"
        permit(emulator, function, "apigateway.amazonaws.com", source)
    return f"{emulator.url}/restapis/{identifier}/v1/_user_request_/"


def permit(emulator: Emulator, function: str, service: str, source: str) -> None:
    emulator.client("lambda").add_permission(
        FunctionName=function, StatementId=f"s{uuid.uuid4().hex}", Action="lambda:InvokeFunction", Principal=service,
        SourceArn=source,
    )  # fmt: skip


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


RESPOND = """
def handler(event, context):
    print("asked")
    return {"statusCode": 200, "body": "{}"}
"""


def test_a_rest_api_may_ask_only_a_function_that_lets_it(emulator: Emulator, plain: Emulator) -> None:
    assert status_of(rest_api(plain, plain.function(RESPOND), permitted=False)) == 200
    function = emulator.function(RESPOND)
    assert status_of(rest_api(emulator, function, permitted=False)) == 500
    assert status_of(rest_api(emulator, function, permitted=True)) == 200


def test_a_rest_api_writes_the_metrics_that_its_alarms_need(emulator: Emulator, plain: Emulator) -> None:
    def metrics(emulator: Emulator) -> dict[str, float]:
        url = rest_api(emulator, emulator.function(RESPOND), permitted=False)
        status_of(url)
        cloudwatch, identifier = emulator.client("cloudwatch"), url.split("/")[4]
        name = emulator.client("apigateway").get_rest_api(restApiId=identifier)["name"]
        sums = {}
        for metric in ("Count", "5XXError", "4XXError"):
            found = cloudwatch.get_metric_statistics(
                Namespace="AWS/ApiGateway", MetricName=metric, Dimensions=[{"Name": "ApiName", "Value": name}],
                StartTime=time.time() - 600, EndTime=time.time() + 60, Period=3600, Statistics=["Sum"],
            )["Datapoints"]  # fmt: skip
            sums[metric] = sum(point["Sum"] for point in found)
        return sums

    assert metrics(plain) == {"Count": 0, "5XXError": 0, "4XXError": 0}
    assert metrics(emulator) == {"Count": 1, "5XXError": 1, "4XXError": 0}


def test_executions_are_counted_by_how_they_end(emulator: Emulator, plain: Emulator) -> None:
    def counted(emulator: Emulator) -> set[str]:
        machine = emulator.machine({"Stop": {"Type": "Fail", "Error": "Named"}})
        emulator.execute(machine)
        found = emulator.client("cloudwatch").list_metrics(
            Namespace="AWS/States", Dimensions=[{"Name": "StateMachineArn", "Value": machine}]
        )["Metrics"]
        return {metric["MetricName"] for metric in found}

    assert counted(plain) == set()
    assert counted(emulator) == {"ExecutionsStarted", "ExecutionsFailed"}


def test_an_execution_ends_at_its_machines_time_limit(emulator: Emulator, plain: Emulator) -> None:
    def outcome(emulator: Emulator) -> str:
        machine = emulator.machine({"Wait": {"Type": "Wait", "Seconds": 3, "End": True}}, TimeoutSeconds=1)
        return str(emulator.execute(machine)["status"])

    assert outcome(plain) == "SUCCEEDED"
    assert outcome(emulator) == "TIMED_OUT"


def test_a_stopped_execution_stays_stopped_when_its_task_then_fails(emulator: Emulator, plain: Emulator) -> None:
    def outcome(emulator: Emulator) -> str:
        late = TELL.replace('if "fail" in event:', "import time; time.sleep(2)\n    if True:")
        function, states = emulator.function(late, Timeout=10), emulator.client("stepfunctions")
        machine = emulator.machine({"Call": call(function, {})}, allow("lambda:InvokeFunction"))
        execution = states.start_execution(stateMachineArn=machine)["executionArn"]
        assert eventually(lambda: len(states.get_execution_history(executionArn=execution)["events"]) > 1)
        states.stop_execution(executionArn=execution)
        time.sleep(3)
        return str(states.describe_execution(executionArn=execution)["status"])

    assert outcome(plain) == "FAILED"
    assert outcome(emulator) == "ABORTED"


def test_waiting_messages_are_counted(emulator: Emulator, plain: Emulator) -> None:
    def counted(emulator: Emulator) -> bool:
        sqs, name = emulator.client("sqs"), f"queue-{uuid.uuid4()}"
        sqs.send_message(QueueUrl=sqs.create_queue(QueueName=name)["QueueUrl"], MessageBody="{}")

        def metrics() -> Any:
            of_queue = [{"Name": "QueueName", "Value": name}]
            return emulator.client("cloudwatch").list_metrics(Namespace="AWS/SQS", Dimensions=of_queue)["Metrics"]

        return bool(eventually(metrics, 3))

    assert not counted(plain)
    assert counted(emulator)


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
