"""drift over a real bucket and real executions (moto); only the bus is a recorder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from candlecast import hours, settings
from candlecast.events import Bus
from candlecast.forecast import SETTLEMENT_FIELDS
from candlecast.lake import DATASETS, Lake
from candlecast.promotion import TrainingVerdict
from candlecast.registry import Registry
from lambdas.drift.archive import Archive
from lambdas.drift.platform import Platform
from lambdas.drift.retraining import Retraining

NOW = datetime(2024, 3, 20, 0, 15, tzinfo=UTC)
SYMBOL = "BTC-USDT"


class Recorder:
    """EventBridge as far as drift uses it: keeps what was put."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        """Takes the entries."""
        self.entries += Entries
        return {"FailedEntryCount": 0}

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Type and detail of every event."""
        return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in self.entries]


class World:
    """The deployed parts that drift works with."""

    def __init__(self, name: str, s3: Any, stepfunctions: Any) -> None:
        role = "arn:aws:iam::123456789012:role/retraining"
        definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
        self.machine = stepfunctions.create_state_machine(name=name, definition=definition, roleArn=role)
        self.bucket, self.s3, self.stepfunctions, self.bus = name, s3, stepfunctions, Recorder()
        self.lake, self.registry = Lake(s3, self.bucket, exchange="binance"), Registry(s3, self.bucket)
        self.platform = Platform(
            settings=configured(),
            lake=self.lake,
            registry=self.registry,
            archive=Archive(s3, self.bucket),
            retraining=Retraining(stepfunctions, self.machine["stateMachineArn"]),
            bus=Bus(self.bus, "candlecast-test-bus"),
        )

    def store_forecasts(self, forecasts: pd.DataFrame, symbol: str = SYMBOL) -> None:
        """Writes forecasts to the lake, as predict does."""
        for month, rows in forecasts.groupby(forecasts["target_hour"].dt.strftime("%Y-%m")):
            self.lake.update("forecasts", symbol, str(month), partial(_instead, rows))

    def executions(self) -> list[dict[str, Any]]:
        """Name and input of every started execution."""
        found = self.stepfunctions.list_executions(stateMachineArn=self.machine["stateMachineArn"])["executions"]
        told = (self.stepfunctions.describe_execution(executionArn=each["executionArn"]) for each in found)
        return [{"name": each["name"], "input": json.loads(each["input"])} for each in told]

    def read(self, key: str) -> str:
        """An object of the bucket."""
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body.decode()

    def stored(self) -> list[str]:
        """Every object of the bucket."""
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def train(self, version: str, *, promote: bool = True, compared_with: str | None = None) -> TrainingVerdict:
        """Leaves in the bucket what a training run leaves there."""
        bundle = f"bundle of version {version}".encode()
        folder = f"models/symbol={SYMBOL}/version={version}"
        verdict = TrainingVerdict(
            symbol=SYMBOL,
            version=version,
            bundle_key=f"{folder}/model.tar.gz",
            sha256=hashlib.sha256(bundle).hexdigest(),
            promote=promote,
            reason="Its error was 0.99 times the champion's."
            if promote
            else "Its error was 1.20 times the champion's.",
            compared_with=compared_with,
        )
        self.s3.put_object(Bucket=self.bucket, Key=verdict.bundle_key, Body=bundle)
        self.s3.put_object(Bucket=self.bucket, Key=f"{folder}/verdict.json", Body=verdict.model_dump_json())
        return verdict

    def serving(self) -> str | None:
        """The version that serves."""
        champion = self.registry.champion(SYMBOL)
        return champion.version if champion else None


def _instead(rows: pd.DataFrame, _stored: pd.DataFrame) -> pd.DataFrame:
    return rows


@dataclass(frozen=True)
class Context:
    """Lambda's context, as far as it is read."""

    function_name: str = "candlecast-test-drift"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:candlecast-test-drift"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"


def configured() -> settings.Settings:
    """The project's settings with the rule of this scene: any breach counts."""
    found = settings.resolve(settings.read(Path(__file__).parents[3] / "settings.yaml"), "local")
    return found.model_copy(update={"symbols": (SYMBOL, "ETH-USDT")})


def forecasts(error: float = 0.003, *, count: int = 360, settled: int | None = None) -> pd.DataFrame:
    """Forecasts of the *count* hours before NOW by a sound model; *error*: how far the market moves, as a return."""
    random = np.random.default_rng(7)
    hour = pd.date_range(end=pd.Timestamp(hours.floor(NOW)) - pd.Timedelta(hours=1), periods=count, freq="h", unit="us")
    forecast = random.normal(0, error / 20, count)
    actual = random.choice([-1, 1], count) * error + forecast  # as far off as no change is, within a percent
    table = pd.DataFrame({"target_hour": hour, "origin": hour, "made_at": hour, "predicted_return": forecast})
    table = table.assign(
        timeframe="1h", kind="live", model_version="7", coverage=0.8, reference_close=60000.0, probability_up=0.5,
        predicted_delta=forecast * 6e4, lower_return=-0.005, upper_return=0.005, lower_delta=-300.0, upper_delta=300.0,
        actual_return=actual, actual_delta=actual * 6e4, actual_close=6e4 * (1 + actual),
        absolute_error=abs(forecast - actual), inside_interval=abs(actual) < 0.005,
    )  # fmt: skip
    table = DATASETS["forecasts"].conform(table)
    if settled is not None:
        table.loc[table.index < count - settled, list(SETTLEMENT_FIELDS)] = None
    return table
