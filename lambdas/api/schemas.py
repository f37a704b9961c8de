"""What the API answers: pydantic models whose descriptions give the units. Times are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from candlecast import hours
from candlecast.forecast import Forecast, Kind

Instant = Annotated[datetime, PlainSerializer(hours.text, return_type=str), Field(examples=["2026-11-20T15:00:00Z"])]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Interval(_Answer):
    """Where the actual change lies with the stated probability."""

    coverage: float = Field(description="Nominal probability that the actual lies inside.", examples=[0.8])
    lower_delta: float = Field(description="Lower bound of the change, quote currency.", examples=[-410.5])
    upper_delta: float = Field(description="Upper bound of the change, quote currency.", examples=[402.25])
    lower_return: float = Field(description="Lower bound as a simple return.", examples=[-0.0061])
    upper_return: float = Field(description="Upper bound as a simple return.", examples=[0.0059])


class SettlementAnswer(_Answer):
    """What really happened in the target hour."""

    actual_close: float = Field(description="Close of the target hour's candle, quote currency.", examples=[67350.0])
    actual_delta: float = Field(description="actual_close - reference_close, quote currency.", examples=[120.0])
    actual_return: float = Field(description="The same as a simple return.", examples=[0.00178])
    absolute_error: float = Field(description="|predicted_return - actual_return|.", examples=[0.0016])
    inside_interval: bool = Field(description="Whether the actual lay inside the interval.", examples=[True])


class ForecastAnswer(_Answer):
    """The forecast of one target hour: how far its close will lie from the close of the hour before."""

    symbol: str = Field(description="Base and quote currency.", examples=["BTC-USDT"])
    timeframe: str = Field(description="Length of a candle.", examples=["1h"])
    target_hour: Instant = Field(description="Start of the hour that is forecast.")
    origin: Instant = Field(description="Close time of the newest candle used; nothing later was known.")
    made_at: Instant = Field(description="When the forecast was made.")
    kind: Kind = Field(description="`live`: made when the hour began. `backfill`: made later, from the same knowledge.")
    model_version: str = Field(description="Version of the model, or `baseline` (no change).", examples=["7"])
    reference_close: float = Field(description="Close of the newest candle used, quote currency.", examples=[67230.0])
    predicted_delta: float = Field(description="Expected change, quote currency.", examples=[12.4])
    predicted_return: float = Field(description="The same as a simple return.", examples=[0.00018])
    direction: Literal["up", "down", "flat"] = Field(description="Sign of predicted_delta.")
    probability_up: float = Field(description="Probability that the close rises.", examples=[0.53])
    interval: Interval
    settlement: SettlementAnswer | None = Field(description="What really happened; null until the hour has closed.")
    note: str | None = Field(description="Why this is not the champion's forecast, where it is not.")

    @classmethod
    def of(cls, forecast: Forecast) -> Self:
        """The answer that tells of *forecast*. Its values are trusted, not validated again."""
        settlement = forecast.settlement
        return cls.model_construct(**_members(forecast), settlement=settlement and _settlement(forecast))


class PredictAnswer(ForecastAnswer):
    """A forecast, and the instant at which the service knew no better."""

    as_of: Instant = Field(description="Time of the request that was answered.")

    @classmethod
    def at(cls, forecast: Forecast, now: datetime) -> Self:
        """The answer to a request made at *now*."""
        return cls.model_construct(**dict(ForecastAnswer.of(forecast)), as_of=now)


class ForecastPage(_Answer):
    """Some forecasts of a symbol, newest first."""

    symbol: str
    forecasts: list[ForecastAnswer]
    next_cursor: str | None = Field(description="Ask for the page after this one with it; null on the last page.")


class ModelAnswer(_Answer):
    """A registered model version."""

    symbol: str
    version: str = Field(examples=["7"])
    champion: bool = Field(description="Whether this version serves.")
    promote: bool = Field(description="Whether its training run earned it the promotion.")
    reason: str = Field(description="Why.")
    compared_with: str | None = Field(description="The champion of that time; null: none.")
    figures: dict[str, float | int | str | bool | None] = Field(description="Errors of the evaluation, as returns.")


class ChampionAnswer(_Answer):
    """The model version that serves."""

    version: str = Field(examples=["7"])
    promoted_at: Instant
    reason: str
    previous_version: str | None


class ModelsAnswer(_Answer):
    """All model versions of a symbol."""

    symbol: str
    champion: ChampionAnswer | None = Field(description="Null: none yet; the baseline serves.")
    versions: list[str] = Field(description="Registered versions, newest first.", examples=[["8", "7"]])


class DriftAnswer(_Answer):
    """The last drift verdict of a symbol."""

    symbol: str
    checked_at: Instant
    breach: bool = Field(description="Whether the drift rule is broken.")
    retrain: bool = Field(description="Whether that check asked for a retraining.")
    cause: str = Field(description="What the check holds to be the cause.", examples=["none", "model decay"])
    reason: str = Field(description="The verdict in a sentence.")
    figures: dict[str, float | int | str | bool | None] = Field(description="The rule's numbers, errors as returns.")
    report_url: str = Field(description="Link to the report, an HTML page.")
    report_expires_at: Instant = Field(description="When that link stops working.")


class GapAnswer(_Answer):
    """Hours without a candle."""

    start: Instant
    end: Instant = Field(description="The first hour behind the gap.")
    asked: list[str] = Field(description="The exchanges that do not have them; none: not asked yet.")


class SymbolHealth(_Answer):
    """How a symbol is served."""

    symbol: str
    champion_version: str | None = Field(description="Null: none yet; the baseline serves.")
    newest_target_hour: Instant | None = Field(description="Newest forecast's hour; null: no forecast yet.")
    forecast_age_seconds: int | None = Field(description="Seconds since that hour began.", examples=[1260])
    candle_age_seconds: int | None = Field(description="Seconds since the newest candle closed.", examples=[1260])
    gap_hours: int = Field(description="Hours without a candle inside the stored history.", examples=[0])
    gaps: list[GapAnswer] = Field(description="Where they lie, newest first; at most ten.")
    degraded: list[str] = Field(description="What is not as it should be; empty: nothing.")


Status = Literal["ok", "degraded", "down"]


class HealthAnswer(_Answer):
    """Whether the service can be relied on."""

    status: Status = Field(description="`down` comes with HTTP 503: do not rely on it.")
    environment: str
    as_of: Instant
    symbols: list[SymbolHealth]


_PLAIN = tuple(name for name in ForecastAnswer.model_fields if name not in {"direction", "interval", "settlement"})


def _members(forecast: Forecast) -> dict[str, Any]:
    delta = forecast.predicted_delta
    return {name: getattr(forecast, name) for name in _PLAIN} | {
        "direction": "up" if delta > 0 else "down" if delta < 0 else "flat",
        "interval": Interval.model_construct(**{name: getattr(forecast, name) for name in Interval.model_fields}),
    }


def _settlement(forecast: Forecast) -> SettlementAnswer:
    happened = {name: getattr(forecast.settlement, name) for name in SettlementAnswer.model_fields}
    return SettlementAnswer.model_construct(**happened)
