"""The drift rule as tables: forecasts and what happened in, verdict out."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from candlecast import drift
from candlecast.settings import DriftSettings

NOW = datetime(2026, 11, 20, 0, 15, tzinfo=UTC)
MIDNIGHT = NOW.replace(minute=0)
RULE = DriftSettings(
    mode="any",
    window_hours=168,
    absolute_threshold=0.0045,
    relative_threshold=1.02,
    relative_clear=1.0,
    consecutive_checks=24,
    minimum_hours=120,
    cooldown_hours=168,
)


def rule(**changes: object) -> DriftSettings:
    return DriftSettings.model_validate(RULE.model_dump() | changes)


def settled(size: float = 0.003, ratio: float = 0.99, hours: int = 600, end: datetime = MIDNIGHT) -> pd.DataFrame:
    """The last *hours* before *end*: moves of about *size*, forecast with *ratio* times the error of no change."""
    random = np.random.default_rng(0)
    actual = size * random.choice([-1.0, 1.0], hours) * random.uniform(0.5, 1.5, hours)
    predicted = (1 - ratio) * actual
    return pd.DataFrame(
        {
            "target_hour": pd.date_range(end=end - timedelta(hours=1), periods=hours, freq="h"),
            "model_version": "3",
            "predicted_return": predicted,
            "actual_return": actual,
            "absolute_error": np.abs(actual - predicted),
            "inside_interval": random.uniform(size=hours) < 0.8,
        }
    )


def after(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """*second* laid over the end of *first*."""
    return pd.concat([first.iloc[: -len(second)], second], ignore_index=True)


HEALTHY, WILD, ROTTEN = settled(), settled(size=0.009), settled(ratio=1.05)


@pytest.mark.parametrize(
    ("mode", "forecasts", "breach", "cause"),
    [
        ("relative", HEALTHY, False, "none"),
        ("absolute", HEALTHY, False, "none"),
        ("relative", WILD, False, "none"),
        ("absolute", WILD, True, "market volatility"),
        ("any", WILD, True, "market volatility"),
        ("all", WILD, False, "none"),
        ("relative", ROTTEN, True, "model decay"),
        ("absolute", ROTTEN, False, "none"),
        ("any", ROTTEN, True, "model decay"),
        ("all", ROTTEN, False, "none"),
        ("all", settled(size=0.009, ratio=1.05), True, "model decay"),
    ],
)
def test_the_modes_tell_a_wild_market_from_a_rotten_model(
    mode: str, forecasts: pd.DataFrame, breach: bool, cause: str
) -> None:
    verdict = drift.assess(forecasts, NOW, rule(mode=mode), None)
    assert (verdict.breach, verdict.retrain, verdict.cause) == (breach, breach, cause)


def test_the_absolute_rule_is_the_mean_of_the_hourly_errors_over_seven_days() -> None:
    verdict = drift.assess(WILD, NOW, RULE, None)
    assert verdict.figures["mae"] == pytest.approx(WILD["absolute_error"].tail(168).mean())
    assert verdict.figures["zero_change_mae"] == pytest.approx(WILD["actual_return"].abs().tail(168).mean())
    assert verdict.figures["relative"] == pytest.approx(0.99)
    assert verdict.figures["coverage"] == pytest.approx(WILD["inside_interval"].tail(168).mean())


@pytest.mark.parametrize(("mae", "breach"), [(0.00449, False), (0.0045, False), (0.00451, True)])
def test_the_absolute_rule_breaches_above_its_threshold_only(mae: float, breach: bool) -> None:
    exact = HEALTHY.assign(actual_return=mae, predicted_return=0.0, absolute_error=mae, model_version="baseline")
    assert drift.assess(exact, NOW, rule(mode="absolute"), None).breach is breach


class TestRelativeRule:
    RELATIVE = rule(mode="relative")

    def spike(self, hours_ago: int) -> pd.DataFrame:
        """Healthy but for one terrible forecast, which lifts every window that holds it."""
        table = HEALTHY.copy()
        table.loc[len(table) - hours_ago, "absolute_error"] = 0.1
        return table

    @pytest.mark.parametrize(("hours_ago", "breach"), [(1, False), (23, False), (24, True), (100, True)])
    def test_it_takes_agreement_at_every_one_of_the_last_checks(self, hours_ago: int, breach: bool) -> None:
        verdict = drift.assess(self.spike(hours_ago), NOW, self.RELATIVE, None)
        assert verdict.figures["checks_over_threshold"] == hours_ago
        assert verdict.breach is breach

    def test_it_stays_broken_until_as_many_checks_are_below_the_clear_level(self) -> None:
        mended = [
            drift.assess(self.spike(168 + hours), NOW, self.RELATIVE, None).breach for hours in (1, 12, 23, 24, 40)
        ]
        assert mended == [True, True, True, False, False]

    def test_between_the_two_levels_it_neither_breaks_nor_mends(self) -> None:
        between = settled(ratio=1.01)
        assert not drift.assess(between, NOW, self.RELATIVE, None).breach
        broken = between.copy()
        broken.loc[len(between) - 200, "absolute_error"] = 0.1
        assert drift.assess(broken, NOW, self.RELATIVE, None).breach

    def test_it_starts_afresh_when_a_retraining_was_started(self) -> None:
        spike = self.spike(100)
        assert drift.assess(spike, NOW, rule(mode="relative", cooldown_hours=0), NOW - timedelta(hours=30)).breach
        assert not drift.assess(spike, NOW, rule(mode="relative", cooldown_hours=0), NOW - timedelta(hours=20)).breach


class TestGuards:
    @pytest.mark.parametrize(("hours", "cause"), [(0, "data fault"), (119, "data fault"), (120, "market volatility")])
    def test_too_few_settled_hours_give_a_data_fault_and_never_a_breach(self, hours: int, cause: str) -> None:
        verdict = drift.assess(WILD.tail(hours), NOW, RULE, None)
        assert (verdict.cause, verdict.breach) == (cause, cause != "data fault")
        assert verdict.figures["settled_hours"] == hours

    def test_hours_that_are_not_settled_do_not_count(self) -> None:
        waiting = WILD.astype({"inside_interval": object})
        outcome = ["actual_return", "absolute_error", "inside_interval"]
        waiting.loc[waiting.index[-60:], outcome] = None
        assert drift.assess(waiting, NOW, RULE, None).cause == "data fault"

    def test_a_forecast_that_is_no_number_does_not_count_as_a_perfect_one(self) -> None:
        table = ROTTEN.copy()
        table.loc[table.index[-40:-30], ["predicted_return", "absolute_error"]] = np.nan
        figures = drift.assess(table, NOW, RULE, None).figures
        assert figures["settled_hours"] == 158
        assert figures["relative"] == pytest.approx(1.05)

    @pytest.mark.parametrize(("hours_ago", "retrain"), [(1, False), (167, False), (168, True), (400, True)])
    def test_after_a_retraining_was_started_none_starts_within_the_cooldown(
        self, hours_ago: int, retrain: bool
    ) -> None:
        verdict = drift.assess(WILD, NOW, RULE, NOW - timedelta(hours=hours_ago))
        assert (verdict.breach, verdict.retrain) == (True, retrain)
        assert ("No retraining before" in verdict.reason) is not retrain

    @pytest.mark.parametrize(("hours", "cause"), [(23, "none"), (24, "frozen forecast")])
    def test_a_model_that_says_one_thing_all_day_is_at_fault(self, hours: int, cause: str) -> None:
        table = HEALTHY.copy()
        table.loc[table.index[-hours:], "predicted_return"] = 1e-4
        assert drift.assess(table, NOW, RULE, None).cause == cause

    def test_the_baseline_may_say_one_thing_all_day(self) -> None:
        table = HEALTHY.assign(predicted_return=0.0, absolute_error=HEALTHY["actual_return"].abs())
        assert drift.assess(table.assign(model_version="baseline"), NOW, RULE, None).cause == "none"


def test_forecasts_of_hours_still_running_or_to_come_play_no_part() -> None:
    later = after(HEALTHY, HEALTHY.tail(5).assign(absolute_error=9.0))
    five_hours_ago = NOW - timedelta(hours=5)
    whole, cut = (drift.assess(table, five_hours_ago, RULE, None) for table in (later, HEALTHY.iloc[:-5]))
    assert whole == cut


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert drift.assess(ROTTEN.sample(frac=1, random_state=0), NOW, RULE, None) == drift.assess(ROTTEN, NOW, RULE, None)


def test_the_hours_named_by_history_hours_are_all_it_looks_at() -> None:
    needed = drift.history_hours(RULE)
    assert drift.assess(ROTTEN.tail(needed), NOW, RULE, None) == drift.assess(ROTTEN, NOW, RULE, None)


def test_a_market_without_any_move_is_no_drift() -> None:
    still = HEALTHY.assign(actual_return=0.0, predicted_return=0.0, absolute_error=0.0, model_version="baseline")
    verdict = drift.assess(still, NOW, RULE, None)
    assert (verdict.cause, verdict.figures["relative"]) == ("none", None)


@pytest.mark.parametrize(
    ("forecasts", "sentence"),
    [
        (
            HEALTHY,
            "No drift: over 168 of 168 hours the mean absolute error was 0.00301 (threshold 0.00450), 0.990 times",
        ),
        (
            WILD,
            "Market volatility: over 168 of 168 hours the mean absolute error was 0.00902 (threshold 0.00450), 0.990",
        ),
        (
            ROTTEN,
            "Model decay: over 168 of 168 hours the mean absolute error was 0.00319 (threshold 0.00450), 1.050 times",
        ),
        (
            HEALTHY.tail(50),
            "Data fault: 50 of the last 168 hours have a settled forecast, 120 are needed for a verdict",
        ),
    ],
    ids=["none", "volatility", "decay", "data"],
)
def test_every_verdict_says_why_in_one_sentence_with_its_numbers(forecasts: pd.DataFrame, sentence: str) -> None:
    assert drift.assess(forecasts, NOW, RULE, None).reason.startswith(sentence)


def test_the_hourly_checks_are_there_for_plots() -> None:
    verdict = drift.assess(ROTTEN, NOW, RULE, None)
    assert [*verdict.checks.columns] == ["hour", "mae", "zero_change_mae", "relative", "settled_hours"]
    assert verdict.checks["hour"].iloc[-1] == pd.Timestamp(MIDNIGHT)
    assert len(verdict.checks) == RULE.window_hours + RULE.consecutive_checks + 1
