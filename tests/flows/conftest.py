"""One stack, deployed by Terraform on an embedded AWS and a market of its own, for all flows.

Every flow plays on a symbol of its own, so they may run in any order. Schedules are off, but where a flow asks.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from candlecast import settings as configuration
from candlecast.settings import Settings
from infra import deploy
from localstack import stack as local
from localstack.demo.deployed import Deployed
from tests.flows import market as markets
from tests.flows.replay import Books, Replay
from tests.flows.scene import derived_settings
from tests.market.server import Server


@pytest.fixture(scope="session")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return derived_settings(tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="session")
def settings(settings_file: Path) -> Settings:
    return configuration.resolve(configuration.read(settings_file), "local")


@pytest.fixture(scope="session")
def market(settings: Settings) -> Iterator[Server]:
    """What plays all exchanges; its /_market commands faults, clock and regimes."""
    port = urlsplit(next(iter(settings.exchange.endpoints.values()))).port
    assert port
    with markets.served(port) as server:
        yield server


@pytest.fixture(scope="session")
def stack(settings_file: Path, settings: Settings, market: Server) -> Iterator[Deployed]:
    try:
        local.up(settings_file, market="live")
        deploy.apply("local", settings_file)
        deployed = Deployed(settings, deploy.outputs("local", settings_file))
        deployed.schedules(enabled=False)
        yield deployed
    finally:
        local.down(settings_file)


@pytest.fixture
def audit(record_property: Callable[[str, object], None]) -> Callable[..., Books]:
    """Closes the books of what a flow has replayed since *begin*, and reports them: `make bench ROW=faults`."""

    def close(replay: Replay, begin: datetime) -> Books:
        books = replay.books(begin, replay.cursor)
        for name, value in asdict(books).items():
            record_property(name, value)
        record_property("symbol", replay.symbol)
        return books

    return close
