"""What the endpoints work with, and what every request brings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Query, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from candlecast.forecast_table import ForecastTable
from candlecast.gaps import GapStore
from candlecast.registry import Registry
from candlecast.settings import Settings
from lambdas.api.predict_function import PredictFunction
from lambdas.api.problems import Problem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Platform:
    """The deployed parts that the endpoints read, made once per container."""

    settings: Settings
    bucket: str
    s3: S3Client
    forecasts: ForecastTable
    registry: Registry
    gaps: GapStore
    predict: PredictFunction


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


async def platform_of(request: Request) -> Platform:
    """The platform that the app was made with."""
    return _platform(request)


async def asked_at(request: Request) -> datetime:
    """When API Gateway took the request, UTC: the only "now" of an endpoint."""
    epoch: int = request.scope["aws.event"]["requestContext"]["requestTimeEpoch"]
    return datetime.fromtimestamp(epoch / 1000, UTC)


async def known_symbol(
    request: Request,
    symbol: Annotated[
        str | None,
        Query(description="Base and quote currency; left out: the first configured one.", examples=["BTC-USDT"]),
    ] = None,
) -> str:
    """The symbol asked for. Raises Problem `unknown-symbol`, which lists the known ones."""
    symbols = _platform(request).settings.symbols
    if symbol is None:
        return symbols[0]
    if symbol not in symbols:
        raise Problem(
            "unknown-symbol",
            f"{symbol[:40]!r} is not served here.",
            f"Ask for one of {', '.join(symbols[:10])}{', …' if len(symbols) > 10 else ''}.",
            known=list(symbols),
        )
    return symbol


async def declared_parameters_only(request: Request) -> None:
    """Refuses query parameters that the endpoint does not take, and those given twice, by name."""
    route = request.scope["route"]
    known = parameters(route) if isinstance(route, APIRoute) else []
    given = [name for name, _ in request.query_params.multi_items()]
    if strange := sorted(set(given) - set(known)):
        raise Problem(
            "wrong-parameter",
            f"{_listed(strange)} is no parameter of {route.path}.",
            f"It takes {_listed(known)}." if known else "It takes no parameters.",
            parameters=strange,
        )
    if twice := sorted({name for name in given if given.count(name) > 1}):
        raise Problem("wrong-parameter", f"{_listed(twice)} is given twice.", "Give it once.", parameters=twice)


def parameters(route: APIRoute) -> list[str]:
    """The names of the query parameters that a route and what it depends on take, in their order."""
    own = [field.alias for field in route.dependant.query_params]
    inherited = [field.alias for each in route.dependant.dependencies for field in each.query_params]
    return list(dict.fromkeys(own + inherited))


def answer(model: BaseModel, status: int = 200) -> Response:
    """The model as JSON, straight from pydantic: FastAPI's own encoder walks every value in Python."""
    return Response(model.__pydantic_serializer__.to_json(model), status, media_type="application/json")


PlatformOf = Annotated[Platform, Depends(platform_of)]
Now = Annotated[datetime, Depends(asked_at)]
KnownSymbol = Annotated[str, Depends(known_symbol)]
api_key = APIKeyHeader(name="x-api-key", auto_error=False, description="Checked by API Gateway, not here.")


def _listed(names: list[str]) -> str:
    return ", ".join(name[:40] for name in names[:10])
