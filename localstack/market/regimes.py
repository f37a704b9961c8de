"""Commanded regimes of the simulated market: from an hour on, wilder or calmer, reverting or trending."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from localstack.market.candles import SECONDS


class RegimeOrder(BaseModel):
    """Body of PUT /_market/regime.

    From the hour `from` on volatility is multiplied by `volatility` and the short-term reversal by `reversal` (1 leaves
    it, 0 removes it, negative makes momentum). `symbols` null means all. Candles before `from` never change: an order
    replaces earlier orders for the same symbols only from its own hour on.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: Annotated[AwareDatetime, Field(alias="from")]
    volatility: float = Field(default=1.0, ge=0.1, le=20)
    reversal: float = Field(default=1.0, ge=-5, le=5)
    symbols: list[str] | None = None


@dataclass(frozen=True)
class Regime:
    """One symbol's regime from the candle that opens at `hour` on."""

    hour: int
    volatility: float
    reversal: float


_ORDERS = TypeAdapter(list[RegimeOrder])


class BadOrders(Exception):
    """The file of orders cannot be read; the message says what to do."""


class Regimes:
    """The orders in force, as given, and each symbol's regimes in order of time.

    With a *file* they outlive the process: the candles made under them have been handed out. Raises BadOrders.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self.orders: list[RegimeOrder] = []
        if file is not None and file.exists():
            try:
                self.orders = _ORDERS.validate_json(file.read_bytes())
            except ValidationError:
                raise BadOrders(f"{file} holds no orders for the simulated market; delete it.") from None

    def command(self, order: RegimeOrder) -> None:
        self.orders.append(order)
        self._keep()

    def clear(self) -> None:
        self.orders.clear()
        self._keep()

    def _keep(self) -> None:
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            written = self._file.with_suffix(".new")
            written.write_bytes(_ORDERS.dump_json(self.orders, by_alias=True, indent=2))
            written.replace(self._file)

    def of(self, symbol: str) -> tuple[Regime, ...]:
        regimes: list[Regime] = []
        for order in self.orders:
            if order.symbols is None or symbol in order.symbols:
                hour = -int(-order.start.timestamp() // SECONDS)
                regimes = [regime for regime in regimes if regime.hour < hour]
                regimes.append(Regime(hour, order.volatility, order.reversal))
        return tuple(regimes)
