"""How the control writes values: with signs and padded. The width is an assumption."""

from __future__ import annotations

from datetime import datetime

from broker_server.simulator.clock import KST

WIDTH = 14


def directed(price: int, base: int) -> str:
    """A price with a sign that tells where it stands against the previous close."""
    sign = "+" if price > base else "-" if price < base else ""
    return f"{sign}{abs(price)}"


def change(price: int, base: int) -> str:
    """A difference, with its sign."""
    return f"{price - base:+d}" if price != base else "0"


def rate(price: int, base: int) -> str:
    """A rate in percent, with its sign."""
    return f"{(price - base) * 100 / base:+.2f}" if base else "0.00"


def symbol(price: int, base: int) -> str:
    """``2`` above the previous close, ``5`` below, ``3`` at it."""
    return "2" if price > base else "5" if price < base else "3"


def padded(value: str) -> str:
    """As ``GetCommData`` has it: numbers to the right, texts to the left."""
    is_number = value.lstrip("+-").replace(".", "", 1).isdigit()
    return value.rjust(WIDTH) if is_number else value.ljust(WIDTH)


def hhmmss(at: datetime) -> str:
    """A time of day in Korea."""
    return f"{at.astimezone(KST):%H%M%S}"


def order_number(number: int) -> str:
    """Seven digits."""
    return f"{number:07d}"
