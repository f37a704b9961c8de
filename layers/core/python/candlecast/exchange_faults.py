"""What goes wrong with an exchange, classed by what to do: wait, ask again, ask the next exchange, or stop.

The HTTP status decides before ccxt's error: ccxt calls a 451, a 404 and a 503 by the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto

from ccxt.base import errors as ccxt_errors
from requests import exceptions as requests_errors

from candlecast.errors import (
    BadSettings,
    CandlecastError,
    ExchangeRefused,
    ExchangeThrottled,
    ExchangeUnavailable,
)
from candlecast.settings import Exchange

_NOT_FOR_US = frozenset({401, 403, 407, 451})
"""Statuses that refuse whoever asks from here, whatever is asked for."""
_MISCONFIGURED = (
    requests_errors.InvalidURL,
    requests_errors.InvalidSchema,
    requests_errors.MissingSchema,
    requests_errors.InvalidProxyURL,
)


class Blame(Enum):
    """What a fault lies with: what was asked for, the exchange whatever it is asked for, or nobody can tell which."""

    REQUEST = auto()
    EXCHANGE = auto()
    UNCLEAR = auto()


class Fault(Exception):
    """One request that failed: the error to raise if it stays so, and what may be done before."""

    def __init__(self, error: CandlecastError, blame: Blame, *, again: bool = False, wait: float = 0.0) -> None:
        super().__init__(str(error))
        self.error, self.blame = error, blame
        self.again = again
        """Whether the same request may succeed here in a moment."""
        self.wait = wait
        """Seconds that the exchange asked us to wait; 0 where it did not say."""

    @property
    def throttled(self) -> bool:
        """Whether the exchange asks everyone here to be slower."""
        return isinstance(self.error, ExchangeThrottled)


def classed(
    exchange: Exchange, symbol: str, status: int | None, headers: Mapping[str, str], error: ccxt_errors.BaseError
) -> Fault:
    """The fault behind ccxt's error. *status*, *headers*: of the answer; None and empty if there was none."""
    says = f"{exchange} ({status or 'no answer'}, {type(error).__name__})"
    wait = retry_after(headers)
    if isinstance(error, ccxt_errors.InvalidProxySettings) or isinstance(error.__cause__, _MISCONFIGURED):
        problem = f"{says} cannot be asked; mend exchange.endpoints in settings.yaml or the proxy's environment."
        return Fault(BadSettings(problem), Blame.REQUEST)
    if status in {418, 429} or isinstance(error, (ccxt_errors.DDoSProtection, ccxt_errors.RateLimitExceeded)):
        throttled = ExchangeThrottled(f"{says} asks to wait before {symbol} is asked for again.")
        return Fault(throttled, Blame.EXCHANGE, again=True, wait=wait)
    if isinstance(error, ccxt_errors.OnMaintenance):
        maintained = ExchangeUnavailable(f"{says} is under maintenance; try again later.")
        return Fault(maintained, Blame.EXCHANGE, wait=wait)
    failed_to_answer = status is None or status >= 500 or status == 408
    if failed_to_answer or (isinstance(error, ccxt_errors.OperationFailed) and status == 200):
        unavailable = ExchangeUnavailable(f"{says} could not serve {symbol}; try again later.")
        return Fault(unavailable, Blame.UNCLEAR, again=True, wait=wait)
    not_for_us = status in _NOT_FOR_US or isinstance(error, ccxt_errors.AuthenticationError)
    refused = ExchangeRefused(f"{says} does not serve {symbol}, or not to this place; put another exchange first.")
    return Fault(refused, Blame.EXCHANGE if not_for_us else Blame.REQUEST)


def garbled(exchange: Exchange, symbol: str) -> Fault:
    """An answer of status 200 that holds no candles: a page for people, or JSON of another shape."""
    problem = f"{exchange} answered {symbol} with something that is no candle page; try again later."
    return Fault(ExchangeUnavailable(problem), Blame.UNCLEAR, again=True)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that an answer's Retry-After asks to wait; 0 where it does not say. *headers*: with lower-case names.

    An HTTP date is compared with the answer's own Date, so that neither clock needs to be right.
    """
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        until = _instant(value)
    if until is None:
        return 0.0
    sent = _instant(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - sent).total_seconds())


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
