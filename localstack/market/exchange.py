"""What the market knows, whoever asks in whatever dialect: its symbols, its time, its candles so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from localstack.market.candles import SECONDS, Row, Source
from localstack.market.clock import Clock
from localstack.market.faults import Fault, Faults, Lag, Microseconds, Skew, Vanished
from localstack.market.forming import forming
from localstack.market.mischief import spoil


@dataclass(frozen=True)
class Visit:
    """One request: the time it is answered for, in seconds, by the exchange's own clock; the faults that strike it."""

    now: float
    faults: tuple[Fault, ...] = ()

    def stamp(self, hour: int, per_second: int = 1) -> int:
        """An open time as the exchange writes it, in its own unit unless a fault has changed that."""
        microseconds = any(isinstance(fault, Microseconds) for fault in self.faults)
        return hour * SECONDS * (1_000_000 if microseconds else per_second)


@dataclass
class Exchange:
    source: Source
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    requests: Counter[str] = field(default_factory=Counter)  # by dialect and path

    def visit(self, dialect: str, symbol: str | None, header: str | None, *, candles: bool) -> Visit:
        """Raises ValueError when the Market-Clock header is no instant."""
        now = self.clock.now(header)
        faults = self.faults.strikes(dialect, symbol, candles=candles)
        return Visit(now + sum(fault.seconds for fault in faults if isinstance(fault, Skew)), faults)

    def listed(self, dialect: str) -> list[str]:
        """The symbols that the exchange says it trades."""
        gone = self.faults.vanished(dialect, self.source.symbols)
        return [symbol for symbol in self.source.symbols if symbol not in gone]

    def trades(self, symbol: str | None, visit: Visit) -> bool:
        """Whether the symbol is known to the exchange in this request."""
        return symbol in self.source.symbols and not any(isinstance(fault, Vanished) for fault in visit.faults)

    def candles(
        self, symbol: str, visit: Visit, start: int, end: int, limit: int, *, newest: bool = False
    ) -> list[Row]:
        """At most `limit` candles of the hours [start, end], oldest first: the newest of them, or the oldest.

        The candle of the hour that has begun shows only what has happened in it; later ones do not exist. Page faults
        are applied.
        """
        current, elapsed = divmod(visit.now, SECONDS)
        last = int(current) if elapsed else int(current) - 1
        last = min([last, *(int(current) - 1 - fault.hours for fault in visit.faults if isinstance(fault, Lag))])
        page = list(self.source.select(symbol, start, min(end, last), limit, newest=newest).rows())
        if page and page[-1].hour == current:
            page[-1] = forming(page[-1], elapsed / SECONDS, self.source.decimals(symbol))
        return spoil(page, visit.faults, int(current))

    def price(self, symbol: str, visit: Visit) -> float | None:
        """The last price; None before the first trade."""
        now = Visit(visit.now)
        newest = self.candles(symbol, now, 0, int(now.now // SECONDS), 1, newest=True)
        return newest[-1].close if newest else None
