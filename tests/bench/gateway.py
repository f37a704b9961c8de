"""Warm requests through API Gateway: /predict against a no-op function behind a gateway made alike, interleaved."""

from __future__ import annotations

import io
import statistics
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from rich.table import Table

from candlecast import settings as configuration
from infra import deploy
from localstack.demo.deployed import Deployed

NO_OP = (
    "def handler(event, context):\n"
    '    print("no-op")  # a silent function costs the emulator 50 ms\n'
    '    return {"statusCode": 200, "body": "{}"}\n'
)


def measure(requests: int) -> Table:
    """Medians and 99th percentiles of both, milliseconds, and their ratio."""
    settings = configuration.load()
    stack = Deployed(settings, deploy.outputs(settings.environment))
    with no_op_url(stack) as no_op, httpx.Client(headers={"x-api-key": stack.api_key}, timeout=60) as client:
        urls = {"no-op": no_op, "/predict": f"{stack.outputs['api_url']}/predict"}
        for url in [*urls.values()] * 5:
            client.get(url).raise_for_status()
        taken: dict[str, list[float]] = {name: [] for name in urls}
        for _ in range(requests):
            for name, url in urls.items():
                began = time.perf_counter()
                client.get(url).raise_for_status()
                taken[name].append((time.perf_counter() - began) * 1000)
    table = Table("", "median ms", "p99 ms", "times no-op", title=f"{requests} warm requests each, one at a time")
    base = statistics.median(taken["no-op"])
    for name, times in taken.items():
        median = statistics.median(times)
        table.add_row(name, f"{median:.1f}", f"{statistics.quantiles(times, n=100)[-1]:.1f}", f"{median / base:.2f}")
    return table


@contextmanager
def no_op_url(stack: Deployed) -> Iterator[str]:
    """A function that does nothing, behind a REST API with the same proxy integration; gone afterwards."""
    functions, gateway, name = stack.client("lambda"), stack.client("apigateway"), stack.settings.name("bench-no-op")
    role = functions.get_function_configuration(FunctionName=stack.settings.name("api"))["Role"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("no_op.py", NO_OP)
    made: dict[str, Any] = functions.create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.12",
        Handler="no_op.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    api = gateway.create_rest_api(name=name)["id"]
    try:
        root = gateway.get_resources(restApiId=api)["items"][0]["id"]
        gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
        region, arn = stack.settings.region, made["FunctionArn"]
        gateway.put_integration(
            restApiId=api, resourceId=root, httpMethod="GET", type="AWS_PROXY", integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations",
        )  # fmt: skip
        functions.add_permission(
            FunctionName=name, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
        )
        gateway.create_deployment(restApiId=api, stageName="v1")
        yield f"{stack.settings.endpoint}/restapis/{api}/v1/_user_request_/"
    finally:
        gateway.delete_rest_api(restApiId=api)
        functions.delete_function(FunctionName=name)
