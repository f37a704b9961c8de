"""Whether the service can be relied on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Response

from candlecast import hours
from lambdas.api.platform import Now, Platform, PlatformOf, answer
from lambdas.api.schemas import GapAnswer, HealthAnswer, Status, SymbolHealth

router = APIRouter(tags=["health"])

LATE = timedelta(hours=1, minutes=10)
"""A forecast is of the present hour, and the next one takes a few minutes to come."""
MISLEADING = timedelta(hours=2)
RECENT = timedelta(hours=48)
"""Ingest asks again for what is missing of so many hours; older gaps are for the weekly repair, and no news."""
SHOWN_GAPS = 10


@router.get(
    "/health",
    summary="Whether the service can be relied on; needs no key",
    response_model=HealthAnswer,
    responses={503: {"model": HealthAnswer, "description": "The service would mislead"}},
)
async def health(platform: PlatformOf, now: Now) -> Response:
    """Champion, newest forecast and candle, and gaps of every symbol. 503 when one's newest forecast is too old."""
    symbols = platform.settings.symbols
    with ThreadPoolExecutor(min(len(symbols), 10)) as threads:
        found = list(threads.map(partial(symbol_health, platform, now=now), symbols))
    down = any(each.forecast_age_seconds is None or _age(each) > MISLEADING for each in found)
    status: Status = "down" if down else "degraded" if any(each.degraded for each in found) else "ok"
    body = HealthAnswer(status=status, environment=platform.settings.environment, as_of=now, symbols=found)
    return answer(body, HTTPStatus.SERVICE_UNAVAILABLE if down else HTTPStatus.OK)


def symbol_health(platform: Platform, symbol: str, now: datetime) -> SymbolHealth:
    """How one symbol is served at *now*."""
    champion, newest = platform.registry.champion(symbol), platform.forecasts.newest(symbol)
    degraded = [] if champion else ["no champion yet: the baseline serves"]
    if newest is None:
        degraded.append("no forecast yet")
    else:
        if now - newest.target_hour > LATE:
            degraded.append(f"the newest forecast is of the hour from {hours.text(newest.target_hour)}")
        if champion and newest.note:
            degraded.append(newest.note)
    record = platform.gaps.read(symbol)
    if lately := sum(gap.hours for gap in record.inner if gap.end > now - RECENT):
        degraded.append(f"hours of the last two days without a candle: {lately}")
    return SymbolHealth(
        symbol=symbol,
        champion_version=champion.version if champion else None,
        newest_target_hour=newest.target_hour if newest else None,
        forecast_age_seconds=int((now - newest.target_hour).total_seconds()) if newest else None,
        candle_age_seconds=int((now - newest.origin).total_seconds()) if newest else None,
        gap_hours=record.hours,
        gaps=[GapAnswer(**gap.model_dump()) for gap in record.inner[: -SHOWN_GAPS - 1 : -1]],
        degraded=degraded,
    )


def _age(each: SymbolHealth) -> timedelta:
    return timedelta(seconds=each.forecast_age_seconds or 0)
