"""Endpoints over models and the verdicts on them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Response, Security

from candlecast.errors import NotFound
from candlecast.promotion import Champion
from lambdas.api.platform import KnownSymbol, Now, PlatformOf, answer, api_key
from lambdas.api.problems import Problem
from lambdas.api.schemas import ChampionAnswer, DriftAnswer, ModelAnswer, ModelsAnswer

router = APIRouter(tags=["models"], dependencies=[Security(api_key)])

LINK_LIFETIME = timedelta(minutes=15)


@router.get("/models", summary="The champion and all versions", response_model=ModelsAnswer)
async def models(platform: PlatformOf, symbol: KnownSymbol) -> Response:
    """Which model version serves, since when and why, and which others are registered."""
    champion = platform.registry.champion(symbol)
    return answer(
        ModelsAnswer(
            symbol=symbol,
            champion=None if champion is None else _champion(champion),
            versions=platform.registry.versions(symbol)[::-1],
        )
    )


@router.get("/models/{version}", summary="One version and its evaluation", response_model=ModelAnswer)
async def model(
    platform: PlatformOf,
    symbol: KnownSymbol,
    version: Annotated[str, Path(pattern="^[0-9]{1,9}$", description="Version number.", examples=["7"])],
) -> Response:
    """How a version did in the evaluation of its training run, and whether that earned it the promotion."""
    try:
        verdict = platform.registry.verdict(symbol, version)
    except NotFound:
        raise Problem(
            "unknown-version",
            f"{symbol} has no model version {version}.",
            f"See /models?symbol={symbol} for the registered ones.",
        ) from None
    champion = platform.registry.champion(symbol)
    return answer(
        ModelAnswer(
            champion=champion is not None and champion.version == version,
            **verdict.model_dump(include=set(ModelAnswer.model_fields)),
        )
    )


@router.get("/drift", summary="The last drift verdict", response_model=DriftAnswer)
async def drift(platform: PlatformOf, now: Now, symbol: KnownSymbol) -> Response:
    """Whether the forecasts are still good, why, and a link to the report that works for 15 minutes."""
    latest = platform.registry.drift_latest(symbol)
    if latest is None:
        raise Problem("no-verdict", f"{symbol} was not checked for drift yet.", "The daily check makes the first one.")
    link = platform.s3.generate_presigned_url(
        "get_object",
        Params={"Bucket": platform.bucket, "Key": latest["report"]},
        ExpiresIn=int(LINK_LIFETIME.total_seconds()),
    )
    return answer(DriftAnswer(**latest, report_url=link, report_expires_at=now + LINK_LIFETIME))


def _champion(champion: Champion) -> ChampionAnswer:
    return ChampionAnswer(
        version=champion.version,
        promoted_at=champion.promoted_at,
        reason=champion.reason,
        previous_version=champion.previous_version,
    )
