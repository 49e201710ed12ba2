"""How KIS writes numbers, signs and times."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from broker_server.simulator.clock import KST
from broker_server.simulator.quotes import Quote


def hhmmss(moment: datetime) -> str:
    """Korean wall time."""
    return moment.astimezone(KST).strftime("%H%M%S")


def yyyymmdd(moment: datetime) -> str:
    """Korean date."""
    return moment.astimezone(KST).strftime("%Y%m%d")


def sign(price: int, base: int, lower: int = -1, upper: int = -1) -> str:
    """``prdy_vrss_sign``: 1 upper limit, 2 up, 3 flat, 4 lower limit, 5 down."""
    if price == base:
        return "3"
    if price > base:
        return "1" if price == upper else "2"
    return "4" if price == lower else "5"


def sign_of(quote: Quote) -> str:
    """The sign of a quote."""
    return sign(quote.price, quote.base, quote.lower, quote.upper)


def percent(part: float, whole: float) -> str:
    """A percentage with two decimals."""
    return f"{100 * part / whole:.2f}" if whole else "0.00"


def average(amount: int, quantity: int, decimals: int, places: int) -> str:
    """The price per unit, cut after ``places`` digits, as decimal text.

    Args:
        amount: What ``quantity`` units cost, in minor units.
        quantity: 0 gives 0.
        decimals: How many digits of ``amount`` are minor units.
        places: Digits to show.
    """
    price = Decimal(amount).scaleb(-decimals) / quantity if quantity else Decimal(0)
    # Not str(): that writes 0E-8 for a zero with eight digits.
    return format(price.quantize(Decimal(1).scaleb(-places), ROUND_FLOOR), "f")
