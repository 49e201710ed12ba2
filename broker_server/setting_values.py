"""How the values of settings are written, in ``.env`` and in ``ACCOUNTS_FILE`` alike."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from broker_server.core.guards import DEFAULT_NOTIONAL

T = TypeVar("T")


def lifted(value: Any) -> Any:
    """A limit is lifted only by writing ``none`` out."""
    return None if isinstance(value, str) and value.strip().lower() == "none" else value


def names(value: Any) -> Any:
    """Names with commas between them, or ``none``."""
    value = lifted(value)
    if not isinstance(value, str):
        return value
    return frozenset(name.strip() for name in value.split(",") if name.strip())


def amounts(value: Any) -> Any:
    """Amounts by currency, such as ``KRW=50000000,USD=50000``, or ``none``; others keep their defaults."""
    value = lifted(value)
    if not isinstance(value, str):
        return value
    found = dict(DEFAULT_NOTIONAL)
    for entry in value.split(","):
        currency, equals, amount = entry.strip().rpartition("=")
        name = currency.strip().upper() if equals else "KRW"
        try:
            number = Decimal(amount.strip().replace("_", ""))
        except InvalidOperation:
            number = Decimal(-1)
        if not re.fullmatch("[A-Z]{3}", name) or not number.is_finite() or number <= 0:
            raise ValueError("must look like KRW=50000000,USD=50000, or none to lift the limit")
        found[name] = number
    return found


def kis_account_number(value: str | None) -> str | None:
    """The number of an account of KIS."""
    if value is not None and not re.fullmatch("[0-9]{8}-[0-9]{2}", value):
        raise ValueError("must look like 12345678-01: 8 digits, a hyphen and 2 digits")
    return value


def kiwoom_account_number(value: str | None) -> str | None:
    """The number of an account of Kiwoom."""
    if value is not None and not re.fullmatch("[0-9]{4}-?[0-9]{4}(-?[0-9]{2})", value):
        raise ValueError("must be the ten digits of the account, such as 1234567811")
    return value


def mock_is_paper(value: Any) -> Any:
    """Kiwoom's own word for paper trading."""
    return "paper" if value == "mock" else value


def spellings(account: str) -> list[str]:
    """An account number in every form that a log could show."""
    digits = account.replace("-", "")
    return list(dict.fromkeys((account, digits, digits[:8])))


OrNone = Annotated[T | None, BeforeValidator(lifted)]
