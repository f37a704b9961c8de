"""The market as one ASGI application: every dialect under its name, the market's own interface under /_market."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from localstack.market.binance import Binance
from localstack.market.bitstamp import Bitstamp
from localstack.market.coinbase import Coinbase
from localstack.market.control import Control
from localstack.market.dialect import TRANSPORT
from localstack.market.exchange import Exchange
from localstack.market.kraken import Kraken

DIALECTS = (Binance, Bitstamp, Coinbase, Kraken)


def application(exchange: Exchange) -> ASGIApp:
    spoken = [Mount(f"/{dialect.name}", routes=dialect(exchange).routes()) for dialect in DIALECTS]
    return _with_transport(Starlette(routes=[*spoken, Mount("/_market", routes=Control(exchange).routes())]))


def _with_transport(inner: ASGIApp) -> ASGIApp:
    """Puts the connection into the scope, for the fault that resets it. Only uvicorn's own `send` knows it."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await inner(scope, receive, send)

    return outer
