"""settings.yaml as one frozen value.

The file is found beside this module (in the deployed layer), or where CANDLECAST_SETTINGS says, or at the project's
root. The environment is CANDLECAST_ENV, by default `local`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from candlecast.errors import BadSettings

Exchange = Literal["binance", "bitstamp", "coinbase", "kraken"]
Family = Literal["lightgbm", "xgboost", "random_forest", "linear"]
"""Of models, the default first; see candlecast.families."""
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}-[A-Z0-9]{2,12}$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+[^/\s]$")]
Window = Annotated[str, Field(pattern=r"^(expanding|rolling:[1-9][0-9]{0,4})$")]
Refit = Literal["never", "daily", "weekly", "monthly", "quarterly", "yearly"]
UtcCron = Annotated[str, Field(pattern=r"^cron\([^()]+\)$")]


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("names one of its values twice")
    return values


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExchangeSettings(_Section):
    order: Annotated[tuple[Exchange, ...], Field(min_length=1), AfterValidator(_distinct)]
    endpoints: dict[Exchange, Url]
    grace_seconds: float = Field(ge=0, le=600)
    timeout_seconds: float = Field(gt=0, le=60)
    attempts: int = Field(ge=1, le=10)
    rest_seconds: float = Field(ge=0, le=900)
    jump_multiple: float = Field(ge=5)
    backfill_concurrency: int = Field(ge=1, le=40)

    @property
    def primary(self) -> Exchange:
        """The exchange whose name stands in the path of the candles; each candle's `source` says who really served."""
        return self.order[0]

    @property
    def grace(self) -> timedelta:
        return timedelta(seconds=self.grace_seconds)


class ScheduleSettings(_Section):
    ingest: UtcCron
    drift: UtcCron
    retrain: UtcCron
    repair: UtcCron


class ForecastSettings(_Section):
    coverage: float = Field(gt=0.5, lt=1)
    shrinkage: float = Field(gt=0, le=1)


class DriftSettings(_Section):
    mode: Literal["absolute", "relative", "any", "all"]
    window_hours: int = Field(ge=24, le=2160)
    absolute_threshold: float = Field(gt=0)
    relative_threshold: float = Field(gt=0)
    relative_clear: float = Field(gt=0)
    consecutive_checks: int = Field(ge=1, le=168)
    minimum_hours: int = Field(ge=1)
    cooldown_hours: int = Field(ge=0)


class PromotionSettings(_Section):
    holdout_days: int = Field(ge=1, le=180)
    minimum_hours: int = Field(ge=24)
    margin: float = Field(ge=1, le=1.1)


class TrainingSettings(_Section):
    backend: Literal["sagemaker"]
    instance_type: str
    volume_gb: int = Field(ge=1)
    max_runtime_minutes: int = Field(ge=1, le=1440)
    image: str | None
    family: Family
    pooled: bool
    search_trials: int = Field(ge=0, le=200)
    evaluation_days: int = Field(ge=30)
    mlflow_tracking_uri: str | None


class LeakSettings(_Section):
    directional_accuracy: float = Field(gt=0.5, le=1)
    r2: float = Field(gt=0, le=1)
    minimum_hours: int = Field(ge=168)


class EvaluationSettings(_Section):
    window: Window
    refit: Refit
    embargo_hours: int = Field(ge=0, le=720)
    compared_refit: Refit
    leak: LeakSettings


class ApiSettings(_Section):
    throttle_rate: int = Field(ge=1)
    throttle_burst: int = Field(ge=1)
    quota_per_day: int = Field(ge=1)


class MemorySettings(_Section):
    ingest: int = Field(ge=128, le=10240)
    predict: int = Field(ge=128, le=10240)
    drift: int = Field(ge=128, le=10240)
    api: int = Field(ge=128, le=10240)


class FunctionSettings(_Section):
    architecture: Literal["arm64", "x86_64", "host"]
    memory_mb: MemorySettings
    log_retention_days: int = Field(ge=1)


class TelemetrySettings(_Section):
    symbols_apart: int = Field(ge=0)
    gap_hours: int = Field(ge=0)


class Settings(_Section):
    """One environment's settings; names and meanings as commented in settings.yaml."""

    environment: str
    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,20}$")]
    region: str
    profile: str | None
    endpoint: Url | None
    state: str
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1), AfterValidator(_distinct)]
    shard_size: int = Field(ge=1)
    timeframe: Literal["1h"]
    history_days: int = Field(ge=1)
    exchange: ExchangeSettings
    schedules: ScheduleSettings
    forecast: ForecastSettings
    drift: DriftSettings
    promotion: PromotionSettings
    training: TrainingSettings
    evaluation: EvaluationSettings
    api: ApiSettings
    functions: FunctionSettings
    telemetry: TelemetrySettings
    alarm_email: str | None

    @property
    def symbols_apart(self) -> bool:
        """Whether each symbol has metrics and alarms of its own."""
        return len(self.symbols) <= self.telemetry.symbols_apart

    def name(self, part: str) -> str:
        """The name of a deployed part: <prefix>-<environment>-<part>."""
        return f"{self.prefix}-{self.environment}-{part}"


def resolve(document: Mapping[str, Any], environment: str) -> Settings:
    """One environment of a parsed settings document. Raises BadSettings, naming the key and the remedy."""
    unknown = set(document) - {"defaults", "environments"}
    if unknown or not isinstance(document.get("environments"), Mapping):
        raise BadSettings(
            f"settings.yaml holds `defaults` and `environments` only; found {sorted(map(str, document))}."
        )
    environments = document["environments"]
    if environment not in environments:
        raise BadSettings(f"settings.yaml has no environment {environment!r}; it has {', '.join(environments)}.")
    merged = _overlay(document.get("defaults") or {}, environments[environment] or {})
    try:
        return Settings.model_validate({**merged, "environment": environment})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {_remedy(e['type'], e['msg'])}" for e in error.errors())
        raise BadSettings(f"settings.yaml, environment {environment!r}: {problems}") from None


def _overlay(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {k for k in over if isinstance(base.get(k), Mapping) and isinstance(over[k], Mapping)}
    return {**base, **over, **{k: _overlay(base[k], over[k]) for k in both}}


def _remedy(kind: str, message: str) -> str:
    match kind:
        case "extra_forbidden":
            return "unknown key; remove it or mend its spelling"
        case "missing":
            return "missing; add it under defaults"
        case _:
            return message


def location() -> Path:
    """The settings file in force: CANDLECAST_SETTINGS, the deployed layer's, or the project's."""
    if named := os.environ.get("CANDLECAST_SETTINGS"):
        return Path(named)
    deployed = Path(__file__).with_name("settings.yaml")
    return deployed if deployed.exists() else Path(__file__).parents[4] / "settings.yaml"


def read(path: Path) -> dict[str, Any]:
    """The parsed settings document. Raises BadSettings when it is missing or no YAML mapping."""
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise BadSettings(
            f"{path} cannot be read ({error.strerror}); set CANDLECAST_SETTINGS to a settings file."
        ) from None
    except yaml.YAMLError as error:
        raise BadSettings(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise BadSettings(f"{path} must hold a mapping with `defaults` and `environments`.")
    return document


@lru_cache(maxsize=1)
def load() -> Settings:
    """The settings in force for this process."""
    return resolve(read(location()), os.environ.get("CANDLECAST_ENV", "local"))
