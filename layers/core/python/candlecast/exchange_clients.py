"""Connections to exchanges' public REST interfaces: ccxt's class of each, told what it would otherwise ask for.

Nothing is signed and no key is needed. A symbol's market is declared by hand, so that a page of candles is one request
and not one more for thousands of markets.
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from ccxt.base import errors as ccxt_errors

from candlecast.errors import BadSettings
from candlecast.exchange_faults import classed, garbled
from candlecast.exchange_traffic import Traffic, traffic
from candlecast.settings import Exchange, ExchangeSettings

Rows = npt.NDArray[np.float64]
"""Candles as rows of: open time (of any unit since 1970), open, high, low, close, volume."""
SPARE = 10
"""Rows asked for beyond the wanted ones, as far as a page goes: where an exchange sends an hour twice, ccxt would cut
the page's end off, and with it the contradiction."""


@dataclass(frozen=True)
class Dialect:
    """What differs from exchange to exchange, beyond what ccxt evens out."""

    page: int
    """Candles in one answer, at most."""
    market_id: Callable[[str, str], str]
    """The exchange's name of a base-quote pair."""
    candles: Callable[[Any], Any]
    """Where an answer holds its candles; fails if it holds none, which ccxt would take for an empty page."""
    newest_only: bool = False
    """Whether it serves the newest page alone, whatever time is asked for."""


def _kraken_id(base: str, quote: str) -> str:
    names = {"BTC": "XBT", "DOGE": "XDG"}
    return names.get(base, base) + names.get(quote, quote)


DIALECTS: dict[Exchange, Dialect] = {
    "binance": Dialect(1000, lambda base, quote: base + quote, lambda body: body),
    "bitstamp": Dialect(1000, lambda base, quote: (base + quote).lower(), lambda body: body["data"]["ohlc"]),
    "coinbase": Dialect(300, lambda base, quote: f"{base}-{quote}", lambda body: body["candles"]),
    "kraken": Dialect(720, _kraken_id, lambda body: _only_pair(body["result"]), newest_only=True),
}


class _Key(NamedTuple):
    exchange: Exchange
    endpoint: str | None
    timeout_seconds: float


class Client:
    """A connection to one exchange, for one thread at a time."""

    def __init__(self, key: _Key) -> None:
        self.exchange = key.exchange
        self.dialect = DIALECTS[key.exchange]
        self.traffic: Traffic = traffic(key.exchange, key.endpoint)
        self.requests = 0
        self._status: int | None = None
        self._headers: dict[str, str] = {}
        self._ccxt = _connected(key)
        self._ccxt.throttle = lambda cost=None: self.traffic.take_turn(self._ccxt.rateLimit / 1000 * (cost or 1))
        self._ccxt.session.hooks["response"].append(self._note)

    def page(self, symbol: str, since: int, count: int) -> Rows:
        """Up to a page of the *count* candles from *since* (milliseconds) on, oldest first. Raises Fault.

        More may come than were asked for, and later ones.
        """
        self._declare(symbol)
        self.requests += 1
        self._status, self._headers = None, {}
        limit = None if self.dialect.newest_only else min(count + SPARE, self.dialect.page)
        try:
            rows = self._ccxt.fetch_ohlcv(symbol.replace("-", "/"), "1h", since=since, limit=limit)
            if not isinstance(self.dialect.candles(self._ccxt.last_json_response), list):
                raise garbled(self.exchange, symbol)
            return np.asarray(rows, dtype="float64").reshape(-1, 6)
        except ccxt_errors.BaseError as error:
            raise classed(self.exchange, symbol, self._status, self._headers, error) from error
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise garbled(self.exchange, symbol) from error

    def close(self) -> None:
        self._ccxt.session.close()

    def _note(self, response: Any, **_: Any) -> None:
        self._status = response.status_code
        self._headers = {name.lower(): value for name, value in response.headers.items()}

    def _declare(self, symbol: str) -> None:
        pair = symbol.replace("-", "/")
        known: dict[str, Any] = self._ccxt.markets or {}
        if pair in known:
            return
        base, quote = symbol.split("-")
        names = {"id": self.dialect.market_id(base, quote), "symbol": pair, "base": base, "quote": quote}
        kind = {"baseId": base, "quoteId": quote, "type": "spot", "spot": True}
        market = self._ccxt.safe_market_structure(names | kind)
        if known:
            known[pair] = market
        else:
            self._ccxt.set_markets([market])


def _connected(key: _Key) -> Any:
    try:
        module = importlib.import_module(f"ccxt.{key.exchange}")
    except ModuleNotFoundError:
        raise BadSettings(
            f"exchange {key.exchange!r} is not in this package of ccxt; add it to the exchange layer."
        ) from None
    client = getattr(module, key.exchange)({"enableRateLimit": True, "timeout": int(key.timeout_seconds * 1000)})
    client.enableLastJsonResponse = True
    if key.endpoint:
        api = client.urls["api"]
        client.urls["api"] = {n: key.endpoint + urlsplit(url).path for n, url in api.items() if isinstance(url, str)}
    if key.exchange == "kraken":
        _answered_as_asked(client)
    return client


def _answered_as_asked(kraken: Any) -> None:
    """Kraken answers XBTUSD under its long name XXBTZUSD; ccxt looks under the name that it asked by."""
    ask = kraken.publicGetOHLC

    def answer(request: dict[str, str]) -> dict[str, Any]:
        return {"result": {request["pair"]: _only_pair(ask(request)["result"])}}

    kraken.publicGetOHLC = answer


def _only_pair(result: dict[str, Any]) -> Any:
    (candles,) = (rows for name, rows in result.items() if name != "last")
    return candles


_idle: defaultdict[_Key, list[Client]] = defaultdict(list)
"""Clients kept warm between calls."""


@contextmanager
def leased(exchange: Exchange, settings: ExchangeSettings) -> Iterator[Client]:
    """A client of the exchange for this thread alone. Raises BadSettings."""
    key = _Key(exchange, settings.endpoints.get(exchange), settings.timeout_seconds)
    try:
        client = _idle[key].pop()
    except IndexError:
        client = Client(key)
    client.requests = 0
    try:
        yield client
    finally:
        _idle[key].append(client)


def forget() -> None:
    """Closes all connections that nobody uses."""
    for clients in _idle.values():
        while clients:
            clients.pop().close()
