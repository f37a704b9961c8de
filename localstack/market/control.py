"""The market's own interface under /_market: health, truth, clock, regime, faults, request counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from localstack.market.candles import SECONDS
from localstack.market.clock import HEADER, ClockSetting
from localstack.market.exchange import Exchange, Visit
from localstack.market.faults import FaultList
from localstack.market.regimes import RegimeOrder
from localstack.market.simulated import Simulated

Body = TypeVar("Body", bound=BaseModel)


class Control:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def routes(self) -> list[Route]:
        return [
            Route("/health", _guarded(self._health)),
            Route("/truth", _guarded(self._truth)),
            Route("/clock", _guarded(self._clock), methods=["GET", "PUT", "DELETE"]),
            Route("/regime", _guarded(self._regime), methods=["GET", "PUT", "DELETE"]),
            Route("/faults", _guarded(self._faults), methods=["GET", "PUT", "DELETE"]),
            Route("/requests", _guarded(self._requests), methods=["GET", "DELETE"]),
        ]

    async def _health(self, request: Request) -> Response:
        source, now = self.exchange.source, self._now(request)
        bounds = [source.bounds(symbol) for symbol in source.symbols]
        return JSONResponse(
            {
                "market": "simulated" if isinstance(source, Simulated) else "recorded",
                "label": source.label,
                "symbols": list(source.symbols),
                "first": _text(min(first for first, _ in bounds) * SECONDS),
                "last": _text(min(max(last for _, last in bounds), int(now // SECONDS) - 1) * SECONDS),
                "now": _text(now),
                "requests": dict(self.exchange.requests),
            }
        )

    async def _truth(self, request: Request) -> Response:
        symbol = request.query_params.get("symbol", "")
        if symbol not in self.exchange.source.symbols:
            return PlainTextResponse(f"symbol: {symbol!r} is not one of {self.exchange.source.symbols}\n", 404)
        start, end = (_instant(request, name) for name in ("start", "end"))
        first = -int(-start // SECONDS)
        last = int(min(end, self._now(request)) // SECONDS) - 1  # the newest that has closed by then
        candles = self.exchange.source.select(symbol, first, last, max(last - first + 1, 0), newest=False)
        rows = [[row.hour * SECONDS * 1000, *row[1:]] for row in candles.rows()]
        return JSONResponse({"symbol": symbol, "candles": rows})

    async def _clock(self, request: Request) -> Response:
        if request.method == "PUT":
            self.exchange.clock.set((await _body(request, ClockSetting)).now)
        elif request.method == "DELETE":
            self.exchange.clock.set(None)
        return JSONResponse({"now": _text(self._now(request))})

    async def _regime(self, request: Request) -> Response:
        source = self.exchange.source
        if not isinstance(source, Simulated):
            return PlainTextResponse("Recorded candles have no regime to command: use --market simulated.\n", 409)
        if request.method == "PUT":
            raw = await request.body()
            if raw.strip() == b"null":
                source.regimes.clear()
            else:
                order = _parsed(raw, RegimeOrder)
                if unknown := set(order.symbols or ()) - set(source.symbols):
                    return PlainTextResponse(f"symbols: {', '.join(sorted(unknown))} not traded here\n", 422)
                source.regimes.command(order)
        elif request.method == "DELETE":
            source.regimes.clear()
        orders = [order.model_dump(mode="json", by_alias=True) for order in source.regimes.orders]
        return JSONResponse({"regimes": orders})

    async def _faults(self, request: Request) -> Response:
        if request.method == "PUT":
            self.exchange.faults.declare((await _body(request, FaultList)).faults)
        elif request.method == "DELETE":
            self.exchange.faults.declare([])
        return JSONResponse({"faults": self.exchange.faults.report()})

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.exchange.requests.clear()
        return JSONResponse({"requests": dict(self.exchange.requests)})

    def _now(self, request: Request) -> float:
        return Visit(self.exchange.clock.now(request.headers.get(HEADER))).now


def _guarded(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Answers 422 with one line per problem when body, header or query are wrong."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request)
        except ValidationError as error:
            lines = (f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}\n" for each in error.errors())
            return PlainTextResponse("".join(lines), 422)
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", 422)

    return endpoint


async def _body(request: Request, model: type[Body]) -> Body:
    return _parsed(await request.body(), model)


def _parsed(raw: bytes, model: type[Body]) -> Body:
    return model.model_validate_json(raw)


def _instant(request: Request, name: str) -> float:
    text = request.query_params.get(name)
    if text is None:
        raise ValueError(f"{name}: missing; give an instant like 2026-11-20T15:00:00Z")
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{name}: {text!r} names no time zone; end it with Z or an offset")
    return instant.timestamp()


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
