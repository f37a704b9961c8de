"""A training program that does what its hyperparameter `behave` says; run by the emulator, not by pytest."""

import json
import os
import signal
import sys
import time
from pathlib import Path

settings = json.loads((Path(os.environ["SM_INPUT_CONFIG_DIR"]) / "hyperparameters.json").read_text())
model, output = Path(os.environ["SM_MODEL_DIR"]), Path(os.environ["SM_OUTPUT_DIR"])


def stopped(*_: object) -> None:
    print("told to stop", flush=True)
    (model / "model.txt").write_text("as far as it got")
    sys.exit(0)


match settings.get("behave", "train"):
    case "train":
        (model / "model.txt").write_text("trained")
        (model / "seen.json").write_text(
            json.dumps(
                {
                    "settings": settings,
                    "environment": dict(os.environ),
                    "working_directory": str(Path.cwd()),
                    "channel": sorted(
                        str(p.relative_to(os.environ["SM_CHANNEL_FEATURES"]))
                        for p in Path(os.environ["SM_CHANNEL_FEATURES"]).rglob("*")
                        if p.is_file()
                    )
                    if "SM_CHANNEL_FEATURES" in os.environ
                    else None,
                }
            )
        )
        print("version=6\nversion=7")
    case "fail":
        (output / "failure").write_text("TooLittleData: 3 hours are not enough")
        sys.exit(1)
    case "wait":
        signal.signal(signal.SIGTERM, stopped)
        print("waiting", flush=True)
        time.sleep(30)
    case "ignore":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(30)
