"""The champion, kept warm: fetched and checked when the pointer changes, not at every call."""

from __future__ import annotations

from dataclasses import dataclass

from candlecast.bundle import from_bundle
from candlecast.errors import BadBundle
from candlecast.model import Model
from candlecast.registry import Registry
from lambdas.predict.statement import Author


@dataclass(frozen=True)
class Warm:
    """A champion ready to forecast."""

    key: str
    """Of its bundle in the bucket."""
    sha256: str
    model: Model
    """As it was trained."""
    author: Author


@dataclass(frozen=True)
class Serving:
    """The champion that serves a symbol, or why none does."""

    champion: Warm | None
    note: str | None = None
    broken: bool = False
    """There is a champion, and it cannot be trusted or read: a person has to look."""


class Champions:
    """The champions of all symbols that this container has served."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._warm: dict[str, Warm] = {}

    def serving(self, symbol: str) -> Serving:
        """The symbol's champion. A broken one is no error: the service goes on with the baseline and says why."""
        try:
            champion = self._registry.champion(symbol)
            if champion is None:
                return Serving(None, "no model has been promoted yet")
            warm = self._warm.get(symbol)
            if warm is None or warm.sha256 != champion.sha256:
                model = from_bundle(self._registry.bundle(champion), champion.sha256)
                author = Author(champion.version, float(model.manifest["coverage"]))
                warm = self._warm[symbol] = Warm(champion.uri, champion.sha256, model, author)
        except BadBundle as error:
            return Serving(None, f"the champion cannot be used: {error}", broken=True)
        return Serving(warm)
