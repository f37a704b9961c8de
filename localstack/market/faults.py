"""Declared misbehaviour: what may go wrong, for which requests, how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

DialectName = Literal["binance", "bitstamp", "coinbase", "kraken"]


class _Fault(BaseModel):
    """Which requests a fault strikes: by default every candle request.

    `next`: only the next so many of them. `dialects`, `symbols`: only these. `on`: "any" also strikes requests for
    time, prices and the list of markets. `probability` with `seed`: only this share, drawn alike on every run.
    """

    model_config = ConfigDict(extra="forbid")

    next: int | None = Field(default=None, ge=1)
    dialects: list[DialectName] | None = None
    symbols: list[str] | None = None
    on: Literal["candles", "any"] = "candles"
    probability: float = Field(default=1.0, gt=0, le=1)
    seed: int = 0


class Timeout(_Fault):
    """The answer comes `seconds` late."""

    kind: Literal["timeout"]
    seconds: float = Field(default=30, gt=0, le=600)


class Reset(_Fault):
    """The connection is reset before an answer."""

    kind: Literal["reset"]


class Status(_Fault):
    """The request is refused with this HTTP status, in the exchange's own words.

    `retry_after` in seconds is sent as such, or as the instant on which they end, by the wall clock.
    """

    kind: Literal["status"]
    status: Literal[403, 418, 429, 451, 500, 502, 503, 504]
    retry_after: int | None = Field(default=None, ge=0)
    retry_after_form: Literal["seconds", "date"] = "seconds"


class Garbled(_Fault):
    """A page for people comes with status 200 instead of the answer."""

    kind: Literal["garbled"]


class Truncated(_Fault):
    """The page ends after `rows` rows, the oldest of it."""

    kind: Literal["truncated"]
    rows: int = Field(default=3, ge=0)


class Spoiled(_Fault):
    """The page as a whole is wrong: nothing on it, every row twice, or rows in a shuffled order."""

    kind: Literal["empty", "duplicated", "unordered"]


class Candle(_Fault):
    """Closed candles are wrong: `negative` prices, a `nan` close, a `wick` of a hundred times the price, `provisional`:
    sound, but not yet what the exchange says once the fault has ended, or `conflicting`: the same hour twice with
    different values. Strikes the newest `rows` of the page, or the candles that open at `hours` wherever they are on
    it."""

    kind: Literal["negative", "nan", "wick", "provisional", "conflicting"]
    rows: int = Field(default=1, ge=1)
    hours: list[AwareDatetime] | None = None


class Microseconds(_Fault):
    """Open times are written in microseconds instead of the exchange's own unit."""

    kind: Literal["microseconds"]


class Vanished(_Fault):
    """The symbol is unknown and no longer listed."""

    kind: Literal["vanished"]


class Lag(_Fault):
    """Candles of the last `hours` hours are not there yet."""

    kind: Literal["lag"]
    hours: int = Field(ge=1)


class Skew(_Fault):
    """The exchange's clock is off by `seconds`: what is still open and what it calls the time follow its own clock."""

    kind: Literal["skew"]
    on: Literal["candles", "any"] = "any"
    seconds: float


Fault = Timeout | Reset | Status | Garbled | Truncated | Spoiled | Candle | Microseconds | Vanished | Lag | Skew


class FaultList(BaseModel):
    """Body of PUT /_market/faults; it replaces what was declared before."""

    model_config = ConfigDict(extra="forbid")

    faults: list[Annotated[Fault, Field(discriminator="kind")]]


@dataclass
class _Declared:
    fault: Fault
    left: int | None
    random: Random
    struck: int = 0


@dataclass
class Faults:
    """The faults in force."""

    _declared: list[_Declared] = field(default_factory=list)

    def declare(self, faults: list[Fault]) -> None:
        self._declared = [_Declared(fault, fault.next, Random(fault.seed)) for fault in faults]  # noqa: S311

    def strikes(self, dialect: str, symbol: str | None, *, candles: bool) -> tuple[Fault, ...]:
        """The faults that strike this request; one with a limited number of strikes has one less afterwards."""
        return tuple(each.fault for each in self._declared if _strikes(each, dialect, symbol, candles))

    def vanished(self, dialect: str, symbols: tuple[str, ...]) -> set[str]:
        """Which of the symbols the exchange does not list at present."""
        gone: set[str] = set()
        for each in self._declared:
            fault = each.fault
            if isinstance(fault, Vanished) and each.left != 0 and dialect in (fault.dialects or (dialect,)):
                gone.update(symbols if fault.symbols is None else fault.symbols)
        return gone

    def report(self) -> list[dict[str, object]]:
        """Each fault as declared, with how often it struck and how many strikes are left (null: no limit)."""
        return [
            {**each.fault.model_dump(mode="json", exclude_defaults=True), "struck": each.struck, "left": each.left}
            for each in self._declared
        ]


def _strikes(each: _Declared, dialect: str, symbol: str | None, candles: bool) -> bool:
    fault = each.fault
    if (
        each.left == 0
        or not (candles or fault.on == "any")
        or (fault.dialects is not None and dialect not in fault.dialects)
        or (fault.symbols is not None and symbol not in fault.symbols)
        or (fault.probability < 1 and each.random.random() >= fault.probability)
    ):
        return False
    each.struck += 1
    if each.left is not None:
        each.left -= 1
    return True
