"""The HTTP application: its routes, and what all their answers have in common."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Depends, FastAPI, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from candlecast.errors import Retry
from candlecast.telemetry import logger
from lambdas.api import problems, routes_forecasts, routes_health, routes_models
from lambdas.api.platform import Platform, declared_parameters_only
from lambdas.api.problems import Problem, ProblemDocument

_DESCRIPTION = """Forecasts of the next hour's price change of crypto pairs, with their uncertainty and their age.

Returns are simple returns; deltas are in the quote currency. Skill over "no change" is small and measured: this is no
financial advice. Errors are RFC 9457 problem documents with a remedy."""


def create_app(platform: Platform) -> FastAPI:
    """The API over *platform*. Every request must come with its API Gateway event (Mangum puts it in the scope)."""
    app = FastAPI(
        title="candlecast",
        version="1",
        description=_DESCRIPTION,
        servers=[{"url": ".", "description": "The stage that serves this document"}],
        docs_url=None,  # its pages would load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(declared_parameters_only)],
        responses={"default": {"model": ProblemDocument, "description": "A problem, and its remedy"}},
    )
    app.state.platform = platform
    for routes in (routes_health, routes_forecasts, routes_models):
        app.include_router(routes.router)
    problems.install(app)
    for passing in (BotoCoreError, ClientError, Retry):
        app.exception_handler(passing)(_unavailable)
    app.add_middleware(TaggedAnswers)
    return app


async def _unavailable(request: Request, error: Exception) -> Response:
    logger.error("a part of the platform did not answer", exc_info=error, extra={"path": request.url.path})
    return Problem(
        "unavailable", "A part of the platform did not answer just now.", "Ask again in a minute.", retry_after=60
    ).answer()


class TaggedAnswers:
    """ASGI middleware: every answer carries X-Request-Id, and no fault leaves without being a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request_id: str = scope["aws.event"]["requestContext"]["requestId"]

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, tagged)
        except Exception:  # noqa: BLE001 (the last stand: logged, and answered without a trace)
            logger.exception("unexpected fault", extra={"path": scope["path"]})
            fault = Problem("fault", "This should not have happened.", f"Report it with request id {request_id}.")
            await fault.answer()(scope, receive, tagged)
