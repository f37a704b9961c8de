"""Warm requests through API Gateway: /predict against a no-op function behind a gateway made alike, in turns."""

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
from candlecast.errors import NotFound
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
        predict = f"{stack.outputs['api_url']}/predict"
        newest = stack.forecasts.newest(settings.symbols[0])
        if newest is None:
            raise NotFound("there is no forecast to ask for; run `make demo` first.")
        hour = newest.target_hour
        urls = {
            "no-op": no_op,
            "/predict, an hour": f"{predict}?date={hour:%Y-%m-%d}&hour={hour.hour}",
            "/predict, the newest": predict,
        }
        pause = 1.2 / settings.api.throttle_rate  # a key may not ask more often
        for url in [*urls.values()] * 5:
            client.get(url).raise_for_status()
            time.sleep(pause)
        taken: dict[str, list[float]] = {name: [] for name in urls}
        for _ in range(requests):
            for name, url in urls.items():
                began = time.perf_counter()
                client.get(url).raise_for_status()
                taken[name].append((time.perf_counter() - began) * 1000)
            time.sleep(pause)
    table = Table("", "median ms", "p99 ms", "times no-op", title=f"{requests} warm requests each, one at a time")
    base = statistics.median(taken["no-op"])
    for name, times in taken.items():
        median = statistics.median(times)
        table.add_row(name, f"{median:.1f}", f"{statistics.quantiles(times, n=100)[-1]:.1f}", f"{median / base:.2f}")
    return table


@contextmanager
def no_op_url(stack: Deployed) -> Iterator[str]:
    """A function that does nothing, behind a REST API of the same kind and with the same key; gone afterwards."""
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
        gateway.put_method(
            restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE", apiKeyRequired=True
        )
        region, arn = stack.settings.region, made["FunctionArn"]
        gateway.put_integration(
            restApiId=api, resourceId=root, httpMethod="GET", type="AWS_PROXY", integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations",
        )  # fmt: skip
        functions.add_permission(
            FunctionName=name, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
        )
        gateway.create_deployment(restApiId=api, stageName="v1")
        metered = gateway.create_usage_plan(name=name, apiStages=[{"apiId": api, "stage": "v1"}])["id"]
        key = gateway.get_api_keys(nameQuery=stack.outputs["api_key_name"])["items"][0]["id"]
        gateway.create_usage_plan_key(usagePlanId=metered, keyId=key, keyType="API_KEY")
        yield f"{stack.settings.endpoint}/restapis/{api}/v1/_user_request_/"
    finally:
        for plan in (p["id"] for p in gateway.get_usage_plans()["items"] if p["name"] == name):
            gateway.delete_usage_plan(usagePlanId=plan)
        gateway.delete_rest_api(restApiId=api)
        functions.delete_function(FunctionName=name)
