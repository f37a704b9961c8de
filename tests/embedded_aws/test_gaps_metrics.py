"""Gaps in metrics and alarms.

Each test shows the gap on the plain emulator first, then that localstack/embedded/gaps.py has closed it.
"""

import time
import urllib.request
import uuid
import xml.etree.ElementTree as ET
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.embedded_aws.emulator import Emulator, eventually
from tests.embedded_aws.examples import RESPOND, rest_api, status_of, subscribed_topic


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
    assert ("WindowMae", "BTC-USDT") not in names_of_metrics(plain)
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


def test_a_rest_api_writes_its_access_log(emulator: Emulator, plain: Emulator) -> None:
    def line(emulator: Emulator) -> list[str]:
        group, url = f"group-{uuid.uuid4()}", rest_api(emulator, emulator.function(RESPOND), permitted=True)
        logs = emulator.client("logs")
        logs.create_log_group(logGroupName=group)
        destination = f"arn:aws:logs:eu-central-1:000000000000:log-group:{group}"
        format_ = "$context.httpMethod $context.path $context.status $context.identity.apiKeyId"
        changes = {"/accessLogSettings/destinationArn": destination, "/accessLogSettings/format": format_}
        emulator.client("apigateway").update_stage(
            restApiId=url.split("/")[4], stageName="v1",
            patchOperations=[{"op": "replace", "path": path, "value": value} for path, value in changes.items()],
        )  # fmt: skip
        status_of(url)
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    assert line(plain) == []
    assert line(emulator) == ["GET /v1/ 200 -"]


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
