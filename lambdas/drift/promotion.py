"""Which version serves from now on: after a training, and when a person names one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from candlecast import hours
from candlecast.errors import NotFound
from candlecast.events import ChampionPromoted
from candlecast.promotion import Champion, TrainingVerdict
from candlecast.telemetry import logger
from lambdas.drift.platform import Platform


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a version."""

    symbol: str
    promoted: bool
    version: str
    reason: str
    message: str
    """One sentence for people."""

    def record(self) -> dict[str, Any]:
        """The function's answer, as the state machine reads it."""
        return asdict(self)


def decide(symbol: str, version: str, started: str, now: datetime, platform: Platform) -> Decision:
    """Promotes a trained version if its verdict says so and it was compared with the champion that still serves.

    *started*: why the training was started. A repeat of the same decision changes nothing. Raises NotFound when the
    version has no verdict, BadBundle when its bundle is not the one that was registered, WriteConflict when another
    promotion was faster.
    """
    verdict = _verdict(symbol, version, platform)
    serving = platform.registry.champion(symbol)
    if not verdict.promote:
        return _kept(verdict, serving, verdict.reason, started)
    if _version(serving) not in (version, verdict.compared_with):
        before, by_now = _named(verdict.compared_with), _named(_version(serving))
        changed = f"It was compared with {before}, but {by_now} serves by now; train again to have it compared."
        return _kept(verdict, serving, changed, started)
    chosen = serving if serving and serving.version == version else verdict.champion(now)
    return _promote(
        symbol, chosen, verdict.compared_with, f"Training was started because: {started.removesuffix('.')}", platform
    )


def promote_named(symbol: str, version: str, asked: str, now: datetime, platform: Platform) -> Decision:
    """Promotes a version whatever its verdict was: a rollback, or a person's own choice. Raises as :func:`decide`."""
    verdict = _verdict(symbol, version, platform)
    serving = platform.registry.champion(symbol)
    if serving is not None and serving.version == version:
        if serving.promoted_at != now:
            reason = f"Version {version} serves already, since {hours.text(serving.promoted_at)}."
            return Decision(symbol, False, version, reason, f"{symbol}: {reason}")
        chosen = serving  # a repeat of this very promotion
    else:
        reason = f"Named by a person: {asked}"
        chosen = verdict.champion(now, reason).model_copy(update={"previous_version": _version(serving)})
    return _promote(symbol, chosen, chosen.previous_version, "Chosen by name", platform)


def _promote(symbol: str, champion: Champion, expected: str | None, why: str, platform: Platform) -> Decision:
    platform.registry.bundle(champion)  # what cannot be read and verified must not serve
    platform.registry.promote(symbol, champion, expected)
    event = ChampionPromoted(
        symbol=symbol,
        timeframe=platform.settings.timeframe,
        hour=hours.last_closed(champion.promoted_at),
        version=champion.version,
        previous_version=champion.previous_version,
        reason=champion.reason,
    )
    platform.bus.publish(event, champion.promoted_at)
    logger.info("promoted", extra={"symbol": symbol, "version": champion.version, "reason": champion.reason})
    before = f"before: {_named(champion.previous_version)}"
    message = f"{symbol}: version {champion.version} serves from now on ({before}). {champion.reason} {why}."
    return Decision(symbol, True, champion.version, champion.reason, message)


def _kept(verdict: TrainingVerdict, serving: Champion | None, reason: str, started: str) -> Decision:
    logger.info("kept back", extra={"symbol": verdict.symbol, "version": verdict.version, "reason": reason})
    message = (
        f"{verdict.symbol}: version {verdict.version} was trained but not promoted; {_named(_version(serving))} serves "
        f"on. {reason} Training was started because: {started.removesuffix('.')}."
    )
    return Decision(verdict.symbol, False, verdict.version, reason, message)


def _verdict(symbol: str, version: str, platform: Platform) -> TrainingVerdict:
    try:
        return platform.registry.verdict(symbol, version)
    except NotFound:
        known = ", ".join(platform.registry.versions(symbol)) or "none"
        raise NotFound(f"{symbol} has no model version {version} with a verdict; it has: {known}.") from None


def _version(champion: Champion | None) -> str | None:
    return champion.version if champion else None


def _named(version: str | None) -> str:
    return f"version {version}" if version else "the baseline"
