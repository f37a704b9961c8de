"""A forecast of one target hour, and what became of it. Plain values: no pandas here, the api function imports this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

from candlecast import hours

Kind = Literal["live", "backfill"]
_TIMES = ("target_hour", "origin", "made_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What really happened in a forecast's target hour."""

    actual_close: float
    """Quote currency."""
    actual_return: float
    actual_delta: float
    absolute_error: float
    """|predicted_return - actual_return|."""
    inside_interval: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The forecast of close(target hour) against close(the hour before): simple return, and delta in quote currency."""

    symbol: str
    timeframe: str
    target_hour: datetime
    """Start of the hour that is forecast, UTC; equal to the origin."""
    origin: datetime
    """Close time of the newest candle used, UTC."""
    made_at: datetime
    kind: Kind
    model_version: str
    """A registered version number, or `baseline`."""
    reference_close: float
    """Close of the newest candle used, quote currency."""
    predicted_return: float
    predicted_delta: float
    lower_return: float
    upper_return: float
    lower_delta: float
    upper_delta: float
    probability_up: float
    coverage: float
    """Nominal probability that the actual return lies in [lower_return, upper_return]."""
    note: str | None = None
    """Why this is not the champion's forecast, where it is not."""
    settlement: Settlement | None = None

    def settled(self, actual_close: float) -> Settlement:
        """The settlement of this forecast, once the target hour has closed at *actual_close*."""
        actual_return = actual_close / self.reference_close - 1
        return Settlement(
            actual_close=actual_close,
            actual_return=actual_return,
            actual_delta=actual_close - self.reference_close,
            absolute_error=abs(self.predicted_return - actual_return),
            inside_interval=self.lower_return <= actual_return <= self.upper_return,
        )

    def record(self) -> dict[str, Any]:
        """One flat mapping: the columns of forecasts.parquet and the attributes of the table, null until settled."""
        flat = asdict(self)
        settlement = flat.pop("settlement") or dict.fromkeys(SETTLEMENT_FIELDS)
        return flat | settlement

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`record`; times may be ISO texts and numbers Decimals, as DynamoDB gives them."""
        values = {f.name: _plain(f.name, record.get(f.name)) for f in fields(cls) if f.name != "settlement"}
        outcome = {name: _plain(name, record.get(name)) for name in SETTLEMENT_FIELDS}
        settlement = None if outcome["actual_return"] is None else Settlement(**outcome)
        return cls(**values, settlement=settlement)


SETTLEMENT_FIELDS = tuple(f.name for f in fields(Settlement))


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return hours.parse(value) if name in _TIMES and isinstance(value, str) else value
