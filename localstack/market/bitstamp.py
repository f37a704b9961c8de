"""Bitstamp's dialect, version 2 of its public API.

Everything is a string, times are seconds, pages hold up to 1,000 rows, oldest first, and both ends are inclusive. An
end, given or not, counts before a start: the page holds the newest rows up to it.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localstack.market.candles import SECONDS, Row
from localstack.market.dialect import Dialect, Refused, page, plain
from localstack.market.exchange import Visit

MOST = 1000
STEPS = (60, 180, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 259200)


class Bitstamp(Dialect):
    name = "bitstamp"

    def routes(self) -> list[BaseRoute]:
        return [
            self.route("/api/v2/ohlc/{pair}/", self._ohlc, symbol=self._symbol, candles=True),
            self.route("/api/v2/ticker/{pair}/", self._ticker, symbol=self._symbol),
            self.route("/api/v2/markets/", self._markets),
        ]

    def refusal(self, status: int) -> Response:
        match status:
            case 503:
                text = "Bitstamp.net is under scheduled maintenance. We'll be back soon."
                return JSONResponse({"error": text}, status)
            case _:
                return page(status)

    def _ohlc(self, request: Request, visit: Visit) -> Response:
        symbol = self._traded(request, visit)
        step, limit = _number(request, "step", needed=True), _number(request, "limit", needed=True)
        start, end = _number(request, "start"), _number(request, "end")
        if step not in STEPS:
            raise Refused(_error("step", f"Value must be one of: {', '.join(map(str, STEPS))}."))
        if step != SECONDS:
            raise Refused(_error("step", "The market holds hourly candles only: 3600."))
        if limit is None or not 1 <= limit <= MOST:
            raise Refused(_error("limit", f"Value must be between 1 and {MOST}."))
        rows = self.exchange.candles(
            symbol,
            visit,
            start=0 if start is None else -(-start // SECONDS),
            end=int(visit.now if end is None else end) // SECONDS,
            limit=limit,
            newest=start is None or end is not None,
        )
        if request.query_params.get("exclude_current_candle", "").lower() == "true":
            rows = [row for row in rows if (row.hour + 1) * SECONDS <= visit.now]
        return JSONResponse({"data": {"ohlc": [_candle(row, visit) for row in rows], "pair": symbol.replace("-", "/")}})

    def _ticker(self, request: Request, visit: Visit) -> Response:
        symbol = self._traded(request, visit)
        now = int(visit.now // SECONDS)
        day = self.exchange.candles(symbol, Visit(visit.now), now - 23, now, 24, newest=True)
        if not day:
            raise Refused(page(404))
        volume = sum(row.volume for row in day)
        mean = sum(row.volume * row.close for row in day) / volume
        last = plain(day[-1].close)
        return JSONResponse(
            {
                "timestamp": str(int(visit.now)), "open": plain(day[-1].open), "open_24": plain(day[0].open),
                "high": plain(max(row.high for row in day)), "low": plain(min(row.low for row in day)),
                "last": last, "bid": last, "ask": last, "vwap": plain(mean), "volume": plain(volume),
                "percent_change_24": f"{100 * (day[-1].close / day[0].open - 1):.2f}",
            }
        )  # fmt: skip

    def _markets(self, _: Request, __: Visit) -> Response:
        listed = self.exchange.listed(self.name)
        return JSONResponse([_market(symbol, self.exchange.source.decimals(symbol)) for symbol in listed])

    def _symbol(self, request: Request) -> str | None:
        asked = request.path_params["pair"]
        return next((each for each in self.exchange.source.symbols if each.replace("-", "").lower() == asked), None)

    def _traded(self, request: Request, visit: Visit) -> str:
        symbol = self._symbol(request)
        if symbol is None or not self.exchange.trades(symbol, visit):
            raise Refused(page(404))
        return symbol


def _candle(row: Row, visit: Visit) -> dict[str, str]:
    return {
        "timestamp": str(visit.stamp(row.hour)), "open": plain(row.open), "high": plain(row.high),
        "low": plain(row.low), "close": plain(row.close), "volume": f"{row.volume:.8f}",
    }  # fmt: skip


def _market(symbol: str, decimals: int) -> dict[str, object]:
    base, quote = symbol.split("-")
    return {
        "name": f"{base}/{quote}", "market_symbol": f"{base}{quote}".lower(), "market_type": "SPOT",
        "base_currency": base, "base_decimals": 8, "counter_currency": quote, "counter_decimals": decimals,
        "minimum_order_value": "10", "trading": "Enabled", "instant_order_counter_decimals": decimals,
        "instant_and_market_orders": "Enabled", "description": f"{base.title()} / {quote.title()}",
    }  # fmt: skip


def _number(request: Request, name: str, *, needed: bool = False) -> int | None:
    value = request.query_params.get(name)
    if value is None:
        if needed:
            raise Refused(_error(name, "This field is required."))
        return None
    if not value.isdecimal():
        raise Refused(_error(name, "A valid integer is required."))
    return int(value)


def _error(field: str, text: str) -> Response:
    return JSONResponse({"code": "400.000", "errors": [{"field": field, "message": text}]}, 400)
