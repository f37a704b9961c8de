"""Endpoints over stored forecasts: the one of an asked hour, and the history."""

from __future__ import annotations

import re
from datetime import date as calendar_date
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response, Security
from pydantic import BeforeValidator

from candlecast import hours
from candlecast.errors import BadRequest
from candlecast.forecast import Forecast
from lambdas.api import asked_hour
from lambdas.api.platform import KnownSymbol, Now, Platform, PlatformOf, answer, api_key
from lambdas.api.problems import Problem
from lambdas.api.schemas import ForecastAnswer, ForecastPage, PredictAnswer

router = APIRouter(tags=["forecasts"], dependencies=[Security(api_key)])


def _calendar_date(text: object) -> object:
    """Only 2026-11-20: pydantic alone would take epoch seconds and times as well."""
    if not (isinstance(text, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text)):
        raise ValueError("no date")
    return calendar_date.fromisoformat(text)


def _digits(text: object) -> object:
    """Only plain digits: pydantic alone would take 9.0 and +9 as well."""
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueError("no whole number")
    return int(text)


def _instant(text: object) -> object:
    """An ISO time with a zone."""
    try:
        return hours.parse(str(text))
    except BadRequest as error:
        raise ValueError(str(error)) from None


AskedDate = Annotated[
    calendar_date | None,
    BeforeValidator(_calendar_date),
    Query(description="Date of the target hour; left out with `hour`: the newest.", examples=["2026-11-20"]),
]
AskedHour = Annotated[
    int | None, BeforeValidator(_digits), Query(ge=0, le=23, description="Hour of that date.", examples=[15])
]
AskedZone = Annotated[
    str | None, Query(description="IANA zone of date and hour; left out: UTC.", examples=["Europe/Berlin"])
]
AskedInstant = Annotated[datetime | None, BeforeValidator(_instant), Query(examples=["2026-11-20T15:00:00Z"])]
Limit = Annotated[int, BeforeValidator(_digits), Query(ge=1, le=500, description="Most forecasts on a page.")]


@router.get("/predict", summary="The forecast of one target hour, or the newest", response_model=PredictAnswer)
async def predict(
    platform: PlatformOf,
    now: Now,
    symbol: KnownSymbol,
    date: AskedDate = None,
    hour: AskedHour = None,
    tz: AskedZone = None,
) -> Response:
    """Hour 15 is the hour from 15:00 to 16:00; its forecast uses nothing later than 15:00.

    After the hour the answer tells what really happened. A past hour that has no forecast gets one, made from only what
    was known then (`kind`: backfill).
    """
    if date is None and hour is None and tz is None:
        return answer(PredictAnswer.at(_newest(platform, symbol, now), now))
    if date is None or hour is None:
        raise Problem(
            "wrong-parameter",
            "date and hour belong together, and tz to them.",
            "Give both, like date=2026-11-20&hour=15, or neither for the newest forecast.",
        )
    target = asked_hour.target_hour(date, hour, asked_hour.zone("UTC" if tz is None else tz))
    asked_hour.check_askable(target, now)
    return answer(PredictAnswer.at(_of_hour(platform, symbol, target, now), now))


@router.get("/forecasts", summary="Past forecasts and what really happened", response_model=ForecastPage)
async def forecasts(
    platform: PlatformOf,
    now: Now,
    symbol: KnownSymbol,
    start: AskedInstant = None,
    end: AskedInstant = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before.")] = None,
) -> Response:
    """Forecasts of the target hours from `start` until before `end`, newest first; left out: all until now."""
    first, until = start or asked_hour.EARLIEST, end or hours.floor(now) + hours.HOUR
    if first >= until:
        raise Problem("wrong-parameter", "start is not before end.", "Swap them, or leave one out.")
    try:
        page = platform.forecasts.range(symbol, first, until, limit=limit, cursor=cursor, descending=True)
    except BadRequest as error:
        raise Problem("wrong-parameter", str(error), "Give the next_cursor of the page before, unchanged.") from None
    found = [ForecastAnswer.of(forecast) for forecast in page.forecasts]
    return answer(ForecastPage.model_construct(symbol=symbol, forecasts=found, next_cursor=page.cursor))


def _newest(platform: Platform, symbol: str, now: datetime) -> Forecast:
    # The present hour's, but for its first minute: one read of one item.
    found = platform.forecasts.get(symbol, hours.floor(now)) or platform.forecasts.newest(symbol)
    if found is None:
        raise Problem(
            "no-forecast",
            f"{symbol} has no forecast yet.",
            "Wait for the next full hour, or run a backfill; /health tells what is missing.",
        )
    return found


def _of_hour(platform: Platform, symbol: str, target: datetime, now: datetime) -> Forecast:
    """The stored forecast; a past hour without one is forecast now."""
    if found := platform.forecasts.get(symbol, target):
        return found
    if target == hours.floor(now):
        raise Problem(
            "no-forecast",
            f"The forecast of the hour from {hours.text(target)} is not made yet; that takes a minute or two.",
            "Ask again in a minute; if it stays so, see /health.",
            retry_after=60,
        )
    platform.predict.backfill(symbol, target, now)
    if found := platform.forecasts.get(symbol, target):
        return found
    raise Problem(
        "no-forecast",
        f"There are not enough candles of {symbol} before {hours.text(target)} to forecast it.",
        "Ask for a later hour, or have the operator backfill candles further back.",
    )
