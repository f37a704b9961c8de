import json
import time

import numpy as np
import pytest

from candlecast.calibration import HOURS, Calibration, Followed

START = 480_000  # some hour of 2024


def returns_on_scale(hours: int, seed: int = 3) -> np.ndarray:
    """Fat-tailed residuals, a little skewed."""
    residuals = np.random.default_rng(seed).standard_t(4, hours)
    return residuals * np.where(residuals > 0, 1.0, 1.2)


def fresh(coverage: float = 0.8) -> Calibration:
    return Calibration.of(returns_on_scale(HOURS), coverage, until=START - 1)


def follow(state: Calibration, residuals: np.ndarray, start: int = START) -> tuple[Followed, Calibration]:
    return state.follow(np.arange(start, start + len(residuals)), residuals, np.ones(len(residuals)))


def inside(told: Followed, residuals: np.ndarray) -> np.ndarray:
    return (told.lower <= residuals) & (residuals <= told.upper)


def test_it_begins_with_the_quantiles_of_what_it_was_given() -> None:
    state = fresh()
    assert state.lower == pytest.approx(np.quantile(state.residuals, 0.1))
    assert state.upper == pytest.approx(np.quantile(state.residuals, 0.9))


def test_each_tail_has_its_own_quantile() -> None:
    assert -fresh().lower > 1.1 * fresh().upper


def test_coverage_finds_back_to_its_nominal_value_when_everything_doubles() -> None:
    residuals = returns_on_scale(3000, seed=8)
    residuals[500:] *= 2
    told, state = follow(fresh(), residuals)
    held = inside(told, residuals)
    static = inside(Followed(*np.full((3, 3000), [[fresh().lower], [fresh().upper], [0.5]])), residuals)
    assert static[500:].mean() < 0.6, "without learning most of the promise is broken for good"
    assert held[:500].mean() == pytest.approx(0.8, abs=0.04)
    assert held[500:800].mean() > 0.62
    assert held[800:].mean() == pytest.approx(0.8, abs=0.02)
    assert state.upper == pytest.approx(2 * fresh().upper, rel=0.2)


def test_and_when_a_wild_market_falls_asleep() -> None:
    residuals = returns_on_scale(3000, seed=9)
    residuals[500:] /= 2
    told, _ = follow(fresh(), residuals)
    assert inside(told, residuals)[800:].mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_any_coverage_is_kept_over_years_of_waves(coverage: float) -> None:
    residuals = returns_on_scale(20_000, seed=4) * np.exp(0.7 * np.sin(np.arange(20_000) / 900))
    told, _ = follow(fresh(coverage), residuals)
    assert inside(told, residuals).mean() == pytest.approx(coverage, abs=0.005)


def test_no_outcome_touches_what_was_said_of_its_own_hour_or_of_an_earlier_one() -> None:
    residuals = returns_on_scale(400)
    changed = residuals.copy()
    changed[200:] = 50.0
    before, after = (follow(fresh(), values)[0] for values in (residuals, changed))
    np.testing.assert_array_equal(before.lower[:201], after.lower[:201])
    np.testing.assert_array_equal(before.upper[:201], after.upper[:201])
    assert before.upper[201] < after.upper[201], "the next hour knows it"


def test_hour_by_hour_is_the_same_as_a_block_at_once() -> None:
    residuals = returns_on_scale(60)
    residuals[7] = np.nan
    _, block = follow(fresh(), residuals)
    state = fresh()
    for place, residual in enumerate(residuals.tolist()):
        state = state.settled(START + place, residual)
    assert state == block


def test_an_hour_is_learnt_once_however_often_it_is_told() -> None:
    residuals = returns_on_scale(50)
    _, once = follow(fresh(), residuals)
    _, twice = follow(once, residuals)
    late = once.settled(START + 3, 99.0)
    assert once == twice == late
    assert once.until == START + 49


def test_an_unknown_outcome_teaches_nothing_and_leaves_the_hour_open() -> None:
    unknown = fresh().settled(START, np.nan)
    assert unknown == fresh()
    assert unknown.settled(START, 1.0) != unknown


def test_a_state_that_was_written_and_read_goes_on_as_the_one_that_was_not() -> None:
    residuals = returns_on_scale(200)
    _, state = follow(fresh(), residuals[:100])
    read = Calibration.from_record(json.loads(json.dumps(state.record())))
    assert read == state
    assert follow(read, residuals[100:], START + 100)[1] == follow(state, residuals[100:], START + 100)[1]
    assert len(json.dumps(state.record())) < 30_000


def test_it_remembers_no_more_than_90_days() -> None:
    newest = returns_on_scale(HOURS, seed=6)
    _, state = follow(fresh(), newest)
    assert state.residuals == Calibration.of(newest, 0.8, START).residuals


@pytest.mark.parametrize(
    "damage",
    [
        {"residuals": []},
        {"residuals": [1.0, float("nan")]},
        {"residuals": "many"},
        {"correction": 40.0},
        {"correction": float("inf")},
        {"coverage": 1.5},
        {"until": None},
    ],
)
def test_a_damaged_state_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Calibration.from_record(fresh().record() | damage)


def test_the_share_within_grows_with_the_distance_and_stays_short_of_certainty() -> None:
    shares = fresh().within(np.array([0.0, 1e-9, 0.1, 1.0, 5.0, 1e6]))
    assert (np.diff(shares) > 0).all()
    assert shares[0] < 1e-12
    assert 0.95 < shares[-1] < 1
    one_by_one, _ = fresh().follow(np.arange(START, START + 2), np.full(2, np.nan), np.array([0.1, 1.0]))
    np.testing.assert_array_equal(one_by_one.within, shares[2:4])


def test_years_of_hours_take_less_than_a_second() -> None:
    residuals = returns_on_scale(20_000)
    began = time.process_time()
    follow(fresh(), residuals)
    assert time.process_time() - began < 1.0
