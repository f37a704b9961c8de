"""The laws that every declared feature obeys, tried on candles: what a declaration promises is not believed.

future       cutting off the future changes nothing
memory       lengthening the past beyond the warm-up changes nothing
incremental  a few hours computed alone are those of the whole history
gap          a gap is as long as it is: no candle stands in for a missing one
too little   a feature is null after a gap of half its warm-up
unit         the units of price and volume change nothing
known        a feature is known somewhere, else the other laws say nothing about it
stored       what is stored is what the stored candles give

All are exact but `unit` and `gap`, which tell prices in another unit: the logarithm is then rounded elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlecast import features
from candlecast.candles import PRICES, VALUES
from candlecast.errors import LawBroken, TooLittleData
from candlecast.features import FEATURES, VOLATILITY, Feature
from candlecast.measures import Market
from candlecast.windows import epoch_hours, spread

Law = Literal["future", "memory", "incremental", "gap", "too little", "unit", "known", "stored"]
LAWS: tuple[Law, ...] = get_args(Law)
OF_ANY_CANDLES = LAWS[:-1]
"""The laws that need nothing stored."""

PLACES = 4
"""Hours, spread evenly over the candles, at which each law is tried."""
TOLERANCE = 1e-9
"""Of features, which are numbers around 1, where a law cannot be exact."""
_AFTER = 48
_GAPS = (0, 1, 2, 5)
_FACTOR = 1024.0

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Violation:
    """A feature that broke a law, with the first hour where it showed."""

    law: Law
    feature: str
    hour: datetime
    """Open time of the candle whose feature it is."""
    lawful: float
    found: float

    def __str__(self) -> str:
        lawful, found = ("null" if np.isnan(value) else f"{value:g}" for value in (self.lawful, self.found))
        hour = f"{self.hour:%Y-%m-%d %H:%M}"
        return f"{self.feature} breaks the law '{self.law}' at {hour}: it is {found} instead of {lawful}"


def needed(declared: Sequence[Feature] = FEATURES) -> int:
    """Candles that check() needs at least."""
    return 2 * _warm_up(declared) + 2 * _AFTER


def check(candles: pd.DataFrame, declared: Sequence[Feature] = FEATURES) -> list[Violation]:
    """The first violation of each law by each feature, and by the volatility that scales them; none if all is well.

    *candles*: a candle table, with or without gaps. Raises TooLittleData below needed() candles.
    """
    if len(candles) < needed(declared):
        raise TooLittleData(f"the laws need {needed(declared)} candles, there are {len(candles)}: take a longer span.")
    columns = (VOLATILITY, *declared)
    trial = _Trial(candles, declared, features.compute(candles, declared=declared))
    found: dict[tuple[Law, str], Violation] = {}
    for violation in trial.violations():
        found.setdefault((violation.law, violation.feature), violation)
    order = {feature.name: position for position, feature in enumerate(columns)}
    return sorted(found.values(), key=lambda each: (order[each.feature], LAWS.index(each.law)))


def uphold(candles: pd.DataFrame, declared: Sequence[Feature] = FEATURES) -> None:
    """Raises LawBroken, naming every violation, if a feature breaks a law on these candles. See check."""
    if violations := check(candles, declared):
        raise LawBroken(
            f"{'; '.join(map(str, violations))}. Mend the declaration in candlecast/features.py or its measure: "
            "what is trained on such a feature is not what will be served."
        )


def check_stored(candles: pd.DataFrame, rows: pd.DataFrame) -> list[Violation]:
    """The first violation of `stored` by each feature.

    *candles*: a candle table; *rows*: the stored features of the same hours. The first warm-up of candles is passed
    over, for which older ones may be stored than are given.
    """
    made = features.compute(candles)[features.WARM_UP - 1 :].reset_index(drop=True)
    found = rows.set_index("open_time").reindex(made["open_time"])[list(made.columns[1:])].reset_index()
    return list(_compare("stored", made, found))


def _warm_up(declared: Sequence[Feature]) -> int:
    return max(feature.warm_up for feature in (VOLATILITY, *declared))


@dataclass(frozen=True)
class _Trial:
    candles: pd.DataFrame
    declared: Sequence[Feature]
    whole: pd.DataFrame

    def violations(self) -> Iterator[Violation]:
        yield from self._known()
        yield from self._unit()
        for place in self._places():
            yield from self._future(place)
            yield from self._memory(place)
            yield from self._incremental(place)
            yield from self._gap(place)
            yield from self._too_little(place)

    def _places(self) -> list[int]:
        """Positions of candles with a whole warm-up before them and some hours after."""
        first, last = _warm_up(self.declared) + 1, len(self.candles) - _warm_up(self.declared) - _AFTER
        return sorted({int(place) for place in np.linspace(first, last, PLACES)})

    def _known(self) -> Iterator[Violation]:
        nothing = self.whole.isna().all()
        for name in nothing.index[nothing]:
            yield Violation("known", name, self._hour(len(self.whole) - 1), np.inf, np.nan)

    def _unit(self) -> Iterator[Violation]:
        other = self.candles.copy()
        other[list(PRICES)] *= 1000.0
        other["volume"] *= 0.001
        yield from _compare("unit", self.whole, self._compute(other), TOLERANCE)

    def _future(self, place: int) -> Iterator[Violation]:
        yield from _compare("future", self._compute(self.candles[: place + 1]), self.whole[: place + 1])

    def _memory(self, place: int) -> Iterator[Violation]:
        """Each feature from just its own warm-up, at a few hours."""
        for position in (place, place + _AFTER // 2):
            for warm_up, group in groupby(sorted(self.declared, key=_by_warm_up), key=_by_warm_up):
                short = self.candles[position + 1 - warm_up : position + 1]
                alone = features.compute(short, declared=tuple(group))[-1:].drop(columns=VOLATILITY.name)
                yield from _compare("memory", alone, self.whole[position : position + 1][list(alone)])
            short = self.candles[position + 1 - VOLATILITY.warm_up : position + 1]
            alone = features.compute(short, declared=())[-1:]
            yield from _compare("memory", alone, self.whole[position : position + 1][list(alone)])

    def _incremental(self, place: int) -> Iterator[Violation]:
        end = place + _AFTER
        start = self.candles["open_time"].iloc[place]
        rows = features.compute(self.candles[:end], start.to_pydatetime(), self.declared)
        yield from _compare("incremental", self.whole[place:end], rows)

    def _gap(self, place: int) -> Iterator[Violation]:
        """What lies before some hour is felt no longer where hours are missing from there on than where none is.

        To see who feels it, those prices and volumes are told in another unit. The move of a day feels it for a day,
        gap or no gap. Whoever counts candles instead of hours, or takes one for a missing one, feels it for longer.
        """
        longest: dict[str, int] = {}
        for hours in _GAPS:
            gapped = self._without(place, hours)
            other = gapped.copy()
            before = gapped["open_time"] < self.candles["open_time"].iloc[place]
            other.loc[before, [*PRICES, "volume"]] *= _FACTOR
            plain, felt = self._after(gapped, before), self._after(other, before)
            for name, values in plain.items():
                feeling = np.flatnonzero(_differ(values, felt[name], TOLERANCE)[hours:])
                last = int(feeling[-1]) + hours if len(feeling) else -1
                if last > longest.setdefault(name, last):
                    hour = self._hour(place) + timedelta(hours=last)
                    yield Violation("gap", name, hour, float(values[last]), float(felt[name][last]))

    def _after(self, candles: pd.DataFrame, before: pd.Series) -> dict[str, Values]:
        """Each feature at every hour that is not *before*; not scaled, for through the scale all is felt by all."""
        hours = epoch_hours(candles["open_time"])
        grid = np.arange(hours[0], hours[-1] + 1)
        on_grid = {name: spread(candles[name].to_numpy(), hours - hours[0], len(grid)) for name in VALUES}
        market = Market(grid, on_grid, int(hours[-1] - hours[before.sum() - 1]))
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = {VOLATILITY.name: market.volatility}
            market.volatility = np.ones(market.close.span)
            return scale | {feature.name: feature.values(market) for feature in self.declared}

    def _too_little(self, place: int) -> Iterator[Violation]:
        for warm_up in sorted({feature.warm_up for feature in self.declared if feature.warm_up > 1}):
            hours = (warm_up + 1) // 2
            gapped = self._without(place, hours)
            row = int((gapped["open_time"] < self.candles["open_time"].iloc[place]).sum())
            found = self._compute(gapped[: row + 1])[-1:]
            names = [feature.name for feature in self.declared if feature.warm_up == warm_up]
            nothing = found.assign(**dict.fromkeys(names, np.nan))
            yield from _compare("too little", nothing, found)

    def _without(self, place: int, hours: int) -> pd.DataFrame:
        """The candles around a place, without the hours from there on."""
        reach = _warm_up(self.declared)
        around = self.candles[place - reach : place + reach + _AFTER]
        start = self.candles["open_time"].iloc[place]
        kept = (around["open_time"] < start) | (around["open_time"] >= start + pd.Timedelta(hours=hours))
        gapped: pd.DataFrame = around[kept].reset_index(drop=True)
        return gapped

    def _compute(self, candles: pd.DataFrame) -> pd.DataFrame:
        return features.compute(candles, declared=self.declared)

    def _hour(self, position: int) -> datetime:
        hour: datetime = self.candles["open_time"].iloc[position].to_pydatetime()
        return hour


def _by_warm_up(feature: Feature) -> int:
    return feature.warm_up


def _compare(law: Law, lawful: pd.DataFrame, found: pd.DataFrame, tolerance: float = 0.0) -> Iterator[Violation]:
    """The first difference of each feature between two tables of the same hours."""
    for name in lawful.columns[2:]:  # after open_time and close
        differing = _differ(lawful[name].to_numpy(), found[name].to_numpy(), tolerance)
        if differing.any():
            yield _violation(law, lawful, found, name, int(differing.argmax()))


def _differ(one: Values, other: Values, tolerance: float) -> NDArray[np.bool_]:
    """Where two features differ by more than rounding, or only one of them is known."""
    apart = np.abs(one - other) > tolerance * np.maximum(1.0, np.abs(one))
    differing: NDArray[np.bool_] = apart | (np.isnan(one) != np.isnan(other))
    return differing


def _violation(law: Law, lawful: pd.DataFrame, found: pd.DataFrame, name: str, row: int) -> Violation:
    hour = lawful["open_time"].iloc[row].to_pydatetime()
    return Violation(law, name, hour, float(lawful[name].iloc[row]), float(found[name].iloc[row]))
