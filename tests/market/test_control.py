"""The market's own interface: what it says about itself, and the regime it can be given."""

from __future__ import annotations

from pathlib import Path

import pytest

from localstack.market.regimes import BadOrders, Regimes
from tests.market.server import Client, Server, started, stopped

NINE = "2026-03-01T09:00:00Z"
ONWARDS = ("2026-03-01T08:00:00Z", "2026-03-02T08:00:00Z")


def test_health_names_the_market_its_symbols_and_its_span(market: Server) -> None:
    health = market.get("/_market/health", "2026-03-01T10:20:00Z").json()
    assert health["market"] == "simulated"
    assert health["label"] == "simulated market, seed 7"
    assert {"BTC-USDT", "ETH-USDT", "QQQ-USDT"} <= set(health["symbols"])
    assert (health["first"], health["last"]) == ("1970-01-01T00:00:00Z", "2026-03-01T09:00:00Z")
    assert health["now"] == "2026-03-01T10:20:00Z"


def test_requests_are_counted_by_dialect_and_path_until_reset(market: Server, client: Client) -> None:
    client(market, "binance").fetch_ohlcv("BTC/USDT", "1h", limit=2)
    market.get("/bitstamp/api/v2/ohlc/btcusdt/", step=3600, limit=1)
    requests = market.get("/_market/requests").json()["requests"]
    assert requests["binance /api/v3/klines"] == 1
    assert requests["binance /api/v3/exchangeInfo"] == 1
    assert requests["bitstamp /api/v2/ohlc/{pair}/"] == 1
    assert market.delete("/_market/requests").json() == {"requests": {}}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"symbol": "NOPE-USDT", "start": NINE, "end": NINE}, 404),
        ({"symbol": "BTC-USDT", "start": NINE}, 422),
        ({"symbol": "BTC-USDT", "start": "nine", "end": NINE}, 422),
        ({"symbol": "BTC-USDT", "start": "2026-03-01T09:00:00", "end": NINE}, 422),
    ],
)
def test_truth_asks_for_a_symbol_and_two_instants(market: Server, query: dict[str, str], status: int) -> None:
    assert market.http.get("/_market/truth", params=query).status_code == status


def test_a_regime_changes_what_follows_and_nothing_before(market: Server) -> None:
    calm = market.truth("BTC-USDT", *ONWARDS)
    order = {"from": NINE, "volatility": 2.5, "reversal": -1.0, "symbols": ["BTC-USDT"]}
    assert market.put("/_market/regime", order).json() == {"regimes": [order]}
    wild = market.truth("BTC-USDT", *ONWARDS)
    assert wild[0] == calm[0]
    assert all(after != before for before, after in zip(calm[1:], wild[1:], strict=True))
    market.delete("/_market/regime")
    assert market.truth("BTC-USDT", *ONWARDS) == calm


def test_a_regime_of_null_clears_too(market: Server) -> None:
    market.put("/_market/regime", {"from": NINE, "volatility": 2})
    assert market.http.put("/_market/regime", content=b"null").json() == {"regimes": []}


def test_a_regime_outlives_the_market_where_a_file_is_given(tmp_path: Path) -> None:
    kept = ("--seed", "7", "--regimes", str(tmp_path / "state" / "regimes.json"))
    server = started(*kept)
    order = {"from": NINE, "volatility": 2.5, "reversal": -1.0, "symbols": ["BTC-USDT"]}
    server.put("/_market/regime", order).raise_for_status()
    commanded = server.truth("BTC-USDT", *ONWARDS)
    stopped(server)

    again = started(*kept)

    assert again.get("/_market/regime").json() == {"regimes": [order]}
    assert again.truth("BTC-USDT", *ONWARDS) == commanded
    again.delete("/_market/regime")
    assert (tmp_path / "state" / "regimes.json").read_text() == "[]"
    stopped(again)


def test_a_file_without_regimes_is_named(tmp_path: Path) -> None:
    (tmp_path / "regimes.json").write_text("{")
    with pytest.raises(BadOrders, match=r"regimes\.json holds no orders .* delete it"):
        Regimes(tmp_path / "regimes.json")


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ({"volatility": 2}, "from: Field required"),
        ({"from": "2026-03-01T09:00:00", "volatility": 2}, "from: "),
        ({"from": NINE, "volatility": 0}, "volatility: "),
        ({"from": NINE, "volatiliy": 2}, "volatiliy: Extra inputs"),
        ({"from": NINE, "symbols": ["NOPE-USDT"]}, "symbols: NOPE-USDT"),
    ],
)
def test_a_wrong_regime_says_what_is_wrong(market: Server, order: dict[str, object], complaint: str) -> None:
    answer = market.put("/_market/regime", order)
    assert answer.status_code == 422
    assert complaint in answer.text
    assert market.get("/_market/regime").json() == {"regimes": []}


def test_recorded_candles_have_no_regime(recorded: Server) -> None:
    answer = recorded.put("/_market/regime", {"from": NINE, "volatility": 2})
    assert answer.status_code == 409
    assert "--market simulated" in answer.text
