"""One stack, deployed by Terraform on an embedded AWS and a simulated market of its own, for all flows.

Every flow plays on a symbol of its own, so they may run in any order. Schedules are off, but where a flow asks.
"""

from collections.abc import Iterator

import pytest

from candlecast import settings as configuration
from infra import deploy
from localstack import stack as local
from localstack.demo.deployed import Deployed
from tests.flows.scene import derived_settings


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    file = derived_settings(tmp_path_factory.mktemp("stack"))
    try:
        local.up(file, market="simulated")
        deploy.apply("local", file)
        settings = configuration.resolve(configuration.read(file), "local")
        deployed = Deployed(settings, deploy.outputs("local", file))
        deployed.schedules(enabled=False)
        yield deployed
    finally:
        local.down(file)
