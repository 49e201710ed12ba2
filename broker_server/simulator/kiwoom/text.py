"""How Kiwoom writes numbers, signs and times."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from broker_server.simulator.clock import KST

MILLION, HUNDRED_MILLION = 1_000_000, 100_000_000


def hhmmss(moment: datetime) -> str:
    """Korean wall time."""
    return moment.astimezone(KST).strftime("%H%M%S")


def yyyymmdd(moment: datetime) -> str:
    """Korean date."""
    return moment.astimezone(KST).strftime("%Y%m%d")


def directed(price: int, base: int, decimals: int = 0) -> str:
    """A price, and before it the direction against the previous close; none where they are equal.

    Args:
        price: In minor units.
        base: The previous close.
        decimals: How many digits of a price are minor units.
    """
    sign = "" if price == base or not price else "+" if price > base else "-"
    return sign + _shown(price, decimals)


def signed(value: int, decimals: int = 0) -> str:
    """A difference: truly signed, zero without a sign."""
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{_shown(abs(value), decimals)}"


def signed_percent(part: float, whole: float) -> str:
    """A rate: truly signed, two decimals."""
    rate = 100 * part / whole if whole else 0.0
    text = f"{rate:+.2f}"
    return text[1:] if text[1:] == "0.00" else text


def percent(part: float, whole: float) -> str:
    """A share, two decimals."""
    return f"{100 * part / whole:.2f}" if whole else "0.00"


def sign_code(price: int, base: int, lower: int = -1, upper: int = -1) -> str:
    """``pred_pre_sig``: 1 upper limit, 2 up, 3 flat, 4 lower limit, 5 down."""
    if price == base:
        return "3"
    if price > base:
        return "1" if price == upper else "2"
    return "4" if price == lower else "5"


def padded(value: int, width: int) -> str:
    """An amount of the account TRs: zeros before it, and a minus sign before the zeros."""
    return f"-{-value:0{width - 1}d}" if value < 0 else f"{value:0{width}d}"


def _shown(value: int, decimals: int) -> str:
    return format(Decimal(value).scaleb(-decimals), "f")
