"""As much of S3 as the lake uses, in memory, as a process of its own: conditional puts and gets, counted per object.

    python -m tests.bench.object_store        prints its URL

GET /_requests: [["GET", "key"], …] since the last DELETE of it, in their order; GET /_etags: {"key": "etag"}.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import httpx
from botocore.config import Config


class Bucket:
    """The objects and who asked for them."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.requests: list[tuple[str, str]] = []
        self.lock = threading.Lock()

    def get(self, key: str, unless: str | None) -> tuple[int, bytes, str]:
        with self.lock:
            self.requests.append(("GET", key))
            if key not in self.objects:
                return 404, b"<Error><Code>NoSuchKey</Code><Message>absent</Message></Error>", ""
            body, etag = self.objects[key]
        return (304, b"", etag) if unless == etag else (200, body, etag)

    def put(self, key: str, body: bytes, only: str | None, absent: bool) -> tuple[int, bytes, str]:
        with self.lock:
            self.requests.append(("PUT", key))
            _, etag = self.objects.get(key, (b"", None))
            if (absent and etag is not None) or (only is not None and only != etag):
                return 412, b"<Error><Code>PreconditionFailed</Code><Message>changed</Message></Error>", ""
            self.objects[key] = body, f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
            return 200, b"", self.objects[key][1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def do_GET(self) -> None:
        if self.path == "/_requests":
            self.answer(200, json.dumps(self.bucket.requests).encode())
        elif self.path == "/_etags":
            self.answer(200, json.dumps({key: etag for key, (_, etag) in self.bucket.objects.items()}).encode())
        else:
            self.answer(*self.bucket.get(self.key, self.headers.get("If-None-Match")))

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            body = _unchunked(body)
        headers = self.headers
        self.answer(*self.bucket.put(self.key, body, headers.get("If-Match"), headers.get("If-None-Match") == "*"))

    def do_DELETE(self) -> None:
        self.bucket.requests.clear()
        self.answer(204, b"")

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path).split("/", 2)[2]

    def answer(self, status: int, body: bytes, etag: str = "") -> None:
        self.send_response(status)
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


def _unchunked(body: bytes) -> bytes:
    """The content of a body that was sent in signed chunks."""
    content, rest = b"", body
    while rest:
        head, _, rest = rest.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if size == 0:
            break
        content, rest = content + rest[:size], rest[size + 2 :]
    return content


class Store:
    """A running store."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self) -> Any:
        """A boto3 client of it, which signs and checks as against S3."""
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        return boto3.client(
            "s3", endpoint_url=self.url, region_name="eu-central-1", config=config,
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip

    def requests(self) -> list[tuple[str, str]]:
        """(method, key) of each request, in their order."""
        return [(method, key) for method, key in httpx.get(f"{self.url}/_requests").json()]

    def etags(self) -> dict[str, str]:
        etags: dict[str, str] = httpx.get(f"{self.url}/_etags").json()
        return etags

    def forget_requests(self) -> None:
        httpx.delete(f"{self.url}/_requests")


@contextmanager
def running() -> Iterator[Store]:
    """A store of one's own, for a while."""
    command = [sys.executable, "-m", "tests.bench.object_store"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Store(process.stdout.readline().strip())
        finally:
            process.terminate()


if __name__ == "__main__":
    Handler.bucket = Bucket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
