"""The hourly run for many symbols on one machine: each shard in a process of its own, as Lambda runs it.

    python -m tests.bench.shard FILE SHARD TIME…        one shard's process: those hours, what they took into FILE

The market and S3 are stand-ins in processes of their own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from rich.table import Table

from candlecast import hours, settings
from candlecast.events import Bus
from candlecast.hours import HOUR
from tests.bench import object_store
from tests.market.server import Server, started, stopped

BAR = 512
"""MiB that one shard may take."""
HOURS = 3
"""Hours that are measured, in one process as in a container that stays warm."""


def measure(symbols: int) -> Table:
    """*symbols* symbols in shards of the settings' size, a few hours each after their first run."""
    names = [f"S{number:03}-USDT" for number in range(symbols)]
    market = started("--market", "simulated", "--symbols", ",".join(names))
    try:
        with object_store.running() as store, tempfile.TemporaryDirectory() as folder:
            file = _settings_file(Path(folder), names, market)
            shards = -(-symbols // _resolved(file).shard_size)
            newest = hours.floor(datetime.now(UTC)).replace(minute=1) - HOUR
            first, *later = (newest - number * HOUR for number in reversed(range(HOURS + 1)))
            results: list[dict[str, Any]] = []
            for shard in range(shards):
                _run(file, store, market, shard, [first])  # history for the features
                results.append(_run(file, store, market, shard, later))
    finally:
        stopped(market)
    return _shown(results, symbols)


def _shown(results: list[dict[str, Any]], symbols: int) -> Table:
    made = sorted({count for result in results for count in result["requests"]})
    asked = len([count for result in results for count in result["requests"]])
    assert asked == symbols * HOURS, "every symbol was run in every hour"
    table = Table("", "", title=f"{symbols} symbols in {len(results)} shards, {HOURS} hours", title_justify="left")
    table.add_row("peak memory of a shard's process", f"{max(r['mib'] for r in results):.0f} MiB (bar {BAR})")
    table.add_row("requests to exchanges per symbol and hour", f"{' or '.join(map(str, made))} (bar 1)")
    table.add_row("requests the market counted", f"{sum(r['counted'] for r in results)} for {asked} runs of a symbol")
    table.add_row("CPU of a symbol's run", f"{sum(r['cpu'] for r in results) / asked * 1000:.0f} ms")
    table.add_row("one shard's hour", f"{max(r['seconds'] for r in results) / HOURS:.1f} s at most")
    return table


def _run(file: Path, store: object_store.Store, market: Server, shard: int, times: list[datetime]) -> dict[str, Any]:
    """What a shard's process told of these hours, and the requests that the market counted."""
    market.put("/_market/clock", {"now": hours.text(times[-1])})
    market.delete("/_market/requests")
    answer = file.with_name("answer.json")
    environment = {
        "CANDLECAST_SETTINGS": str(file),
        "CANDLECAST_ENV": "local",
        "CANDLECAST_BUCKET": "bench",
        "CANDLECAST_BUS": "none",
        "AWS_ENDPOINT_URL": store.url,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    command = [sys.executable, "-m", "tests.bench.shard", str(answer), str(shard), *map(hours.text, times)]
    subprocess.run(command, env=os.environ | environment, stdout=subprocess.DEVNULL, check=True)
    told: dict[str, Any] = json.loads(answer.read_text())
    return told | {"counted": sum(market.get("/_market/requests").json()["requests"].values())}


def _settings_file(folder: Path, names: list[str], market: Server) -> Path:
    document = settings.read(settings.location())
    order = document["environments"]["local"]["exchange"]["order"]
    document["environments"]["local"]["symbols"] = names
    document["environments"]["local"]["exchange"]["endpoints"] = {name: f"{market.url}/{name}" for name in order}
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def _resolved(file: Path) -> settings.Settings:
    return settings.resolve(settings.read(file), "local")


class _Silence:
    """A bus that takes everything."""

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        return {"FailedEntryCount": 0}


def _shard(file: Path, shard: int, times: list[str]) -> None:
    from lambdas.ingest import handler as function

    platform = replace(function.platform(), bus=Bus(_Silence(), "none"))
    function.platform = lambda: platform  # type: ignore[assignment]  # no bus is there
    name = "candlecast-bench-ingest"
    context: Any = SimpleNamespace(
        function_name=name, memory_limit_in_mb=1024, invoked_function_arn=name, aws_request_id="bench"
    )
    began, cpu = time.monotonic(), time.process_time()
    answers = [function.handler({"time": now, "shard": shard}, context) for now in times]
    told = {
        "requests": [run["requests"] for answer in answers for run in answer["symbols"].values()],
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - cpu,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    file.write_text(json.dumps(told))


if __name__ == "__main__":
    _shard(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
