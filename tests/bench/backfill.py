"""A backfill of recorded BTC through the plan and ingest: CPU of the client alone, and every request to S3.

The market and S3 are stand-ins in processes of their own; the client parses HTTP, signs, hashes and waits for nobody.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Group, RenderableType
from rich.table import Table

from candlecast import candles, exchange, exchange_clients, features, hours, labels, lake, settings
from candlecast.errors import NotFound
from candlecast.events import Bus
from candlecast.gaps import GapStore
from candlecast.lake import Lake
from candlecast.settings import Settings
from lambdas.ingest import collection
from lambdas.ingest.ingest import Outcome, Platform, ingest
from lambdas.ingest.plan import Plan
from lambdas.ingest.request import Request
from tests.bench import object_store
from tests.bench.steps import Steps
from tests.market.server import started, stopped

SYMBOL, BUCKET = "BTC-USDT", "bench"
BAR = 10_000
"""Candles per second of the client's own CPU."""
FETCH = "fetch: ccxt, HTTP, JSON"
REQUESTS_BAR = 3
"""To S3 for one object, to write it or to read it."""


def measure(months: int | None) -> RenderableType:
    """The first *months* months of the recording; all of them where None."""
    folder = Path(os.environ.get("CANDLECAST_MARKET") or Path(__file__).parents[3] / "shared" / "market")
    first, end = _bounds(folder / f"{SYMBOL}.parquet", months)
    market = started("--market", str(folder))
    try:
        with object_store.running() as store:
            market.put("/_market/clock", {"now": hours.text(end + timedelta(minutes=1))})
            platform = _platform(_settings(market.url), store)
            _backfill(platform, first, first + timedelta(days=10), end, Steps())  # imports, connections, caches
            with object_store.running() as fresh:
                platform = _platform(platform.settings, fresh)
                return _both_runs(platform, fresh, first, end)
    finally:
        stopped(market)


def _both_runs(platform: Platform, store: object_store.Store, first: datetime, end: datetime) -> RenderableType:
    shown: list[RenderableType] = []
    etags: dict[str, str] = {}
    for title in ("First run", "The same again"):
        steps = Steps()
        store.forget_requests()
        outcomes, ends = _backfill(platform, first, end, end, steps)
        asked = sum(outcome.requests for outcome in outcomes)
        hours_done = round((end - first) / hours.HOUR)
        shown += [_shares(title, steps, hours_done, asked), _requests(store, ends)]
        if FETCH in steps.seconds:
            alone = hours_done / steps.seconds[FETCH]
            shown.append(f"ccxt's part alone, in the same run: {alone:,.0f} candles a second.\n")
        kept, etags = etags, store.etags()
    changed = sum(etags[key] != etag for key, etag in kept.items()) + len(etags.keys() ^ kept.keys())
    stored, missing = sum(o.stored for o in outcomes), sum(o.missing for o in outcomes)
    return Group(*shown, f"The second run stored {stored} candles ({missing} hours missing in the recording) and "
                 f"changed {changed} of {len(etags)} objects' ETags.")  # fmt: skip


def _backfill(
    platform: Platform, first: datetime, until: datetime, now: datetime, steps: Steps
) -> tuple[list[Outcome], list[int]]:
    """Every month as the state machine's parts have it, one after another; S3 requests made by the end of each."""
    bounds = {"since": hours.text(first), "until": hours.text(until), "time": hours.text(now + timedelta(minutes=1))}
    s3 = platform.lake._client
    watched: list[tuple[str, Any, str]] = [
        (FETCH, exchange_clients.Client, "page"),
        ("parse: rows to a table", exchange, "_paged"),
        ("parse: rows to a table", exchange, "_table"),
        ("validate, merge", collection, "collect"),
        ("validate, merge", candles, "merge"),
        ("validate, merge", candles, "missing_hours"),
        ("features and targets", features, "compute"),
        ("features and targets", labels, "target_return"),
        ("Parquet", lake, "encoded"),
        ("Parquet", lake, "_table"),
        ("S3 requests", s3, "put_object"),
        ("S3 requests", s3, "get_object"),
    ]
    with steps.watching(*watched):
        parts = Plan.parse({"symbol": SYMBOL, **bounds}).answer(platform.settings, platform.gaps)["parts"]
        requests = [Request.parse(part, clock=now + timedelta(hours=1)) for part in parts]
        outcomes, ends = [], []
        for request in requests:
            outcomes.append(ingest(SYMBOL, request.now, request.span, platform))
            ends.append(steps.calls["S3 requests"])
    return outcomes, ends


