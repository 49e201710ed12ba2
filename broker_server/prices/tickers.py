"""Codes that vendors write in different ways: ETNs are ``Q500001`` here and at KIS, ``500001`` elsewhere."""

from __future__ import annotations

import re

_ETN = re.compile("Q[0-9]{6}")
_ETN_ISIN = "KRG"
_WITHOUT_LETTER = frozenset({"kiwoom", "koscom"})


def spelled_for(vendor: str, ticker: str) -> str:
    """A ticker as a vendor's methods take it."""
    return ticker[1:] if vendor in _WITHOUT_LETTER and _ETN.fullmatch(ticker) else ticker


def with_etn_letter(code: str, isin: str | None) -> str:
    """A code of six digits as it is written here.

    Args:
        isin: Of the issue; those of ETNs begin with KRG (an assumption from KRX's numbering).
    """
    is_etn = isin is not None and isin.startswith(_ETN_ISIN) and len(code) == 6
    return f"Q{code}" if is_etn else code
