"""What the dialects have in common: counting, clock and faults before the answer, refusals instead of it."""

from __future__ import annotations

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from email.utils import formatdate
from time import time
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from localstack.market.clock import HEADER
from localstack.market.exchange import Exchange, Visit
from localstack.market.faults import Garbled, Reset, Status, Timeout

TRANSPORT = "localstack.market.transport"  # key of the connection in the ASGI scope


class Refused(Exception):
    """The request cannot be served; `response` says so in the exchange's words."""

    def __init__(self, response: Response) -> None:
        self.response = response


class Dialect(ABC):
    """One exchange's public REST interface, mounted under its name."""

    name: ClassVar[str]

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @abstractmethod
    def routes(self) -> list[BaseRoute]: ...

    @abstractmethod
    def refusal(self, status: int) -> Response:
        """How this exchange refuses a request with a status that has nothing to do with what was asked."""

    def route(
        self,
        path: str,
        answer: Callable[[Request, Visit], Response],
        *,
        symbol: Callable[[Request], str | None] = lambda _: None,
        candles: bool = False,
    ) -> Route:
        """A GET route. `symbol` reads the symbol that is asked about, `candles` says whether it is for its candles."""

        async def endpoint(request: Request) -> Response:
            self.exchange.requests[f"{self.name} {path}"] += 1
            try:
                visit = self.exchange.visit(self.name, symbol(request), request.headers.get(HEADER), candles=candles)
            except ValueError as error:
                return PlainTextResponse(f"{HEADER}: {error}\n", 400)
            for fault in visit.faults:
                match fault:
                    case Timeout():
                        await asyncio.sleep(fault.seconds)
                    case Reset():
                        _reset(request)
                        return Response(status_code=500)
                    case Status():
                        refusal = self.refusal(fault.status)
                        if fault.retry_after is not None:
                            refusal.headers["Retry-After"] = _retry_after(fault.retry_after, fault.retry_after_form)
                        return refusal
                    case Garbled():
                        return page(200)
                    case _:
                        pass
            try:
                return answer(request, visit)
            except Refused as refused:
                return refused.response

        return Route(path, endpoint)


def _retry_after(seconds: int, form: str) -> str:
    return str(seconds) if form == "seconds" else formatdate(time() + seconds, usegmt=True)


def _reset(request: Request) -> None:
    """Ends the connection with a TCP reset: no lingering, no answer."""
    transport: asyncio.Transport = request.scope[TRANSPORT]
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def page(status: int) -> Response:
    """What a gateway or a firewall in front of an exchange answers: a page for people, no body for programs."""
    return HTMLResponse(f"<html><head><title>{status}</title></head></html>", status)


def plain(number: float) -> str:
    """The number with at most 8 decimals and no zeros at the end."""
    text = f"{number:.8f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
