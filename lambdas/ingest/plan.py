"""What a backfill is made of: the symbols, and for each symbol one range of hours per calendar month.

Two questions, because one answer with every month of every symbol would not fit into a state machine's state.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from candlecast import hours
from candlecast.errors import BadEvent
from candlecast.gaps import GapStore
from candlecast.settings import Settings, Symbol
from lambdas.ingest.request import Span, configured, problems


class Plan(BaseModel):
    """A validated request for a plan: of one symbol's months (`symbol`), else of the symbols.

    `since` and `until` are full hours; the plan covers [since, until).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: AwareDatetime
    symbol: Symbol | None = None
    symbols: tuple[Symbol, ...] | None = Field(default=None, min_length=1)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.symbol is not None and self.symbols is not None:
            raise ValueError("give a symbol or symbols, not both")
        if not all(hours.on_grid(bound) for bound in (self.since, self.until) if bound is not None):
            raise ValueError("since and until are full hours")
        if self.since is not None and self.since >= min(self.until or self.time, self.time):
            raise ValueError("since lies before until, and in the past of time")
        return self

    @classmethod
    def parse(cls, event: Any) -> Self:
        """The request in an invocation's `plan`. Raises BadEvent."""
        try:
            return cls.model_validate(event)
        except ValidationError as error:
            raise BadEvent(
                f"a plan takes time, and symbol or symbols, and since and until: {problems(error)}."
            ) from None

    def answer(self, settings: Settings, gaps: GapStore) -> dict[str, Any]:
        """`symbols`, each with what to ask for its months; or those months, as the events that ingest them (`parts`).

        Raises BadEvent for a symbol that is not configured.
        """
        if self.symbol is None:
            bounds = {name: getattr(self, name) for name in ("since", "until", "time")}
            given = {name: hours.text(bound) for name, bound in bounds.items() if bound is not None}
            chosen = configured(self.symbols or settings.symbols, settings)
            return {"symbols": [{"symbol": symbol, **given} for symbol in chosen]}
        configured((self.symbol,), settings)
        time = hours.text(self.time)
        return {
            "parts": [
                {"time": time, "symbols": [self.symbol], "start": hours.text(part.start), "end": hours.text(part.end)}
                for part in self._span(settings, gaps).by_month()
            ]
        }

    def _span(self, settings: Settings, gaps: GapStore) -> Span:
        """Without `since`: as far back as a new symbol's history goes, and as anything was ever stored."""
        now = self.time.astimezone(UTC)
        end = hours.floor(min(self.until or now, now))
        if self.since is not None:
            return Span(self.since.astimezone(UTC), end)
        usual = (now - timedelta(days=settings.history_days)).replace(hour=0, minute=0, second=0, microsecond=0)
        return Span(min(usual, gaps.read(self.symbol or "").since or usual), end)
