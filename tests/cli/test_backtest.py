"""`candlecast backtest` on a file of candles: what it writes, what it prints, and what it says when it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from candlecast.cli import app
from tests.domain.conftest import simulate_market

Backtest = Callable[..., Result]
PERIOD = ("--train-until", "2025-03-31", "--score-from", "2025-04-01")


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    """Five simulated months, 2025-01 to 2025-05, in which small moves revert."""
    candles = simulate_market(150 * 24, seed=5, reversal=0.4)
    return candles.drop(columns=["source", "ingested_at"]).rename(columns={"open_time": "timestamp"})


@pytest.fixture(scope="module")
def file(market: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("market") / "BTC-USDT.parquet"
    market.to_parquet(path, index=False)
    return path


def invoke(file: Path, *arguments: str | Path) -> Result:
    runner = CliRunner(env={"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb", "CANDLECAST_ENV": "local"})
    return runner.invoke(app, ["backtest", "--candles", str(file), "--symbol", "BTC-USDT", *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def done(file: Path, folder: Path) -> Result:
    outputs = ("--json", folder / "scores.json", "--forecasts", folder / "forecasts.parquet", "--html")
    return invoke(file, *PERIOD, *outputs, folder / "report.html")


@pytest.fixture(scope="module")
def scores(done: Result, folder: Path) -> dict[str, Any]:
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads((folder / "scores.json").read_text())
    return document


@pytest.fixture(scope="module")
def forecasts(done: Result, folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "forecasts.parquet")


def test_the_forecasts_are_those_of_every_hour_asked_for(forecasts: pd.DataFrame, market: pd.DataFrame) -> None:
    assert list(forecasts) == ["target_hour", "predicted_return", "lower", "upper", "actual_return"]
    asked = market["timestamp"][market["timestamp"] >= pd.Timestamp("2025-04-01T00:00Z")]
    assert forecasts["target_hour"].tolist() == asked.tolist()
    assert str(forecasts["target_hour"].dtype) == "datetime64[us, UTC]"
    assert (forecasts["lower"] < forecasts["predicted_return"]).all()
    assert (forecasts["predicted_return"] < forecasts["upper"]).all()


def test_the_actual_return_is_that_of_the_target_hour(forecasts: pd.DataFrame, market: pd.DataFrame) -> None:
    returns = market.set_index("timestamp")["close"].pct_change()
    np.testing.assert_allclose(forecasts["actual_return"], returns[forecasts["target_hour"]], rtol=1e-12)


def test_the_scores_are_those_of_the_forecasts(scores: dict[str, Any], forecasts: pd.DataFrame) -> None:
    error = (forecasts["actual_return"] - forecasts["predicted_return"]).abs().mean()
    zero = forecasts["actual_return"].abs().mean()
    assert scores["mae"] == pytest.approx(error)
    assert scores["zero_change_mae"] == pytest.approx(zero)
    assert scores["skill"] == pytest.approx(1 - error / zero)
    inside = (forecasts["lower"] <= forecasts["actual_return"]) & (forecasts["actual_return"] <= forecasts["upper"])
    assert scores["coverage"] == pytest.approx(inside.mean())
    assert (scores["hours"], scores["refits"], scores["refit"]) == (len(forecasts), 2, "monthly")
    assert set(scores["by_month"]) == {"2025-04", "2025-05"}
    assert scores["models"][scores["model"]]["mae"] == scores["mae"]
    assert set(scores["models"]) == {"lightgbm", "zero-change", "last-return reversal", "EWMA", "trailing mean"}


def test_the_page_needs_nothing_else(done: Result, folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 7
    assert "http" not in page
    assert "Backtest of BTC-USDT" in page


def test_a_person_is_told_the_figures_and_what_was_written(done: Result) -> None:
    assert "BTC-USDT: 1,440 hours from 2025-04-01T00:00:00Z to 2025-05-30T23:00:00Z, 2 fits" in done.output
    assert "zero-change" in done.output
    assert "Too good to be true: walk-forward, R2 was" in done.output  # no real market reverts like this one
    assert "scores.json" in done.output


def test_the_candles_of_later_months_change_no_earlier_forecast(
    market: pd.DataFrame, forecasts: pd.DataFrame, tmp_path: Path
) -> None:
    market[market["timestamp"] < pd.Timestamp("2025-05-01T00:00Z")].to_parquet(tmp_path / "short.parquet")
    assert invoke(tmp_path / "short.parquet", *PERIOD, "--forecasts", tmp_path / "f.parquet").exit_code == 0
    again = pd.read_parquet(tmp_path / "f.parquet")
    pd.testing.assert_frame_equal(again, forecasts.head(len(again)), check_exact=True)
    assert len(again) == 720


def test_full_size_and_never_refitted(file: Path, scores: dict[str, Any], tmp_path: Path) -> None:
    ended = invoke(file, *PERIOD, "--full-size", "--refit", "never", "--score-until", "2025-04-30",
                   "--family", "linear", "--window", "rolling:60", "--json", tmp_path / "s.json")  # fmt: skip
    assert ended.exit_code == 0, ended.output
    told = json.loads((tmp_path / "s.json").read_text())
    assert (told["shrinkage"], told["refits"], told["family"], told["window_days"]) == (1.0, 1, "linear", 60)
    assert told["hours"] == 720


def test_other_symbols_may_be_learnt_from(file: Path, tmp_path: Path) -> None:
    other = simulate_market(150 * 24, seed=6, reversal=0.4)
    other.to_parquet(tmp_path / "ETH-USDT.parquet")
    ended = invoke(file, *PERIOD, "--pool", tmp_path / "ETH-USDT.parquet", "--json", tmp_path / "s.json")
    assert ended.exit_code == 0, ended.output
    told = json.loads((tmp_path / "s.json").read_text())
    assert set(told["candles"]) == {"BTC-USDT", "ETH-USDT"}
    assert told["hours"] == 1440
    assert told["skill"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--train-until", "2025-04-02", "--score-from", "2025-04-01"), 2, "may not learn what it forecasts"),
        (("--train-until", "2025-04-01T00:00:00", "--score-from", "2025-04-01"), 2, "names no time zone"),
        (("--train-until", "soon", "--score-from", "2025-04-01"), 2, "not an ISO 8601 time"),
        (("--train-until", "2025-01-25", "--score-from", "2025-04-01"), 1, "a fit needs 500"),
        (("--train-until", "2025-12-31", "--score-from", "2026-01-01"), 1, "no complete hour to score"),
        ((*PERIOD, "--family", "oracle"), 1, "choose from lightgbm"),
        ((*PERIOD, "--window", "sliding"), 1, "write expanding, or rolling:DAYS"),
        ((*PERIOD, "--shrinkage", "0"), 2, "above 0 and at most 1"),
        ((*PERIOD, "--shrinkage", "0.5", "--full-size"), 2, "not both"),
        ((*PERIOD, "--json", "/nowhere/at/all.json"), 2, "does not exist; make it first"),
        ((*PERIOD, "--refit", "hourly"), 2, "hourly"),
    ],
)
def test_what_cannot_be_done_is_told(file: Path, arguments: tuple[str, ...], code: int, told: str) -> None:
    ended = invoke(file, *arguments)
    assert ended.exit_code == code
    assert told in " ".join(ended.output.replace("\u2502", " ").split())


def test_a_pool_that_names_the_symbol_again_is_refused(file: Path) -> None:
    ended = invoke(file, *PERIOD, "--pool", file)
    assert ended.exit_code == 1
    assert "names a symbol twice" in ended.output


def test_the_command_line_starts_without_what_only_a_backtest_needs() -> None:
    import subprocess
    import sys

    code = "import sys, candlecast.cli; sys.exit(any(name in sys.modules for name in ('numpy', 'pandas', 'training')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
