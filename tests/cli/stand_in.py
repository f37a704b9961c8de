"""A tiny HTTP server that plays a deployed stack: API Gateway's own API, and the API behind it."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.cli.stand_in_states import StandInStates

KEY = "0123456789abcdefghij"
BASE = "/restapis/abc123/v1/_user_request_"

FORECAST: dict[str, Any] = {
    "symbol": "BTC-USDT",
    "timeframe": "1h",
    "target_hour": "2024-01-15T09:00:00Z",
    "origin": "2024-01-15T09:00:00Z",
    "made_at": "2024-01-15T09:01:02Z",
    "kind": "live",
    "model_version": "7",
    "reference_close": 42513.9,
    "predicted_delta": 12.345678901234567,
    "predicted_return": 0.00029,
    "direction": "up",
    "probability_up": 0.531,
    "interval": {
        "coverage": 0.8,
        "lower_delta": -210.5,
        "upper_delta": 222.25,
        "lower_return": -0.00495,
        "upper_return": 0.00523,
    },
    "settlement": {
        "actual_close": 42600.0,
        "actual_delta": 86.1,
        "actual_return": 0.00203,
        "absolute_error": 0.00174,
        "inside_interval": True,
    },
    "note": None,
    "as_of": "2024-01-20T00:00:00Z",
}
HEALTH: dict[str, Any] = {
    "status": "ok",
    "environment": "local",
    "as_of": "2024-01-15T09:20:00Z",
    "symbols": [
        {
            "symbol": "BTC-USDT",
            "champion_version": "7",
            "newest_target_hour": "2024-01-15T09:00:00Z",
            "forecast_age_seconds": 1200,
            "candle_age_seconds": 1200,
            "gap_hours": 0,
            "gaps": [],
            "degraded": [],
        }
    ],
}
DRIFT: dict[str, Any] = {"symbol": "BTC-USDT", "breach": False, "reason": "No drift: all is well."}


def problem(status: int, detail: str, remedy: str) -> tuple[int, dict[str, Any]]:
    """An answer that is a problem document."""
    return status, {"type": "urn:x", "title": "A problem", "status": status, "detail": detail, "remedy": remedy}


class StandIn:
    """The server. Tests set `answers` by path and look at `asked`."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {
            "/predict": (200, FORECAST),
            "/health": (200, HEALTH),
            "/drift": (200, DRIFT),
        }
        self.deployed = True
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.states = StandInStates()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = stand_in.answer(self.path, self.headers.get("x-api-key"))
                kind = "application/problem+json" if "detail" in body else "application/json"
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"{}")
                status, answer = stand_in.states.answer(self.headers.get("x-amz-target", ""), body)
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, target: str, key: str | None) -> tuple[int, Any]:
        """What is said to a GET."""
        url = urlsplit(target)
        if url.path == "/restapis":
            return 200, {"item": [{"id": "abc123", "name": "candlecast-local-api"}] if self.deployed else []}
        if url.path == "/apikeys":
            return 200, {"item": [{"id": "k", "name": "candlecast-local-default", "value": KEY}]}
        path = url.path.removeprefix(BASE)
        if path != "/health" and key != KEY:
            return 403, {"message": "Forbidden"}
        self.asked.append((path, dict(parse_qsl(url.query))))
        return self.answers.get(path, (403, {"message": "Missing Authentication Token"}))
