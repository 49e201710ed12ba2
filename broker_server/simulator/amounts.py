"""Amounts as text, exactly."""

from __future__ import annotations


def decimal(minor_units: int, decimals: int, places: int | None = None) -> str:
    """An amount in minor units as decimal text.

    Args:
        minor_units: The amount.
        decimals: How many of its digits are minor units.
        places: Digits to show; by default ``decimals``.
    """
    places = decimals if places is None else places
    text = f"{abs(minor_units):0{decimals + 1}d}"
    whole, part = (text[:-decimals], text[-decimals:]) if decimals else (text, "")
    part = part[:places].ljust(places, "0")
    shown = f"{whole}.{part}" if places else whole
    return f"-{shown}" if minor_units < 0 else shown
