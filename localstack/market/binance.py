"""Binance's dialect of its spot market, as documented under "Spot REST API".

Prices are strings of 8 decimals, times are milliseconds, pages hold up to 1,000 rows, oldest first, and both ends of a
time range are inclusive. Without a start a page holds the newest rows up to the end.
"""

from __future__ import annotations

import re
from collections import Counter
from time import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localstack.market.candles import SECONDS, Row
from localstack.market.dialect import Dialect, Refused, page
from localstack.market.exchange import Visit

HOUR = SECONDS * 1000  # in milliseconds
PAGE, MOST = 500, 1000
DIGITS = re.compile(r"^[0-9]{1,20}$")
LETTERS = re.compile(r"^[A-Z0-9-_.]{1,20}$")
KLINE_PARAMETERS = ("symbol", "interval", "startTime", "endTime", "timeZone", "limit")
WEIGHTS = {"/api/v3/klines": 2, "/api/v3/exchangeInfo": 20, "/api/v3/ticker/price": 2}


class Binance(Dialect):
    name = "binance"

    def routes(self) -> list[BaseRoute]:
        self._used: Counter[int] = Counter()  # weight by minute
        return [
            self.route("/api/v3/klines", self._klines, symbol=self._symbol, candles=True),
            self.route("/api/v3/exchangeInfo", self._exchange_info),
            self.route("/api/v3/ticker/price", self._ticker_price, symbol=self._symbol),
            self.route("/api/v3/time", lambda request, visit: self._said(request, {"serverTime": _ms(visit)})),
            self.route("/api/v3/ping", lambda request, _: self._said(request, {})),
            # Futures markets are asked for by every client that loads all markets; none are traded here.
            self.route("/fapi/v1/exchangeInfo", lambda request, _: self._said(request, {"symbols": []})),
            self.route("/dapi/v1/exchangeInfo", lambda request, _: self._said(request, {"symbols": []})),
        ]

    def refusal(self, status: int) -> Response:
        match status:
            case 418:
                return _error(-1003, "Way too much request weight used; IP banned until 1735689600000.", status)
            case 429:
                text = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
                return _error(-1003, f"{text} Please use WebSocket Streams to avoid polling the API.", status)
            case 451:
                terms = "'b. Eligibility' in https://www.binance.com/en/terms"
                text = f"Service unavailable from a restricted location according to {terms}."
                return _error(0, text, status)
            case 500:
                return _error(-1000, "An unknown error occurred while processing the request.", status)
            case _:
                return page(status)

    def _klines(self, request: Request, visit: Visit) -> Response:
        asked = request.query_params
        known = [name for name in asked if name in KLINE_PARAMETERS]
        symbol = self._traded(request, visit)
        interval = _needed(request, "interval")
        start, end, limit = (_number(request, name) for name in ("startTime", "endTime", "limit"))
        if len(known) < len(asked):
            text = f"Not all sent parameters were read; read '{len(known)}' parameter(s) but was sent '{len(asked)}'."
            raise Refused(_error(-1104, text))
        if interval != "1h":
            raise Refused(_error(-1120, "Invalid interval."))
        if limit == 0:
            raise Refused(_error(-1130, "Data sent for parameter 'limit' is not valid."))
        rows = self.exchange.candles(
            symbol,
            visit,
            start=0 if start is None else -(-start // HOUR),
            end=(_ms(visit) if end is None else end) // HOUR,
            limit=min(limit or PAGE, MOST),
            newest=start is None,
        )
        return self._said(request, [_kline(row, visit) for row in rows])

    def _exchange_info(self, request: Request, visit: Visit) -> Response:
        symbols = self.exchange.listed(self.name)
        if "symbol" in request.query_params:
            symbols = [self._traded(request, visit)]
        body = {
            "timezone": "UTC",
            "serverTime": _ms(visit),
            "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
            "exchangeFilters": [],
            "symbols": [_market(symbol, self.exchange.source.decimals(symbol)) for symbol in symbols],
        }
        return self._said(request, body)

    def _ticker_price(self, request: Request, visit: Visit) -> Response:
        if "symbol" in request.query_params:
            symbol = self._traded(request, visit)
            return self._said(request, _price(symbol, self.exchange.price(symbol, visit)))
        listed = self.exchange.listed(self.name)
        return self._said(request, [_price(symbol, self.exchange.price(symbol, visit)) for symbol in listed])

    def _symbol(self, request: Request) -> str | None:
        asked = request.query_params.get("symbol")
        return next((symbol for symbol in self.exchange.source.symbols if symbol.replace("-", "") == asked), None)

    def _traded(self, request: Request, visit: Visit) -> str:
        asked = _needed(request, "symbol")
        if not LETTERS.match(asked):
            raise Refused(_illegal("symbol", LETTERS))
        symbol = self._symbol(request)
        if symbol is None or not self.exchange.trades(symbol, visit):
            raise Refused(_error(-1121, "Invalid symbol."))
        return symbol

    def _said(self, request: Request, body: object) -> Response:
        """The answer with the weight that was used up in this minute, as the exchange counts it."""
        minute = int(time() // 60)
        for past in [each for each in self._used if each < minute]:
            del self._used[past]
        self._used[minute] += next((w for path, w in WEIGHTS.items() if request.url.path.endswith(path)), 1)
        used = str(self._used[minute])
        return JSONResponse(body, headers={"x-mbx-used-weight": used, "x-mbx-used-weight-1m": used})


def _ms(visit: Visit) -> int:
    return int(visit.now * 1000)


def _kline(row: Row, visit: Visit) -> list[object]:
    opened, closes = visit.stamp(row.hour, 1000), visit.stamp(row.hour + 1, 1000) - 1
    quote = f"{row.volume * row.open:.8f}"
    trades = max(int(row.volume * row.open / 2000), 1)
    taker = 0.5 * row.volume  # who took is not known: half each
    return [
        opened, *(f"{value:.8f}" for value in row[1:]), closes, quote, trades,
        f"{taker:.8f}", f"{taker * row.open:.8f}", "0",
    ]  # fmt: skip


def _market(symbol: str, decimals: int) -> dict[str, object]:
    base, quote = symbol.split("-")
    tick, step = f"{10**-decimals:.8f}", "0.00001000"
    return {
        "symbol": base + quote, "status": "TRADING",
        "baseAsset": base, "baseAssetPrecision": 8, "quoteAsset": quote, "quotePrecision": 8, "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000000.00000000", "stepSize": step},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "avgPriceMins": 5},
        ],
        "permissions": [], "permissionSets": [["SPOT"]],
    }  # fmt: skip


def _price(symbol: str, price: float | None) -> dict[str, str]:
    return {"symbol": symbol.replace("-", ""), "price": f"{price or 0:.8f}"}


def _needed(request: Request, name: str) -> str:
    if value := request.query_params.get(name):
        return value
    text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    raise Refused(_error(-1102, text))


def _number(request: Request, name: str) -> int | None:
    value = request.query_params.get(name)
    if value is None:
        return None
    if not DIGITS.match(value):
        raise Refused(_illegal(name, DIGITS))
    return int(value)


def _illegal(name: str, legal: re.Pattern[str]) -> Response:
    return _error(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal.pattern}'.")


def _error(code: int, text: str, status: int = 400) -> Response:
    return JSONResponse({"code": code, "msg": text}, status)
