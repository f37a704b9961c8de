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

SYMBOLS = ["HOUR-USDT", "EVENT-USDT", "TWICE-USDT", "HTTP-USDT", "BTC-USDT", "DENY-USDT"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def derived_settings(state: Path) -> Path:
    """The shipped settings with other ports and state, quick guards, and a symbol for each flow."""
    document = configuration.read(ROOT / "settings.yaml")
    market = f"http://127.0.0.1:{free_port()}"
    document["environments"]["local"] |= {
        "endpoint": f"http://127.0.0.1:{free_port()}",
        "state": str(state),
        "symbols": SYMBOLS,
        "shard_size": 1,
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
    document["environments"]["local"]["exchange"]["endpoints"] = {
        "binance": f"{market}/binance",
        "coinbase": f"{market}/coinbase",
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
