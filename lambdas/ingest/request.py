"""What ingest may be asked for: the scheduled hour of a shard, an hour of some symbols, or a range of past hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from candlecast import hours
from candlecast.errors import BadEvent
from candlecast.settings import Settings, Symbol

CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Span:
    """The hours [start, end)."""

    start: datetime
    end: datetime

    def by_month(self) -> Iterator[Span]:
        """The span, cut where months begin."""
        start = self.start
        while start < self.end:
            following = (start.replace(day=1, hour=0) + timedelta(days=32)).replace(day=1)
            yield Span(start, min(following, self.end))
            start = following


class Request(BaseModel):
    """A validated invocation. `time` is the instant as of which everything is judged; it is never in the future."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: AwareDatetime
    shard: int | None = Field(default=None, ge=0)
    symbols: tuple[Symbol, ...] | None = Field(default=None, min_length=1)
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    retry: bool = False
    """Whether this is a failed symbol's own run, which a scheduled run of its shard has asked for."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.shard is not None and self.symbols is not None:
            raise ValueError("give a shard or symbols, not both")
        if self.retry and (self.symbols is None or len(self.symbols) != 1 or self.start is not None):
            raise ValueError("a retry is an hour of one symbol")
        if (self.start is None) != (self.end is None):
            raise ValueError("a range has a start and an end")
        if self.start is not None and self.end is not None:
            if not (hours.on_grid(self.start) and hours.on_grid(self.end)):
                raise ValueError("start and end of a range are full hours")
            if self.start >= self.end:
                raise ValueError("the start of a range lies before its end")
            if self.start >= self.time:
                raise ValueError("a range lies in the past of time")
        return self

    @property
    def now(self) -> datetime:
        """The event's time in UTC."""
        return self.time.astimezone(UTC)

    @property
    def span(self) -> Span | None:
        """The range to backfill; None for an hourly run."""
        if self.start is None or self.end is None:
            return None
        return Span(self.start.astimezone(UTC), self.end.astimezone(UTC))

    @property
    def scheduled(self) -> bool:
        """Whether the hourly rule asks: for what the settings say, with nobody waiting for the answer."""
        return self.symbols is None and self.span is None

    def alone(self, symbol: str) -> dict[str, Any]:
        """The event that asks for one symbol of this one again."""
        return {"time": hours.text(self.time), "symbols": [symbol], "retry": True}

    @classmethod
    def parse(cls, event: Any, clock: datetime) -> Self:
        """The request in an invocation's event. *clock*: the present instant. Raises BadEvent."""
        if isinstance(event, dict) and event.get("detail-type") == "Scheduled Event":
            event = {"time": event.get("time")}
        try:
            request = cls.model_validate(event)
        except ValidationError as error:
            takes = "ingest takes time, and shard or symbols, and start and end for a range"
            raise BadEvent(f"{takes}: {problems(error)}.") from None
        if request.time > clock + CLOCK_TOLERANCE:
            raise BadEvent(
                f"time {hours.text(request.time)} lies in the future; send the instant as of which to ingest."
            )
        return request

    def chosen(self, settings: Settings) -> tuple[str, ...]:
        """The symbols to ingest. Raises BadEvent when one is not configured, or the shard has none."""
        if self.symbols is not None:
            return configured(self.symbols, settings)
        if self.shard is None:
            return settings.symbols
        first = self.shard * settings.shard_size
        shard = settings.symbols[first : first + settings.shard_size]
        if not shard:
            raise BadEvent(
                f"shard {self.shard} is empty: {len(settings.symbols)} symbols make "
                f"{-(-len(settings.symbols) // settings.shard_size)} shards, counted from 0."
            )
        return shard


def configured(symbols: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """The symbols, each once. Raises BadEvent when one is not configured."""
    unknown = sorted(set(symbols) - set(settings.symbols))
    if unknown:
        raise BadEvent(f"{', '.join(unknown)}: not configured; add it to `symbols` in settings.yaml and deploy.")
    return tuple(dict.fromkeys(symbols))


def problems(error: ValidationError) -> str:
    """Where and what, of each thing that is wrong with an event."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'event'}: {e['msg']}" for e in error.errors())
