"""The recipes fit the locks, and each layer holds only its own."""

from typing import get_args

import pytest

from candlecast.settings import Exchange
from layers import packages
from layers.failure import BuildFailed
from layers.recipes import CORE, EVERYWHERE, FUNCTIONS, LAYERS, LIMIT, RUNTIME, Layer
from layers.store import ROOT


@pytest.mark.parametrize("name", LAYERS)
def test_every_locked_package_is_carried_or_left_out_for_a_reason(name: str) -> None:
    lock = packages.locked(ROOT / "layers" / name / "requirements.txt")
    elsewhere = () if name == "core" else CORE.packages
    lines = packages.chosen(name, LAYERS[name], lock, elsewhere)
    assert len(lines) == len(LAYERS[name].packages)
    assert all("--hash=sha256:" in line for line in lines)


def test_no_layer_repeats_what_the_core_layer_or_the_runtime_brings() -> None:
    others = {package for name, layer in LAYERS.items() if name != "core" for package in layer.packages}
    assert not others & set(CORE.packages)
    assert not (others | set(CORE.packages)) & set(RUNTIME)


@pytest.mark.parametrize("name", LAYERS)
def test_every_rule_says_why(name: str) -> None:
    layer = LAYERS[name]
    assert all(rule.why for rule in layer.drops + EVERYWHERE)
    assert all(rule.why for rule in layer.trims)
    assert all(layer.left_out.values())


def test_the_api_has_no_data_and_no_model() -> None:
    heavy = {"numpy", "pandas", "pyarrow", "awswrangler", "lightgbm", "scipy"}
    assert not heavy & {package for layer in FUNCTIONS["api"] for package in LAYERS[layer].packages}


def test_the_exchange_layer_spares_every_exchange_that_settings_can_name() -> None:
    (drop,) = [rule for rule in LAYERS["exchange"].drops if rule.pattern == "ccxt/*.py"]
    assert all(exchange in drop.but for exchange in get_args(Exchange))


def test_the_limit_is_nine_tenths_of_lambdas() -> None:
    assert LIMIT == 235_929_600


def test_a_new_package_in_a_lock_fails_until_someone_decides() -> None:
    lock = {"wanted": "wanted==1", "surprise": "surprise==1"}
    with pytest.raises(BuildFailed, match=r"lock has surprise: carry it or leave it out, in layers/recipes.py"):
        packages.chosen("data", Layer(packages=("wanted",)), lock, ())


def test_a_package_gone_from_a_lock_is_told() -> None:
    with pytest.raises(BuildFailed, match=r"lock has no gone; take it out of layers/recipes.py"):
        packages.chosen("data", Layer(packages=("wanted", "gone")), {"wanted": "wanted==1"}, ())


def test_the_same_versions_serve_everywhere() -> None:
    everything = packages.locked(ROOT / "tests" / "requirements.txt")
    versions = {name: line.splitlines()[0].split(" ;")[0].rstrip(" \\") for name, line in everything.items()}
    for lock in (*(ROOT / "layers" / name for name in LAYERS), ROOT / "training"):
        for name, line in packages.locked(lock / "requirements.txt").items():
            assert line.startswith(versions[name]), f"{lock.name} and .venv disagree on {name}: run make locks"


def test_no_lock_names_an_index() -> None:
    for lock in ROOT.glob("*/requirements.txt"), ROOT.glob("layers/*/requirements.txt"):
        for file in lock:
            assert not [
                line
                for line in file.read_text().splitlines()
                if line.lstrip().startswith(("--index", "--extra-index", "--find"))
            ]
