"""Predict in a world of its own: features of a known market in the lake, a table, a registry, a bus that remembers."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from candlecast import features, hours, labels
from candlecast.bundle import to_bundle
from candlecast.events import Bus, CandlesStored
from candlecast.forecast import Forecast
from candlecast.forecast_table import ForecastTable
from candlecast.hours import HOUR
from candlecast.lake import Lake
from candlecast.model import Model
from candlecast.promotion import Champion
from candlecast.registry import Registry
from candlecast.series import Series
from lambdas.predict.backfill import backfill
from lambdas.predict.champion import Champions
from lambdas.predict.live_calibration import LiveCalibrations
from lambdas.predict.predict import Outcome, Platform, predict
from lambdas.predict.request import Backfill
from tests.cloud import BUCKET
from tests.functions.ingest.world import FIRST, SYMBOL, local_settings, random_walk

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def feature_rows() -> pd.DataFrame:
    """The features and targets of a hundred days of a random market."""
    rows = features.compute(random_walk(24 * 100))
    rows["target_return"] = labels.target_return(rows)
    return rows


class World:
    def __init__(self, s3: S3Client, table: ForecastTable, rows: pd.DataFrame) -> None:
        self.s3, self.table, self.rows = s3, table, rows
        self.events: list[dict[str, Any]] = []
        self._written: dict[str, pd.DataFrame] = {}
        self.lake, self.registry = Lake(s3, BUCKET, "binance"), Registry(s3, BUCKET)
        self.platform = Platform(
            local_settings(),
            self.lake,
            table,
            Champions(self.registry),
            LiveCalibrations(s3, BUCKET),
            Bus(self, "bus"),
        )

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        self.events += Entries
        return {"FailedEntryCount": 0}

    def candles_until(self, end: datetime, without: tuple[datetime, ...] = ()) -> None:
        """What ingest has left in the lake by *end*: the features of every hour before it but *without*."""
        known = self.rows[(self.rows["open_time"] < end) & ~self.rows["open_time"].isin(list(without))]
        for month in hours.months(FIRST, end):
            part = known[known["open_time"].dt.strftime("%Y-%m") == month]
            if month not in self._written or not part.equals(self._written[month]):
                self.lake.update("features", SYMBOL, month, lambda _, part=part: part)  # type: ignore[misc]  # bound now
                self._written[month] = part

    def promote(self, model: Model, version: str) -> str:
        """Registers a model as the champion; the key of its bundle."""
        bundle, key = to_bundle(model, {"version": version}), f"models/symbol={SYMBOL}/version={version}/model.tar.gz"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=bundle)
        serving = self.registry.champion(SYMBOL)
        champion = Champion(
            version=version,
            uri=key,
            sha256=hashlib.sha256(bundle).hexdigest(),
            promoted_at=FIRST,
            reason="test",
            previous_version=serving.version if serving else None,
        )
        self.registry.promote(SYMBOL, champion, champion.previous_version)
        return key

    def stored(self, hour: datetime, delay: timedelta = timedelta(minutes=1)) -> Outcome:
        """CandlesStored for the hour *hour*, *delay* after its end. Whether its candle is there, the lake says."""
        event = CandlesStored(symbol=SYMBOL, timeframe="1h", hour=hour, hours_stored=0, source=None)
        return predict(event, hour + HOUR + delay, self.platform)

    def backfill(self, start: datetime, end: datetime, now: datetime) -> int:
        request = Backfill(action="backfill", symbol=SYMBOL, start=start, end=end, time=now)
        return backfill(request, self.platform)

    def series(self) -> Series:
        """The stored months as a run finds them."""
        return Series(self.lake, SYMBOL)

    def forecast(self, target: datetime) -> Forecast:
        found = self.table.get(SYMBOL, target)
        assert found is not None, f"no forecast of {target}"
        return found

    def history(self) -> pd.DataFrame:
        return self.lake.read("forecasts", SYMBOL, FIRST, FIRST + timedelta(days=120)).set_index("target_hour")

    def etags(self) -> dict[str, str]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {entry["Key"]: entry["ETag"] for entry in listed}

    def assert_lake_agrees_with_table(self) -> None:
        for target, row in self.history().iterrows():
            assert isinstance(target, pd.Timestamp)
            forecast = self.forecast(target.to_pydatetime())
            settled = forecast.settlement
            assert row["predicted_return"] == forecast.predicted_return
            assert row["model_version"] == forecast.model_version
            assert pd.isna(row["actual_return"]) if settled is None else row["actual_return"] == settled.actual_return
