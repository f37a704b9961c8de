"""Kraken's dialect of its public REST market data.

Prices are strings, times are seconds. A page holds the newest 720 candles, oldest first and the open one always last;
`since` is exclusive and only cuts off older ones, so that nothing before the newest 720 can be had. Errors come with
status 200 in a list beside the result. Bitcoin is XBT, Dogecoin XDG, and old pairs are answered under longer names than
those they may be asked by.
"""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localstack.market.candles import SECONDS, Row
from localstack.market.dialect import Dialect, Refused, page, plain
from localstack.market.exchange import Visit

MOST = 720
INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)  # minutes
NAMES = {"BTC": "XBT", "DOGE": "XDG"}
FIAT = ("AUD", "CAD", "EUR", "GBP", "JPY", "USD")
OLD = ("ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XLM", "XMR", "XRP", "ZEC")
PROBLEMS = {
    418: "EGeneral:Temporary lockout",
    429: "EGeneral:Too many requests",
    500: "EGeneral:Internal error",
    503: "EService:Unavailable",
}


class Kraken(Dialect):
    name = "kraken"

    def routes(self) -> list[BaseRoute]:
        return [
            self.route("/0/public/OHLC", self._ohlc, symbol=self._symbol, candles=True),
            self.route("/0/public/AssetPairs", self._pairs),
            self.route("/0/public/Assets", lambda *_: _said(self._assets())),
            self.route("/0/public/Ticker", self._ticker, symbol=self._symbol),
            self.route("/0/public/Time", lambda _, visit: _said(_time(visit.now))),
            self.route("/0/public/SystemStatus", lambda _, visit: _said(_status(visit.now))),
        ]

    def refusal(self, status: int) -> Response:
        return _error(PROBLEMS[status]) if status in PROBLEMS else page(status)

    def _ohlc(self, request: Request, visit: Visit) -> Response:
        symbol = self._traded(request, visit)
        interval, since = _number(request, "interval") or 1, _number(request, "since")
        if interval not in INTERVALS:
            raise Refused(_error("EGeneral:Invalid arguments:interval"))
        if interval != 60:
            raise Refused(_error("EGeneral:Invalid arguments:interval (the market holds hourly candles only: 60)"))
        newest = -int(-visit.now // SECONDS) - 1  # the hour that has begun last
        after = 0 if since is None else since // SECONDS + 1
        rows = self.exchange.candles(symbol, visit, min(after, newest), newest, MOST, newest=True)
        last = (newest - 1) * SECONDS  # the `since` that asks for those which are not yet complete
        return _said({_pair(symbol): [_candle(row, visit) for row in rows], "last": last})

    def _pairs(self, request: Request, visit: Visit) -> Response:
        listed = self.exchange.listed(self.name)
        if "pair" in request.query_params:
            listed = [self._traded(request, visit)]
        return _said({_pair(symbol): _market(symbol, self.exchange.source.decimals(symbol)) for symbol in listed})

    def _ticker(self, request: Request, visit: Visit) -> Response:
        symbol = self._traded(request, visit)
        now = int(visit.now // SECONDS)
        day = self.exchange.candles(symbol, Visit(visit.now), now - 23, now, 24, newest=True)
        if not day:
            raise Refused(_error("EQuery:Unknown asset pair"))
        high, low = plain(max(row.high for row in day)), plain(min(row.low for row in day))
        last, volume = plain(day[-1].close), plain(sum(row.volume for row in day))
        quote = [last, "1", "1.000"]
        ticker = {
            "a": quote, "b": quote, "c": [last, "0.01"], "v": [volume, volume], "p": [last, last], "t": [1, 1],
            "l": [low, low], "h": [high, high], "o": plain(day[0].open),
        }  # fmt: skip
        return _said({_pair(symbol): ticker})

    def _assets(self) -> dict[str, object]:
        names = {_name(code) for symbol in self.exchange.source.symbols for code in symbol.split("-")}
        return {_asset(name): _described(name) for name in sorted(names)}

    def _symbol(self, request: Request) -> str | None:
        asked = request.query_params.get("pair")
        return next((each for each in self.exchange.source.symbols if asked in (_pair(each), _altname(each))), None)

    def _traded(self, request: Request, visit: Visit) -> str:
        if not request.query_params.get("pair"):
            raise Refused(_error("EGeneral:Invalid arguments"))
        symbol = self._symbol(request)
        if symbol is None or not self.exchange.trades(symbol, visit):
            raise Refused(_error("EQuery:Unknown asset pair"))
        return symbol


def _name(code: str) -> str:
    """The name that Kraken gives a currency."""
    return NAMES.get(code, code)


def _asset(name: str) -> str:
    """The long form of a currency's name."""
    return f"X{name}" if name in OLD else f"Z{name}" if name in FIAT else name


def _altname(symbol: str) -> str:
    return "".join(_name(code) for code in symbol.split("-"))


def _pair(symbol: str) -> str:
    """The name under which a pair is answered: the long one between an old coin and a fiat currency."""
    base, quote = (_name(code) for code in symbol.split("-"))
    return _asset(base) + _asset(quote) if base in OLD and quote in FIAT else base + quote


def _candle(row: Row, visit: Visit) -> list[object]:
    mean = plain((row.open + row.high + row.low + row.close) / 4)  # stands for the volume-weighted average
    trades = max(int(row.volume * row.open / 2000), 1)
    prices = [plain(price) for price in row[1:5]]
    return [visit.stamp(row.hour), *prices, mean, f"{row.volume:.8f}", trades]


def _market(symbol: str, decimals: int) -> dict[str, object]:
    base, quote = (_name(code) for code in symbol.split("-"))
    return {
        "altname": base + quote, "wsname": f"{base}/{quote}",
        "aclass_base": "currency", "base": _asset(base), "aclass_quote": "currency", "quote": _asset(quote),
        "lot": "unit", "pair_decimals": decimals, "cost_decimals": 5, "lot_decimals": 8, "lot_multiplier": 1,
        "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]],
        "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40, "ordermin": "0.00005", "costmin": "0.5",
        "tick_size": plain(10.0**-decimals), "status": "online",
    }  # fmt: skip


def _described(name: str) -> dict[str, object]:
    return {"aclass": "currency", "altname": name, "decimals": 10, "display_decimals": 5, "status": "enabled"}


def _time(now: float) -> dict[str, object]:
    at = datetime.fromtimestamp(now, UTC)
    return {"unixtime": int(now), "rfc1123": at.strftime("%a, %d %b %y %H:%M:%S +0000")}


def _status(now: float) -> dict[str, str]:
    return {"status": "online", "timestamp": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def _number(request: Request, name: str) -> int | None:
    value = request.query_params.get(name)
    if value is None:
        return None
    if not value.isdecimal():
        raise Refused(_error(f"EGeneral:Invalid arguments:{name}"))
    return int(value)


def _said(result: object) -> Response:
    return JSONResponse({"error": [], "result": result})


def _error(text: str) -> Response:
    return JSONResponse({"error": [text]})
