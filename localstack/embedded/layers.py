"""Lambda layers on disk: each archive is one file, unpacked once for all the functions and workers that use it."""

import hashlib
import os
import shutil
import threading
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

Document = dict[str, Any]


class Store:
    """Archives and what they hold, in *folder*, by their content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def keep(self, archive: bytes) -> str:
        """Keeps the archive as a file; its key."""
        key = hashlib.sha256(archive).hexdigest()
        with self._lock:
            if not self._file(key).exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                partial = self._file(key).with_suffix(".part")
                partial.write_bytes(archive)
                partial.rename(self._file(key))
        return key

    def read(self, key: str) -> bytes:
        return self._file(key).read_bytes()

    def unpacked(self, archive: bytes) -> Path:
        """The folder that holds what is in the archive."""
        target = self.folder / hashlib.sha256(archive).hexdigest()
        with self._lock:
            if not target.exists():
                partial = target.with_suffix(".unpacking")
                shutil.rmtree(partial, ignore_errors=True)
                with zipfile.ZipFile(BytesIO(archive)) as files:
                    files.extractall(partial)
                partial.rename(target)
        return target

    def forget_all_but(self, keys: set[str]) -> None:
        for item in self.folder.glob("*"):
            if item.name.partition(".")[0] not in keys:
                item.unlink() if item.is_file() else shutil.rmtree(item, ignore_errors=True)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.zip"


def share_unpacked(store: Store) -> None:
    """Gives a function's workers one unpacked copy of each layer, and its lib folder for shared libraries."""
    spawn = lambda_runtime.Worker._spawn

    def spawn_shared(worker: Any) -> None:
        config = worker.config
        archives = [lambda_svc._resolve_layer_zip(layer) for layer in config.get("Layers", [])]
        folders = [store.unpacked(archive) for archive in archives if archive]
        if not folders:
            spawn(worker)
            return
        libraries = [str(folder / "lib") for folder in folders if (folder / "lib").is_dir()]
        variables = config.get("Environment", {}).get("Variables", {}) | {
            "_LAMBDA_LAYERS_DIRS": os.pathsep.join(map(str, folders)),
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, [*libraries, os.environ.get("LD_LIBRARY_PATH")])),
        }
        worker.config = config | {"Layers": [], "Environment": {"Variables": variables}}
        try:
            spawn(worker)
        finally:
            worker.config = config

    lambda_runtime.Worker._spawn = spawn_shared


def keep_archives_as_files(store: Store) -> None:
    """Saves and loads the state of Lambda with a key in place of each layer's archive."""
    get_state, load = lambda_svc.get_state, lambda_svc.load_persisted_state

    def get_state_without_archives() -> Document:
        state: Document = get_state()
        for version in _versions(state["layers"]):
            if version.get("_zip_data"):
                version["_zip_data"] = store.keep(version["_zip_data"])
        return state

    def load_with_archives(state: Document) -> None:
        versions = [version for version in _versions(state["layers"]) if isinstance(version.get("_zip_data"), str)]
        store.forget_all_but({version["_zip_data"] for version in versions})
        for version in versions:
            version["_zip_data"] = store.read(version["_zip_data"])
        load(state)

    lambda_svc.get_state, lambda_svc.load_persisted_state = get_state_without_archives, load_with_archives


def _versions(layers: Any) -> list[Document]:
    return [version for layer in layers._data.values() for version in layer["versions"]]
