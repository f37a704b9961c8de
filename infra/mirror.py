"""Where Terraform gets its AWS provider from: a mirror on this machine, or the public registry.

Air-gapped and build machines often carry providers in a filesystem mirror that no configuration file names.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

PROVIDER = "registry.terraform.io/hashicorp/aws"
MAJOR, MINOR = 5, 100  # as in infra/terraform/versions.tf: ~> 5.100
SYSTEM_FOLDERS = (Path("/opt"), Path("/usr/local/share"), Path("/usr/share"))
DEPTH = 2  # folders between a system folder and a mirror

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def target() -> str:
    """This machine as provider packages name it, such as linux_amd64."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_ARCHITECTURES.get(machine, machine)}"


def implied() -> list[Path]:
    """The mirrors that Terraform itself would look into, were no configuration file named."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    shared = [Path(folder) for folder in os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":")]
    return [Path.home() / ".terraform.d/plugins", *(folder / "terraform/plugins" for folder in (data, *shared))]


def find(folders: Iterable[Path] | None = None) -> Path | None:
    """The first filesystem mirror that holds a fitting provider for this machine, or None.

    *folders*: system folders to search, :data:`SYSTEM_FOLDERS` by default; the implied mirrors come first then.
    """
    candidates = _nested(folders) if folders is not None else [*implied(), *_nested(SYSTEM_FOLDERS)]
    return next((mirror for mirror in candidates if _holds_provider(mirror)), None)


def _nested(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for depth in range(DEPTH + 1):
            for found in sorted(folder.glob("*/" * depth + PROVIDER)):
                yield found.parents[2]


def _holds_provider(mirror: Path) -> bool:
    provider = mirror / PROVIDER
    if not provider.is_dir():
        return False
    unpacked = (folder.parent.name for folder in provider.glob(f"*/{target()}") if any(folder.iterdir()))
    packed = (archive.name.split("_")[1] for archive in provider.glob(f"terraform-provider-aws_*_{target()}.zip"))
    return any(_fits(version) for version in (*unpacked, *packed))


def _fits(version: str) -> bool:
    major, minor = version.split(".")[:2]
    return int(major) == MAJOR and int(minor) >= MINOR


def cli_configuration(mirror: Path | None, cache: Path) -> str:
    """Terraform's CLI configuration: take the provider from *mirror*, or from the registry and keep it in *cache*."""
    if mirror is None:
        return f'plugin_cache_dir = "{cache.as_posix()}"\n'
    return (
        "provider_installation {\n"
        f'  filesystem_mirror {{\n    path    = "{mirror.as_posix()}"\n    include = ["{PROVIDER}"]\n  }}\n'
        f'  direct {{\n    exclude = ["{PROVIDER}"]\n  }}\n'
        "}\n"
    )
