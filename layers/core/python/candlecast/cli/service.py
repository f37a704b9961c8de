"""The deployed API as the command line reaches it: found by name in the environment's AWS, asked over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, ProfileNotFound

from candlecast.errors import NotFound, Retry, Stop
from candlecast.settings import Settings

URL, KEY = "CANDLECAST_API_URL", "CANDLECAST_API_KEY"
STAGE = "v1"
TIMEOUT = httpx.Timeout(60, connect=5)
"""Seconds; a past hour is forecast on demand, with a cold start of predict."""


class Unreachable(Retry):
    """The deployed stack did not answer."""


class Refused(Stop):
    """The API answered with a problem document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(str(document.get("detail") or document.get("title")))
        self.document = dict(document)
        self.remedy: str = document.get("remedy", "")


class Service:
    """One environment's API."""

    def __init__(self, url: str, key: str | None) -> None:
        self._headers = {"x-api-key": key} if key else {}
        self.url = url.rstrip("/")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The API that CANDLECAST_API_URL names, or else the environment's own.

        Raises Unreachable when AWS does not answer, NotFound when nothing is deployed there, Stop without credentials.
        """
        if url := os.environ.get(URL):
            return cls(url, os.environ.get(KEY))
        gateway = aws_client(settings, "apigateway")
        with remedies(settings):
            apis = gateway.get_rest_apis(limit=500)["items"]
            keys = gateway.get_api_keys(nameQuery=settings.name("default"), includeValues=True)["items"]
        found = next((api["id"] for api in apis if api["name"] == settings.name("api")), None)
        key = next((each["value"] for each in keys if each["name"] == settings.name("default")), None)
        if found is None or key is None:
            raise NotFound(
                f"Environment {settings.environment!r} has no API {settings.name('api')} with its key; "
                f"deploy it: {deploy_remedy(settings)}."
            )
        return cls(invoke_url(settings, found), key)

    def ask(self, path: str, **parameters: str | int | None) -> tuple[int, dict[str, Any]]:
        """Status and body of GET *path*; parameters that are None are left out. Raises Unreachable or Refused."""
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            with httpx.Client(base_url=self.url, headers=self._headers, timeout=TIMEOUT) as client:
                answer = client.get(path, params=given)
        except httpx.HTTPError as error:
            raise Unreachable(
                f"{self.url} did not answer ({type(error).__name__}); check that the stack is up: candlecast status."
            ) from None
        body = _json(answer)
        if answer.headers.get("content-type", "").startswith("application/problem+json"):
            raise Refused(body)
        if answer.is_success or (answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "status" in body):
            return answer.status_code, body
        raise Refused(_gateway_problem(answer.status_code, body))


def aws_client(settings: Settings, service: str) -> Any:
    """A boto3 client of the environment, with short waits. Raises Stop when its profile does not exist."""
    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} if settings.endpoint else {}
    try:
        session = boto3.Session(region_name=settings.region, profile_name=settings.profile, **keys)
    except ProfileNotFound as error:
        raise Stop(f"{error}; set `profile` of {settings.environment!r} in settings.yaml.") from None
    config = Config(connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 2})
    return session.client(service, endpoint_url=settings.endpoint, config=config)


def invoke_url(settings: Settings, api_id: str) -> str:
    """The base URL of the API's stage, on AWS or on an emulator."""
    if settings.endpoint:
        return f"{settings.endpoint}/restapis/{api_id}/{STAGE}/_user_request_"
    return f"https://{api_id}.execute-api.{settings.region}.amazonaws.com/{STAGE}"


@contextmanager
def remedies(settings: Settings) -> Iterator[None]:
    """Turns boto3's faults into errors that name the remedy: Unreachable, or Stop."""
    where = settings.endpoint or f"AWS {settings.region}"
    try:
        yield
    except EndpointConnectionError:
        raise Unreachable(f"The stack is not up at {where}; {_start(settings)}.") from None
    except NoCredentialsError:
        raise Stop("No AWS credentials; set `profile` in settings.yaml, or AWS_PROFILE.") from None
    except (ClientError, BotoCoreError) as error:
        raise Stop(f"{where} refused: {error}. Check the credentials and that the stack is deployed.") from None


def _start(settings: Settings) -> str:
    return "start it: make up (or make demo)" if settings.endpoint else "check your network"


def deploy_remedy(settings: Settings) -> str:
    """The command that deploys the environment."""
    return "make demo, or make deploy" if settings.environment == "local" else f"make deploy ENV={settings.environment}"


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}


def _gateway_problem(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """What API Gateway itself said, as a problem document."""
    said = body.get("message", "no reason given")
    detail, remedy = {
        403: ("The API key was refused.", f"Set {KEY} to a valid key, or unset {URL} to have it looked up."),
        404: ("There is no candlecast API at this URL.", f"Check {URL}; it ends in /{STAGE}."),
        429: ("Too many requests for this key's plan.", "Wait a little; the limits are api.* in settings.yaml."),
        504: ("The API took too long.", "Ask again; the first call after a pause is the slowest."),
    }.get(status, (f"The gateway answered {status}: {said}.", "See the log group of the api function."))
    return {"title": "The gateway refused", "status": status, "detail": detail, "remedy": remedy}
