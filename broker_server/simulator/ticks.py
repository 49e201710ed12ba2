"""Tick sizes and daily price limits, in whole minor units of the currency (won, cents, yen)."""

from __future__ import annotations

from bisect import bisect_right

_KRX_STOCK = ((0, 1), (2_000, 5), (5_000, 10), (20_000, 50), (50_000, 100), (200_000, 500), (500_000, 1_000))
_KRX_ETP = ((0, 1), (2_000, 5))
_HONG_KONG = ((0, 1), (1_000, 1), (2_000, 2), (10_000, 5), (20_000, 10), (50_000, 20), (100_000, 50))
_TOKYO = ((0, 1), (3_000, 5), (5_000, 10), (30_000, 50), (50_000, 100))
_ONE = ((0, 1),)

_TABLES = {
    "krx": _KRX_STOCK,
    "krx_etp": _KRX_ETP,
    "hong_kong": _HONG_KONG,
    "tokyo": _TOKYO,
    "one": _ONE,
}
_STEPS = {
    name: ([start for start, _ in table], [tick for _, tick in table]) for name, table in _TABLES.items()
}

TICK_TABLES = frozenset(_TABLES)


def tick_size(table: str, price: int) -> int:
    """The tick at ``price``.

    Args:
        table: One of `TICK_TABLES`; ``krx`` is the table in force since 2023-01-25, ``krx_etp`` that of
            ETF and ETN.
        price: In minor units.
    """
    starts, ticks = _STEPS[table]
    return ticks[max(0, bisect_right(starts, price) - 1)]


def is_on_tick(table: str, price: int) -> bool:
    """Whether an order at ``price`` is well formed."""
    return price > 0 and price % tick_size(table, price) == 0


def round_to_tick(table: str, price: float) -> int:
    """The valid price nearest to ``price``; at least one tick."""
    starts, ticks = _STEPS[table]  # not by `tick_size`: a market's history is made of millions of these
    tick = ticks[bisect_right(starts, price) - 1] if price >= 1 else ticks[0]
    rounded = int(price / tick + 0.5) * tick
    return rounded if rounded > tick else tick


def step(table: str, price: int, ticks: int) -> int:
    """The price ``ticks`` ticks above (or below, when negative) ``price``; never under one tick."""
    for _ in range(abs(ticks)):
        if ticks > 0:
            price += tick_size(table, price)
        else:
            price -= tick_size(table, max(1, price - 1))
    return max(price, tick_size(table, 1))


def price_limits(table: str, base: int, percent: int | None) -> tuple[int, int]:
    """The lowest and highest price of a day.

    Args:
        table: The tick table.
        base: The base price (the previous close).
        percent: 30 on KRX; None where the exchange has no daily limit.
    """
    if percent is None:
        return tick_size(table, 1), 1 << 60
    width = base * percent // 100
    width -= width % tick_size(table, base)
    upper = base + width
    upper -= upper % tick_size(table, upper)
    lower = base - width
    tick = tick_size(table, max(1, lower))
    lower += -lower % tick
    return max(tick_size(table, 1), lower), upper
