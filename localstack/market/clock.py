"""The market's clock: the wall clock, or the instant a replay set for the process or for one request."""

from __future__ import annotations

from datetime import datetime
from time import time

from pydantic import AwareDatetime, BaseModel, ConfigDict

HEADER = "Market-Clock"


class ClockSetting(BaseModel):
    """Body of PUT /_market/clock: an instant with its zone, or null for the wall clock."""

    model_config = ConfigDict(extra="forbid")

    now: AwareDatetime | None


class Clock:
    """Tells the time in seconds since 1970. A set clock stands still until it is set again."""

    def __init__(self) -> None:
        self._set: float | None = None

    def set(self, now: datetime | None) -> None:
        self._set = None if now is None else now.timestamp()

    def now(self, header: str | None = None) -> float:
        """The time for a request with this Market-Clock header. Raises ValueError when it is no instant with a zone."""
        if header is None:
            return time() if self._set is None else self._set
        instant = datetime.fromisoformat(header)
        if instant.tzinfo is None:
            raise ValueError(f"{header!r} names no time zone; end it with Z or an offset")
        return instant.timestamp()
