"""Whose CPU time it is: functions are watched while something runs, each charged with what it does not hand on."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch


class Steps:
    """CPU seconds of this process by step. One thread at a time may do watched work."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self.total = 0.0
        self._inner = threading.local()

    def watched(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time charged to the step; that of watched functions inside it to theirs."""

        def timed(*arguments: Any, **named: Any) -> Any:
            outer = getattr(self._inner, "seconds", 0.0)
            self._inner.seconds, began = 0.0, time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                taken = time.process_time() - began
                self.seconds[step] += taken - self._inner.seconds
                self.calls[step] += 1
                self._inner.seconds = outer + taken

        return timed

    @contextmanager
    def watching(self, *functions: tuple[str, Any, str]) -> Iterator[None]:
        """Watches (step, owner, name of its function) for a while, and the whole of it."""
        with ExitStack() as patches:
            for step, owner, name in functions:
                patches.enter_context(patch.object(owner, name, self.watched(step, getattr(owner, name))))
            began = time.process_time()
            yield
            self.total = time.process_time() - began
        self.seconds["the rest"] = self.total - sum(self.seconds.values())
