"""Work that the emulator repeats in the background."""

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("embedded")


def repeat(action: Callable[[], None], seconds: float) -> None:
    """Does it every *seconds* for as long as the process lives; what fails is logged, and tried again."""

    def loop() -> None:
        while True:
            time.sleep(seconds)
            try:
                action()
            except Exception:  # whatever it was, the next round tries again
                log.exception("%s failed", action.__qualname__)

    threading.Thread(target=loop, daemon=True).start()
