"""Coinbase's dialect: the public market data of Advanced Trade, and the few v2 lists that clients read with it.

Everything is a string, times are seconds. Candles come newest first, for a window of time whose ends are inclusive; a
window of more than 350 candles is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localstack.market.candles import SECONDS, Row
from localstack.market.dialect import Dialect, Refused, page, plain
from localstack.market.exchange import Visit

MOST = 350
PRODUCTS = "/api/v3/brokerage/market/products"
FIAT = ("EUR", "GBP", "USD")


class Coinbase(Dialect):
    name = "coinbase"

    def routes(self) -> list[BaseRoute]:
        return [
            self.route(f"{PRODUCTS}/{{product}}/candles", self._candles, symbol=_product, candles=True),
            self.route(f"{PRODUCTS}/{{product}}", self._product, symbol=_product),
            self.route(PRODUCTS, self._products),
            self.route("/api/v3/brokerage/time", lambda _, visit: _said(_time(visit.now))),
            self.route("/v2/time", lambda _, visit: _said({"data": _time_v2(visit.now)})),
            self.route("/v2/currencies", lambda *_: _said({"data": [_fiat(code) for code in FIAT]})),
            self.route("/v2/currencies/crypto", lambda *_: _said({"data": self._coins()})),
            self.route("/v2/exchange-rates", self._rates),
        ]

    def refusal(self, status: int) -> Response:
        match status:
            case 451:
                return _error("PERMISSION_DENIED", "Not available in your region.", status)
            case 500:
                return _error("INTERNAL", "Something went wrong.", status)
            case _:
                return page(status)

    def _candles(self, request: Request, visit: Visit) -> Response:
        symbol = self._traded(request, visit)
        if request.query_params.get("granularity") != "ONE_HOUR":
            raise Refused(_error("INVALID_ARGUMENT", "granularity argument is invalid"))
        start, end = _seconds(request, "start"), _seconds(request, "end")
        limit = _seconds(request, "limit") if "limit" in request.query_params else MOST
        first, last = -(-start // SECONDS), end // SECONDS
        if last - first + 1 > MOST:
            text = f"start and end argument is invalid - number of candles requested should be less than {MOST} "
            raise Refused(_error("INVALID_ARGUMENT", text))
        rows = self.exchange.candles(symbol, visit, first, last, min(limit, MOST), newest=True)
        return _said({"candles": [_candle(row, visit) for row in reversed(rows)]})

    def _product(self, request: Request, visit: Visit) -> Response:
        return _said(self._described(self._traded(request, visit), visit))

    def _products(self, request: Request, visit: Visit) -> Response:
        spot = request.query_params.get("product_type", "SPOT") == "SPOT"  # no futures are traded here
        listed = [self._described(symbol, visit) for symbol in self.exchange.listed(self.name)] if spot else []
        return _said({"products": listed, "num_products": len(listed)})

    def _described(self, symbol: str, visit: Visit) -> dict[str, object]:
        base, quote = symbol.split("-")
        tick = plain(10.0 ** -self.exchange.source.decimals(symbol))
        price = self.exchange.price(symbol, visit)
        return {
            "product_id": symbol, "price": "" if price is None else plain(price), "product_type": "SPOT",
            "base_currency_id": base, "quote_currency_id": quote, "base_name": base, "quote_name": quote,
            "base_increment": "0.00001", "quote_increment": tick, "price_increment": tick,
            "base_min_size": "0.00001", "base_max_size": "9000000", "quote_min_size": "1", "quote_max_size": "50000000",
            "status": "online", "trading_disabled": False, "is_disabled": False, "view_only": False,
            "cancel_only": False, "limit_only": False, "post_only": False, "auction_mode": False,
            "alias": "", "alias_to": [], "product_venue": "CBE",
        }  # fmt: skip

    def _coins(self) -> list[dict[str, object]]:
        codes = sorted({code for symbol in self.exchange.source.symbols for code in symbol.split("-")} - set(FIAT))
        return [
            {"asset_id": f"00000000-0000-0000-0000-{number:012d}", "code": code, "name": code.title(),
             "type": "crypto", "exponent": 8, "sort_index": number}
            for number, code in enumerate(codes, 1)
        ]  # fmt: skip

    def _rates(self, _: Request, visit: Visit) -> Response:
        rates = {"USD": "1.0", "USDT": "1.0"}
        for symbol in self.exchange.listed(self.name):
            base, quote = symbol.split("-")
            if quote in rates and (price := self.exchange.price(symbol, visit)):
                rates[base] = f"{1 / price:.16f}"
        return _said({"data": {"currency": "USD", "rates": rates}})

    def _traded(self, request: Request, visit: Visit) -> str:
        symbol = _product(request)
        if not self.exchange.trades(symbol, visit):
            raise Refused(_error("NOT_FOUND", f"Product {symbol} not supported", 404))
        return symbol


def _product(request: Request) -> str:
    return str(request.path_params["product"])


def _candle(row: Row, visit: Visit) -> dict[str, str]:
    return {
        "start": str(visit.stamp(row.hour)), "low": plain(row.low), "high": plain(row.high),
        "open": plain(row.open), "close": plain(row.close), "volume": plain(row.volume),
    }  # fmt: skip


def _seconds(request: Request, name: str) -> int:
    value = request.query_params.get(name, "")
    if not value.isdecimal():
        raise Refused(_error("INVALID_ARGUMENT", f"{name} argument is invalid"))
    return int(value)


def _time(now: float) -> dict[str, str]:
    return {"iso": _iso(now), "epochSeconds": str(int(now)), "epochMillis": str(int(now * 1000))}


def _time_v2(now: float) -> dict[str, object]:
    return {"iso": _iso(now), "epoch": int(now)}


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fiat(code: str) -> dict[str, str]:
    return {"id": code, "name": code, "min_size": "0.01"}


def _said(body: object) -> Response:
    return JSONResponse(body, headers={"Cache-Control": "public, max-age=1"})


def _error(kind: str, text: str, status: int = 400) -> Response:
    return JSONResponse({"error": kind, "error_details": text, "message": text}, status)
