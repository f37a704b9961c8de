"""What API Gateway writes about a request to a REST API: metrics, and a line in the stage's access log."""

import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

from ministack.services import apigateway_v1, cloudwatch
from ministack.services import cloudwatch_logs as logs


@dataclass(frozen=True)
class Served:
    """A request and how it was answered; *started* in seconds since the epoch."""

    api_id: str
    stage: str
    method: str
    path: str
    headers: dict[str, str]
    started: float
    seconds: float
    status: int
    length: int


def record(served: Served) -> None:
    _metrics(served, apigateway_v1._rest_apis[served.api_id]["name"])
    stage = apigateway_v1._stages_v1.get(served.api_id, {}).get(served.stage, {})
    access: dict[str, str] = stage.get("accessLogSettings") or {}
    if access.get("format"):
        _log(served, access)


def _metrics(served: Served, api: str) -> None:
    counts = {"Count": 1, "4XXError": int(400 <= served.status < 500), "5XXError": int(served.status >= 500)}
    for dimensions in ({"ApiName": api}, {"ApiName": api, "Stage": served.stage}):
        for name, count in counts.items():
            cloudwatch.record_metric("AWS/ApiGateway", name, count, "Count", dimensions)
        cloudwatch.record_metric("AWS/ApiGateway", "Latency", served.seconds * 1000, "Milliseconds", dimensions)


def _log(served: Served, access: dict[str, str]) -> None:
    key = apigateway_v1._resolve_api_key(apigateway_v1._api_key_from_request(served.headers)) or {}
    known: dict[str, Any] = {
        "requestId": uuid.uuid4(),
        "requestTimeEpoch": int(served.started * 1000),
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(served.started)),
        "httpMethod": served.method,
        "path": f"/{served.stage}{served.path}",
        "stage": served.stage,
        "apiId": served.api_id,
        "status": served.status,
        "responseLatency": int(served.seconds * 1000),
        "responseLength": served.length,
        "identity.apiKeyId": key.get("id", "-"),
        "identity.sourceIp": "127.0.0.1",
    }
    line = re.sub(r"\$context\.([A-Za-z.]+)", lambda found: str(known.get(found[1], "-")), access["format"])
    stream = {
        "logGroupName": access["destinationArn"].partition(":log-group:")[2].removesuffix(":*"),
        "logStreamName": f"{served.api_id}_{served.stage}",
    }
    logs._create_log_stream(stream)
    logs._put_log_events(stream | {"logEvents": [{"timestamp": int(served.started * 1000), "message": line}]})
