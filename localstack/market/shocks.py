"""The random ground of the simulated market: for any block of hours, without the blocks before it.

Each (seed, name, block) has its own generator, so what an hour holds depends on nothing but these. Log-volatility is a
sum of stationary processes of several time scales (hours to weeks, as in HAR models), each a fading memory of white
noise; the memory is cut after one block, so a block needs only its own noise and that of the block before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from localstack.market.candles import Floats

BLOCK = 8192  # hours in a block, about 341 days
DEGREES = 6  # of freedom of the Student-t shocks
LARGEST = 9.0  # standard deviations that a shock may have

SCALES = (4.0, 30.0, 500.0, 900.0)  # hours of memory of each process
SIZES = (0.30, 0.25, 0.38, 0.28)  # share of each in log-volatility; the last one switches between calm and wild
ECHO = 0.55  # how much of the fastest process is an echo of the last shock's size


@dataclass(frozen=True)
class Shocks:
    """One name's ground of one block, an entry per hour."""

    shock: Floats  # unit variance, Student-t
    processes: Floats  # (scale, hour), unit variance each
    upper: Floats  # sizes of the wicks, in standard deviations of the hour
    lower: Floats
    activity: Floats  # standard normal, moves volume

    def tail(self, hours: int) -> Shocks:
        return Shocks(
            self.shock[-hours:], self.processes[:, -hours:], self.upper[-hours:], self.lower[-hours:],
            self.activity[-hours:],
        )  # fmt: skip


def generator(seed: int, *names: str | int) -> np.random.Generator:
    return np.random.default_rng([seed, *(crc32(str(name).encode()) for name in names)])


def shocks(seed: int, name: str, block: int) -> Shocks:
    """The ground of `name` in this block."""
    before, here = noise(seed, name, block - 1), noise(seed, name, block)
    shock = np.concatenate([before.shock, here.shock])
    white = np.concatenate([before.processes, here.processes], axis=1)
    size = np.abs(np.concatenate([[1.0], shock[:-1]]))
    echo = (size - size.mean()) / size.std()
    white[0] = ECHO * np.clip(echo, -3, 5) + np.sqrt(1 - ECHO**2) * white[0]
    processes = np.fft.irfft(np.fft.rfft(white) * _MEMORY, 2 * BLOCK)[:, BLOCK:]
    return Shocks(here.shock, processes, here.upper, here.lower, here.activity)


def blend(first: Shocks, second: Shocks, weight: float) -> Shocks:
    """Both grounds mixed, the first with this weight; variances stay one."""
    rest = np.sqrt(1 - weight**2)
    return Shocks(
        weight * first.shock + rest * second.shock, weight * first.processes + rest * second.processes,
        second.upper, second.lower, weight * first.activity + rest * second.activity,
    )  # fmt: skip


def log_volatility(processes: Floats) -> Floats:
    """Log-volatility around zero: the processes summed, the slowest one pressed towards a calm and a wild level."""
    levels = np.vstack([processes[:-1], np.tanh(2.5 * processes[-1:])])
    summed: Floats = np.clip(np.asarray(SIZES) @ levels, -1.8, 2.2)
    return summed


def noise(seed: int, name: str, block: int) -> Shocks:
    """The ground before its processes have their memory: they are white noise here."""
    draw = generator(seed, name, block)
    shock = draw.standard_t(DEGREES, BLOCK) / np.sqrt(DEGREES / (DEGREES - 2))
    return Shocks(
        np.clip(shock, -LARGEST, LARGEST), draw.standard_normal((len(SCALES), BLOCK)),
        draw.exponential(1.0, BLOCK), draw.exponential(1.0, BLOCK), draw.standard_normal(BLOCK),
    )  # fmt: skip


def _memories() -> Iterator[Floats]:
    for scale in SCALES:
        memory = np.exp(-np.arange(BLOCK) / scale)
        yield np.concatenate([memory / np.sqrt(np.sum(memory**2)), np.zeros(BLOCK)])


_MEMORY = np.fft.rfft(np.stack(list(_memories())))