def _shares(title: str, steps: Steps, hours_done: int, asked: int) -> Table:
    rate = hours_done / steps.total
    table = Table(
        "step", "CPU s", "share", "calls", title=f"{title}: {hours_done:,} candle hours", title_justify="left"
    )
    for step, seconds in sorted(steps.seconds.items(), key=lambda item: -item[1]):
        table.add_row(step, f"{seconds:.2f}", f"{seconds / steps.total:.0%}", f"{steps.calls[step] or ''}")
    verdict = f"{rate:,.0f} a second of own CPU (bar {BAR:,})"
    table.add_row("all", f"{steps.total:.2f}", verdict, f"{asked} to exchanges", end_section=True)
    return table


def _requests(store: object_store.Store, ends: list[int]) -> Table:
    """Requests to S3, and the most that one run (a month's part, which ended after so many) made for one object."""
    made = store.requests()
    assert len(made) == ends[-1], "every request was counted on both sides"
    table = Table("dataset", "objects", "requests", "per part", "most of one part for one object",
                  title="Requests to S3", title_justify="left")  # fmt: skip
    for dataset in dict.fromkeys(key.partition("/")[0] for _, key in made):
        own = [(at, method, key) for at, (method, key) in enumerate(made) if key.startswith(f"{dataset}/")]
        of_part = Counter((bisect_right(ends, at), key, method) for at, method, key in own)
        most = {m: max((n for (_, _, method), n in of_part.items() if method == m), default=0) for m in ("GET", "PUT")}
        verdict = f"GET {most['GET']}, PUT {most['PUT']} (bar {REQUESTS_BAR})"
        objects = len({key for _, _, key in own})
        table.add_row(dataset, str(objects), str(len(own)), f"{len(own) / len(ends):.1f}", verdict)
    return table


def _bounds(file: Path, months: int | None) -> tuple[datetime, datetime]:
    """The first hour of the recording, and the end of what is filled. Raises NotFound without recordings."""
    if not file.exists():
        raise NotFound(f"{file} is missing; set CANDLECAST_MARKET to a folder of recorded candles.")
    stamps = pq.read_table(file, columns=["timestamp"]).column("timestamp").to_pandas()
    first, last = (hours.floor(stamp.to_pydatetime().astimezone()) for stamp in (stamps.min(), stamps.max()))
    if months is None:
        return first, last + hours.HOUR
    spans = hours.months(first, last)
    return first, datetime.fromisoformat(f"{spans[min(months, len(spans) - 1)]}-01T00:00:00+00:00")


def _settings(market: str) -> Settings:
    configured = settings.resolve(settings.read(settings.location()), "local")
    endpoints = {name: f"{market}/{name}" for name in configured.exchange.order}
    asked = configured.exchange.model_copy(update={"endpoints": endpoints})
    return configured.model_copy(update={"symbols": (SYMBOL,), "exchange": asked})


def _platform(configured: Settings, store: object_store.Store) -> Platform:
    os.environ.pop("AWS_ENDPOINT_URL", None)
    s3 = store.client()
    lake_there = Lake(s3, BUCKET, configured.exchange.primary)
    return Platform(
        settings=configured, lake=lake_there, gaps=GapStore(s3, BUCKET), bus=Bus(s3, "none"), fetch=exchange.fetch
    )
