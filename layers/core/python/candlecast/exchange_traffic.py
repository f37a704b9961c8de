"""When an exchange may be asked: its own rate limit, the waits it asked for, and rests after it failed.

One state per exchange and process, shared by all its threads. ccxt keeps a limit for each client, and every thread has
a client of its own, so that eight threads would make eight times the requests that the exchange allows. Time is the
monotonic clock's: a container that was frozen for an hour finds its rests over.
"""

from __future__ import annotations

from threading import Lock
from time import monotonic, sleep

from candlecast.settings import Exchange

LONGEST_REST = 900.0
"""Seconds that an exchange rests at most, whatever it asked for."""
FAILURES = 2
"""Failures in a row, whatever the symbol, after which an exchange rests: one may be the symbol's own."""


class Traffic:
    """When one exchange may be asked."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._free = 0.0
        self._rests_until = 0.0
        self._failures = 0

    def take_turn(self, seconds: float) -> None:
        """Sleeps until a request may be made that uses up *seconds* of the exchange's limit."""
        with self._lock:
            turn = max(self._free, monotonic())
            self._free = turn + seconds
        pause = turn - monotonic()
        if pause > 0:
            sleep(pause)

    def hold(self, seconds: float) -> None:
        """Lets nobody begin a request for so long."""
        with self._lock:
            self._free = max(self._free, monotonic() + seconds)

    def served(self) -> None:
        """The exchange has answered as it should: whatever was wrong is over."""
        with self._lock:
            self._failures, self._rests_until = 0, 0.0

    def failed(self, rest: float, *, certain: bool) -> None:
        """The exchange was given up: it rests so many seconds, at once if it is *certain* that it is to blame."""
        with self._lock:
            self._failures += 1
            if certain or self._failures >= FAILURES:
                self._rests_until = max(self._rests_until, monotonic() + min(rest, LONGEST_REST))

    @property
    def rests(self) -> bool:
        """Whether others should be asked first."""
        return monotonic() < self._rests_until


_known: dict[tuple[Exchange, str | None], Traffic] = {}
_adding = Lock()


def traffic(exchange: Exchange, endpoint: str | None) -> Traffic:
    """The traffic to an exchange at its own address (None) or another one."""
    with _adding:
        return _known.setdefault((exchange, endpoint), Traffic())


def forget() -> None:
    """Forgets all waits and rests, as a new container would."""
    _known.clear()
