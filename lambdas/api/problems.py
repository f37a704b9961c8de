"""Errors as RFC 9457 problem documents: what was wrong, and a remedy. Nothing of a trace ever leaves the function."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"

KINDS: Mapping[str, tuple[HTTPStatus, str]] = {
    "wrong-parameter": (HTTPStatus.UNPROCESSABLE_ENTITY, "A parameter is wrong"),
    "unknown-zone": (HTTPStatus.UNPROCESSABLE_ENTITY, "Unknown time zone"),
    "ambiguous-hour": (HTTPStatus.UNPROCESSABLE_ENTITY, "The hour happens twice in this zone"),
    "skipped-hour": (HTTPStatus.UNPROCESSABLE_ENTITY, "The hour does not happen in this zone"),
    "off-grid-hour": (HTTPStatus.UNPROCESSABLE_ENTITY, "The hour lies between two UTC hours"),
    "future-hour": (HTTPStatus.UNPROCESSABLE_ENTITY, "The hour is too far in the future"),
    "distant-past": (HTTPStatus.UNPROCESSABLE_ENTITY, "The hour is too far in the past"),
    "unknown-symbol": (HTTPStatus.NOT_FOUND, "Unknown symbol"),
    "unknown-version": (HTTPStatus.NOT_FOUND, "Unknown model version"),
    "unknown-path": (HTTPStatus.NOT_FOUND, "Nothing here"),
    "no-forecast": (HTTPStatus.NOT_FOUND, "No forecast for this hour"),
    "no-verdict": (HTTPStatus.NOT_FOUND, "No drift verdict yet"),
    "wrong-method": (HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed"),
    "not-acceptable": (HTTPStatus.BAD_REQUEST, "The request cannot be read"),
    "unavailable": (HTTPStatus.SERVICE_UNAVAILABLE, "A part of the platform did not answer"),
    "fault": (HTTPStatus.INTERNAL_SERVER_ERROR, "An unexpected fault on our side"),
}

_REMEDIES = {
    "date": "Write date as year-month-day, like 2026-11-20.",
    "hour": "Write hour as 0 to 23; the hour after 23 is hour 0 of the next date.",
    "tz": "Write tz as an IANA zone, like Europe/Berlin; leave it out for UTC.",
    "start": "Write start as an ISO time with a zone, like 2026-11-20T15:00:00Z.",
    "end": "Write end as an ISO time with a zone, like 2026-11-21T15:00:00Z.",
    "limit": "Write limit as 1 to 500.",
    "cursor": "Give the next_cursor of the page before, unchanged.",
    "version": "Write version as a whole number, like 7.",
}


class ProblemDocument(BaseModel):
    """What every error answer holds (RFC 9457); some kinds add members of their own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Names the kind of problem.", examples=["urn:candlecast:problem:future-hour"])
    title: str = Field(description="The kind of problem in words.", examples=["The hour is too far in the future"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="What was wrong with this request.")
    remedy: str = Field(description="What to do about it.")


class Problem(Exception):
    """Raised by an endpoint to answer with a problem document of one of KINDS."""

    def __init__(self, kind: str, detail: str, remedy: str, *, retry_after: int | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.remedy, self.more = kind, detail, remedy, more
        self.retry_after = retry_after

    def answer(self) -> Response:
        """The HTTP answer."""
        status, title = KINDS[self.kind]
        document = {
            "type": f"urn:candlecast:problem:{self.kind}",
            "title": title,
            "status": status.value,
            "detail": self.detail,
            "remedy": self.remedy,
            **self.more,
        }
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return Response(json.dumps(document), status.value, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Makes every error of *app* a problem document."""
    app.exception_handler(Problem)(_from_problem)
    app.exception_handler(RequestValidationError)(_from_validation)
    app.exception_handler(HTTPException)(_from_http)


async def _from_problem(_request: Request, error: Problem) -> Response:
    return error.answer()


async def _from_validation(_request: Request, error: RequestValidationError) -> Response:
    return _wrong_parameters(error.errors()).answer()


async def _from_http(request: Request, error: HTTPException) -> Response:
    path = request.url.path[:100]
    if error.status_code == HTTPStatus.NOT_FOUND:
        problem = Problem("unknown-path", f"There is no {path}.", "See /openapi.json for what can be asked.")
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        problem = Problem("wrong-method", f"{path} does not take {request.method}.", "Use GET.")
    else:
        problem = Problem("not-acceptable", str(error.detail), "See /openapi.json for what can be asked.")
    answer = problem.answer()
    answer.headers.update(error.headers or {})
    return answer


def _wrong_parameters(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """One problem for all that is wrong with a request's parameters."""
    names = [str(error["loc"][-1]) for error in errors]
    told = (
        f"{name}={str(error['input'])[:60]!r}: {error['msg'].removeprefix('Value error, ')}"
        for name, error in zip(names, errors, strict=True)
    )
    remedies = " ".join(dict.fromkeys(_REMEDIES[name] for name in names))
    return Problem("wrong-parameter", f"{'; '.join(told)}.", remedies, parameters=names)
