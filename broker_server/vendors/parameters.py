"""The kinds of argument that methods of the vendors share."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from broker_server.core.accounts import DEFAULT, AccountAlias
from broker_server.core.methods import Parameters

_TICKER = re.compile(r"[0-9A-Z]{6}|Q[0-9]{6}")
_SYMBOL = re.compile(r"[0-9A-Z][0-9A-Z./-]{0,15}")
_DATE = re.compile(r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})")
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,8})?")


def _ticker(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError('must be text such as "005930": a number would lose its zeros')
    if _TICKER.fullmatch(value) is None:
        raise ValueError('must be a 6-character code such as "005930" (an ETN is Q and 6 digits)')
    return value


def _symbol(value: object) -> object:
    symbol = value.upper() if isinstance(value, str) else ""
    if _SYMBOL.fullmatch(symbol) is None:
        raise ValueError('must be a symbol as text, such as "AAPL" or "00700"')
    return symbol


def _in_capitals(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _whole(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError("must be a whole number")
    return value


def _day(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        try:
            return date(int(match[1]), int(match[3]), int(match[4]))
        except ValueError:
            pass
    raise ValueError('must be a date such as "2026-11-20"')


def _clock_time(value: object) -> object:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and len(value) in (5, 8) and value[2] == ":":
        try:
            return time.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError('must be a time of day in Korea such as "09:30"')


def _decimal(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError('must be text such as "187.35": a JSON number would be inexact')
    text = str(value)
    if _DECIMAL.fullmatch(text) is None or Decimal(text) == 0:
        raise ValueError('must be a positive decimal as text, such as "187.35"')
    return text


Ticker = Annotated[
    str, BeforeValidator(_ticker), WithJsonSchema({"type": "string", "pattern": f"^({_TICKER.pattern})$"})
]
"""A KRX short code: 6 characters, maybe letters; ``Q`` and 6 digits for an ETN."""

Symbol = Annotated[
    str, BeforeValidator(_symbol), WithJsonSchema({"type": "string", "pattern": f"^({_SYMBOL.pattern})$"})
]
"""A symbol of an overseas exchange; taken in small letters too."""

Quantity = Annotated[int, BeforeValidator(_whole), Field(gt=0, le=999_999_999)]
"""Shares."""

WonPrice = Annotated[int, BeforeValidator(_whole), Field(gt=0, le=999_999_999)]
"""Won per share."""

DecimalText = Annotated[str, BeforeValidator(_decimal)]
"""A positive decimal as exact text."""

Day = Annotated[date, BeforeValidator(_day)]
"""A date, ``2026-11-20`` or ``20261120``."""

ClockTime = Annotated[time, BeforeValidator(_clock_time)]
"""A time of day in Korea, ``09:30`` or ``09:30:00``."""

OrderNumber = Annotated[str, Field(pattern=r"^[0-9]{1,10}$")]
"""The vendor's order number; leading zeros may be left out."""

TaskId = Annotated[str, Field(min_length=1, max_length=255)]
"""A client's name of a task."""

QuoteVenue = Literal["KRX", "NXT", "UNIFIED"]
"""Where a domestic price comes from; KRX unless said otherwise."""

OrderVenue = Literal["KRX", "NXT", "SOR"]
"""Where a domestic order goes; KRX unless said otherwise."""

OverseasExchange = Literal["NASD", "NYSE", "AMEX", "SEHK", "SHAA", "SZAA", "TKSE", "HASE", "VNSE"]
"""An exchange by KIS's order code."""

AskedExchange = Annotated[OverseasExchange, BeforeValidator(_in_capitals)]
"""The same as an argument; taken in small letters too."""


class InOrder(Parameters):
    """Parameters with a ``start`` and an ``end`` of the same kind, which must not be crossed."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        start, end = getattr(self, "start", None), getattr(self, "end", None)
        if start is not None and end is not None and start > end:
            raise ValueError("start must not be after end")
        return self


class ReadParameters(Parameters):
    """What every read of a table or quote takes.

    Attributes:
        raw: Add the vendor's own row to each result.
    """

    raw: bool = False


class AccountParameters(ReadParameters):
    """What every read of an account takes.

    Attributes:
        account: The alias of the account.
    """

    account: AccountAlias = DEFAULT


class TickerParameters(ReadParameters):
    """A domestic instrument.

    Attributes:
        ticker: Its KRX short code.
        exchange: Where the price comes from.
    """

    ticker: Ticker
    exchange: QuoteVenue = "KRX"


class SymbolParameters(ReadParameters):
    """An overseas instrument.

    Attributes:
        ticker: Its symbol.
        exchange: Where it is listed.
    """

    ticker: Symbol
    exchange: AskedExchange
