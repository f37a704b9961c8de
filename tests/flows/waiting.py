"""Waiting for what comes asynchronously."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def eventually(look: Callable[[], Seen], wanted: Callable[[Seen], bool], timeout: float = 30) -> Seen:
    """What is seen once it is as wanted. Raises AssertionError with what was seen last."""
    deadline = time.monotonic() + timeout
    while not wanted(seen := look()):
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s; last seen: {seen}"
        time.sleep(0.1)
    return seen
