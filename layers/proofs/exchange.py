"""The exchange layer alone: every exchange that settings can name parses candles from a stand-in answer."""

import importlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import ccxt

OPEN = 1_767_225_600  # 2026-01-01T00:00Z, in seconds
CANDLE = (100.0, 102.0, 99.0, 101.0, 7.0)  # open, high, low, close, volume
_O, _H, _L, _C, _V = map(str, CANDLE)
ANSWERS: dict[str, tuple[str, Any]] = {
    "binance": ("/klines", [[OPEN * 1000, _O, _H, _L, _C, _V, OPEN * 1000 + 3_599_999, "0", 1, "0", "0", "0"]]),
    "bitstamp": (
        "/ohlc/",
        {"data": {"ohlc": [{"timestamp": str(OPEN), "open": _O, "high": _H, "low": _L, "close": _C, "volume": _V}]}},
    ),
    "coinbase": (
        "/candles",
        {"candles": [{"start": str(OPEN), "open": _O, "high": _H, "low": _L, "close": _C, "volume": _V}]},
    ),
    "kraken": (
        "/OHLC",
        {"error": [], "result": {"BTCUSDT": [[OPEN, _O, _H, _L, _C, _C, _V, 3]], "last": OPEN}},
    ),
}


class StandIn(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer = next(answer for part, answer in ANSWERS.values() if part in self.path)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


def redirected(urls: Any, base: str) -> Any:
    """An exchange's table of URLs with every host replaced."""
    if isinstance(urls, dict):
        return {key: redirected(value, base) for key, value in urls.items()}
    return base if isinstance(urls, str) else urls


server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
Thread(target=server.serve_forever, daemon=True).start()

held = {file.stem for file in Path(ccxt.__file__).parent.glob("[a-z]*.py")}
assert held == set(ANSWERS), f"the layer holds {held}"
early = {"aiohttp", "coincurve", *(f"ccxt.{name}" for name in held)} & set(sys.modules)
assert not early, f"{early} imported before they are asked for"
for name in ANSWERS:
    exchange = getattr(importlib.import_module(f"ccxt.{name}"), name)({"timeout": 5000})
    exchange.urls["api"] = redirected(exchange.urls["api"], f"http://127.0.0.1:{server.server_port}")
    market = {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "spot": True, "type": "spot"}
    exchange.set_markets({"BTC/USDT": exchange.safe_market_structure({**market, "active": True})})
    candles = exchange.fetch_ohlcv("BTC/USDT", "1h", since=OPEN * 1000, limit=1)
    assert candles == [[OPEN * 1000, *CANDLE]], f"{name} answered {candles}"
server.shutdown()
