"""The deployed stack as the demo and the end-to-end tests drive it: by the calls a user or AWS itself would make."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import boto3
import httpx
from botocore.config import Config

from candlecast import hours
from candlecast.forecast_table import ForecastTable
from candlecast.registry import Registry
from candlecast.settings import Settings


class StageFailed(Exception):
    """A step of the demo did not do what it should; the message says which and why."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of the API."""

    status: int
    body: Any


class Deployed:
    """One deployed environment, found by its Terraform outputs."""

    def __init__(self, settings: Settings, outputs: Mapping[str, Any]) -> None:
        self.settings, self.outputs = settings, outputs
        key = "test" if settings.endpoint else None  # an emulator's root
        self._session = boto3.Session(key, key, region_name=settings.region, profile_name=settings.profile)

    def client(self, service: str) -> Any:
        """A boto3 client of this environment."""
        config = Config(read_timeout=300, retries={"total_max_attempts": 3}, max_pool_connections=20)
        return self._session.client(service, endpoint_url=self.settings.endpoint, config=config)

    @cached_property
    def _lambda(self) -> Any:
        return self.client("lambda")

    @cached_property
    def states(self) -> Any:
        """Step Functions."""
        return self.client("stepfunctions")

    @cached_property
    def forecasts(self) -> ForecastTable:
        """The table of forecasts."""
        return ForecastTable(self.client("dynamodb"), self.outputs["table"])

    @cached_property
    def registry(self) -> Registry:
        """Model versions and champions."""
        return Registry(self.client("s3"), self.outputs["bucket"])

    def invoke(self, function: str, payload: Mapping[str, Any]) -> Any:
        """Calls a function and waits for its answer. Raises StageFailed with the function's own error."""
        answer = self._lambda.invoke(FunctionName=self.settings.name(function), Payload=json.dumps(payload).encode())
        body = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise StageFailed(f"{function} failed: {body.get('errorType')}: {body.get('errorMessage')}")
        return body

    def ask(self, path: str, query: Mapping[str, str] | None = None, *, key: bool = True) -> Answer:
        """A GET to the API over HTTP, with or without the API key."""
        headers = {"x-api-key": self.api_key} if key else {}
        answer = httpx.get(f"{self.outputs['api_url']}{path}", params=query or {}, headers=headers, timeout=60)
        return Answer(answer.status_code, answer.json())

    @cached_property
    def api_key(self) -> str:
        """The default API key's value."""
        name = self.outputs["api_key_name"]
        found = self.client("apigateway").get_api_keys(nameQuery=name, includeValues=True)["items"]
        return str(next(key["value"] for key in found if key["name"] == name))

    def start_retraining(self, payload: Mapping[str, Any]) -> str:
        """Starts the retraining state machine as the console would; returns the execution's ARN."""
        machine = self.outputs["state_machine_arn"]
        return str(self.states.start_execution(stateMachineArn=machine, input=json.dumps(payload))["executionArn"])

    def follow(self, execution_arn: str, seen: Callable[[str], None], timeout: float = 900) -> Any:
        """Waits for an execution, telling *seen* each state it enters; returns its output. Raises StageFailed."""
        told, deadline = 0, time.monotonic() + timeout
        while True:
            status = self.states.describe_execution(executionArn=execution_arn)
            events = self.states.get_execution_history(executionArn=execution_arn, maxResults=1000)["events"]
            names = [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]
            for name in names[told:]:
                seen(name)
            told = len(names)
            if status["status"] == "SUCCEEDED":
                return json.loads(status["output"])
            if status["status"] != "RUNNING":
                cause = status.get("cause") or status.get("error") or "no cause given"
                raise StageFailed(f"retraining ended {status['status']}: {cause}")
            if time.monotonic() > deadline:
                raise StageFailed(f"retraining still runs after {timeout:.0f} s: {execution_arn}")
            time.sleep(0.5)

    def ingest_hour(self, symbol: str, hour: datetime) -> Any:
        """What the hourly schedule does at a minute past *hour*."""
        return self.invoke("ingest", {"time": hours.text(hour.replace(minute=1)), "symbols": [symbol]})

    def await_forecast(self, symbol: str, hour: datetime, timeout: float = 60) -> None:
        """Waits until the event-driven predict has forecast the target hour *hour*. Raises StageFailed."""
        deadline = time.monotonic() + timeout
        while self.forecasts.get(symbol, hour) is None:
            if time.monotonic() > deadline:
                log = f"/aws/lambda/{self.settings.name('predict')}"
                raise StageFailed(f"no forecast of {hours.text(hour)} after {timeout:.0f} s; see the log group {log}")
            time.sleep(0.02)

    def schedules(self, *, enabled: bool) -> None:
        """Switches every scheduled rule of the environment on or off."""
        events = self.client("events")
        change = events.enable_rule if enabled else events.disable_rule
        for rule in events.list_rules(NamePrefix=self.settings.name(""))["Rules"]:
            if "ScheduleExpression" in rule:
                change(Name=rule["Name"])
