"""The still-open candle: what a full candle looks like when only a part of its hour has passed."""

from __future__ import annotations

from localstack.market.candles import Row

MIX = 0x9E3779B97F4A7C15  # spreads consecutive hours over all of 64 bits


def forming(full: Row, elapsed: float, decimals: int) -> Row:
    """The candle after the part `elapsed` (0 < elapsed < 1) of its hour.

    The price goes straight from open to the two extremes and to close; a rising candle sees its low first. When it
    turns differs from hour to hour, but is the same whenever it is asked.
    """
    bits = (full.hour * MIX) & 0xFFFFFFFFFFFFFFFF
    turns = 0.15 + 0.3 * (bits >> 32) / 2**32, 0.55 + 0.3 * (bits & 0xFFFFFFFF) / 2**32
    extremes = (full.low, full.high) if full.close >= full.open else (full.high, full.low)
    corners = [(0.0, full.open), (turns[0], extremes[0]), (turns[1], extremes[1]), (1.0, full.close)]
    seen = [price for at, price in corners if at <= elapsed]
    (before, left), (after, right) = corners[len(seen) - 1], corners[len(seen)]
    price = round(left + (right - left) * (elapsed - before) / (after - before), decimals)
    price = min(max(price, full.low), full.high)
    volume = max(round(full.volume * elapsed, 8), min(full.volume, 1e-8))
    return Row(full.hour, full.open, max(*seen, price), min(*seen, price), price, volume)
