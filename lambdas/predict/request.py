"""What predict may be asked: the hour after stored candles, or past hours that nobody forecast in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator

from candlecast import hours
from candlecast.errors import BadEvent
from candlecast.events import CandlesStored
from candlecast.settings import Settings, Symbol

LONGEST_BACKFILL = timedelta(days=92)


class Backfill(BaseModel):
    """Forecast the target hours [start, end) as they could have been forecast; `time` is the present instant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["backfill"]
    symbol: Symbol
    start: AwareDatetime
    end: AwareDatetime
    time: AwareDatetime

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if not (hours.on_grid(self.start) and hours.on_grid(self.end)):
            raise ValueError("start and end are full hours")
        if not self.start < self.end <= self.start + LONGEST_BACKFILL:
            raise ValueError(f"end lies after start, by {LONGEST_BACKFILL.days} days at most")
        if self.start > self.time:
            raise ValueError("only hours that have begun by `time` can be backfilled")
        return self

    @property
    def targets(self) -> tuple[datetime, datetime]:
        """The target hours [start, end) in UTC, those that have begun."""
        end = min(self.end.astimezone(UTC), hours.floor(self.time) + hours.HOUR)
        return self.start.astimezone(UTC), end


def parse(event: Any, settings: Settings) -> Backfill | tuple[CandlesStored, datetime]:
    """The backfill that an event asks for, or CandlesStored and its time. Raises BadEvent."""
    if not isinstance(event, dict) or not ({"detail-type", "action"} & event.keys()):
        raise BadEvent('predict takes a CandlesStored event, or {"action": "backfill", symbol, start, end, time}.')
    request: Backfill | tuple[CandlesStored, datetime]
    if "detail-type" in event:
        stored, time = CandlesStored.parse(event)
        if not hours.on_grid(stored.hour) or time < stored.hour + hours.HOUR:
            raise BadEvent(f"hour {stored.hour} of a CandlesStored event is a full hour that has ended at its time.")
        symbol, request = stored.symbol, (stored, time)
    else:
        try:
            request = Backfill.model_validate(event)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'event'}: {e['msg']}" for e in error.errors())
            raise BadEvent(f"a backfill takes symbol, start, end and time: {problems}.") from None
        symbol = request.symbol
    if symbol not in settings.symbols:
        raise BadEvent(f"{symbol}: not configured; add it to `symbols` in settings.yaml and deploy.")
    return request
