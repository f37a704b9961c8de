"""Where the provider comes from."""

from pathlib import Path

import pytest

from infra import mirror


def unpacked(folder: Path, version: str = "5.100.0", target: str | None = None) -> Path:
    """A filesystem mirror with an unpacked provider."""
    provider = folder / mirror.PROVIDER / version / (target or mirror.target())
    provider.mkdir(parents=True)
    (provider / f"terraform-provider-aws_v{version}_x5").touch()
    return folder


def packed(folder: Path, version: str = "5.100.0") -> Path:
    """A filesystem mirror with a packed provider."""
    provider = folder / mirror.PROVIDER
    provider.mkdir(parents=True)
    (provider / f"terraform-provider-aws_{version}_{mirror.target()}.zip").touch()
    return folder


@pytest.mark.parametrize("place", ["", "plugins", "vendor/terraform"])
def test_a_mirror_is_found_at_a_shallow_depth(tmp_path: Path, place: str) -> None:
    assert mirror.find([tmp_path]) is None
    assert mirror.find([unpacked(tmp_path / place).parents[0], tmp_path]) == tmp_path / place


def test_a_packed_mirror_serves_as_well(tmp_path: Path) -> None:
    assert mirror.find([tmp_path / "none", packed(tmp_path / "mirror").parent]) == tmp_path / "mirror"


def test_a_mirror_too_deep_is_not_searched_for(tmp_path: Path) -> None:
    unpacked(tmp_path / "a/b/c")
    assert mirror.find([tmp_path]) is None


@pytest.mark.parametrize("version", ["4.67.0", "5.99.1", "6.0.0"])
def test_a_mirror_of_another_version_does_not_serve(tmp_path: Path, version: str) -> None:
    unpacked(tmp_path / "old", version)
    assert mirror.find([tmp_path]) is None
    unpacked(tmp_path / "right", "5.101.2")
    assert mirror.find([tmp_path]) == tmp_path / "right"


def test_a_mirror_for_another_machine_does_not_serve(tmp_path: Path) -> None:
    unpacked(tmp_path / "other", target="plan9_mips")
    assert mirror.find([tmp_path]) is None


def test_terraforms_implied_mirrors_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    own = unpacked(tmp_path / ".terraform.d/plugins")
    assert mirror.find() == own


def test_a_mirror_serves_this_provider_and_the_registry_every_other() -> None:
    text = mirror.cli_configuration(Path("/some/mirror"), Path("/cache"))
    assert 'path    = "/some/mirror"' in text
    assert f'exclude = ["{mirror.PROVIDER}"]' in text


def test_without_a_mirror_the_registry_serves_and_downloads_are_kept() -> None:
    assert mirror.cli_configuration(None, Path("/cache")) == 'plugin_cache_dir = "/cache"\n'
