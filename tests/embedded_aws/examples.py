"""Small deployed things that several tests use: functions, a REST API, a topic with a queue behind it."""

import json
import urllib.error
import urllib.request
import uuid
from typing import Any

from tests.embedded_aws.emulator import Emulator, allow

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


def call(function: str, payload: Any, **changes: Any) -> dict[str, Any]:
    parameters = {"FunctionName": function, "Payload": payload}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": parameters,
        "End": True,
    } | changes


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


def permit(emulator: Emulator, function: str, service: str, source: str) -> None:
    emulator.client("lambda").add_permission(
        FunctionName=function, StatementId=f"s{uuid.uuid4().hex}", Action="lambda:InvokeFunction", Principal=service,
        SourceArn=source,
    )  # fmt: skip


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
