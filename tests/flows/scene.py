"""What the flows have in common: the first hour, a symbol for each, settings of a stack of their own, an event."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import yaml

from candlecast import hours
from candlecast import settings as configuration

ROOT = Path(__file__).parents[2]
START = datetime(2025, 3, 1, tzinfo=UTC)
"""First replayed hour of every flow."""

SYMBOLS = [
    "HOUR-USDT", "SPARE-USDT", "LOST-USDT", "KEPT-USDT", "FILL-USDT", "EVENT-USDT", "TWICE-USDT", "HTTP-USDT",
    "BTC-USDT", "DENY-USDT",
]  # fmt: skip
"""One for each flow on the simulated market; two to a shard: LOST and KEPT share one, nobody shares HOUR's."""

RECORDED = {
    "PAGE-USDT": "BTC-USDT",
    "VALUE-USDT": "SOL-USDT",
    "STORE-USDT": "DOGE-USDT",
    "TWIN-USDT": "DOGE-USDT",
    "NET-USDT": "ETH-USDT",
}
"""One for each family of faults, and of which symbol's recorded candles it is made. NET has a shard to itself."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def derived_settings(state: Path) -> Path:
    """The shipped settings with other ports and state, quick guards, little patience, and a symbol for each flow."""
    document = configuration.read(ROOT / "settings.yaml")
    market = f"http://127.0.0.1:{free_port()}"
    document["environments"]["local"] |= {
        "endpoint": f"http://127.0.0.1:{free_port()}",
        "state": str(state),
        "symbols": [*SYMBOLS, *RECORDED],
        "shard_size": 2,
        "telemetry": {"symbols_apart": 0},
        "drift": {
            "mode": "absolute",
            "window_hours": 24,
            "absolute_threshold": 0.01,
            "consecutive_checks": 1,
            "minimum_hours": 20,
            "cooldown_hours": 24,
        },
        "promotion": {"holdout_days": 10, "minimum_hours": 24},
        "training": {"evaluation_days": 60},
    }
    exchanges = ["binance", "coinbase", "bitstamp"]
    document["environments"]["local"]["exchange"] |= {
        "order": exchanges,
        "endpoints": {name: f"{market}/{name}" for name in exchanges},
        "timeout_seconds": 1.5,
        "attempts": 2,
        "rest_seconds": 0,
    }
    file = state / "settings.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(document))
    return file


def candles_stored(symbol: str) -> dict[str, object]:
    hour = hours.text(START - hours.HOUR)
    detail = {"schema_version": 1, "symbol": symbol, "timeframe": "1h", "hour": hour, "hours_stored": 1}
    return {
        "source": "candlecast",
        "detail-type": "CandlesStored",
        "time": hours.text(START.replace(minute=1)),
        "detail": {**detail, "source": "binance"},
    }
