"""From a page of texts to values, with an error for what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time

from broker_client.errors import InvalidParameters, Unsupported, VendorUnavailable
from broker_server.core.methods import TaskContext
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.real_types import SUFFIXES
from broker_server.vendors.kiwoom.values import NotANumber, whole_of
from broker_server.vendors.parameters import QuoteVenue

VENDOR = "kiwoom"
Row = Mapping[str, str]


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn a value that is not what it should be into the error of an answer that cannot be read.

    Args:
        what: Was asked for, for the message.

    Raises:
        VendorUnavailable: Inside, something was not a number or not a time.
    """
    try:
        yield
    except (NotANumber, ValueError) as error:
        raise VendorUnavailable(
            f"Kiwoom's answer about {what} cannot be read: {error}", vendor=VENDOR
        ) from None


def required_integer(row: Row, name: str) -> int:
    """A whole number that must be there.

    Raises:
        NotANumber: It is not.
    """
    number = whole_of(row[name])
    if number is None:
        raise NotANumber(f"{name} is missing")
    return number


def day_of(text: str) -> date:
    """``YYYYMMDD``.

    Raises:
        ValueError: It is something else.
    """
    return datetime.strptime(text.strip()[:8], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone


def time_of(text: str) -> time | None:
    """``HHMMSS``, with or without colons; ``None`` for an empty text.

    Raises:
        ValueError: It is something else.
    """
    digits = text.strip().replace(":", "")
    if not digits:
        return None
    return datetime.strptime(digits.zfill(6)[:6], "%H%M%S").time()  # noqa: DTZ007 - joined with its zone later


def symbol_of(backend: Backend, ticker: str, venue: QuoteVenue, *, paper: bool) -> str:
    """A ticker as Kiwoom writes it on a venue.

    Raises:
        Unsupported: This way to Kiwoom has prices of KRX only.
    """
    if venue != "KRX" and (paper or backend.name == "openapi-plus"):
        where = "its paper trading" if paper else "its OpenAPI+"
        raise Unsupported(f"Kiwoom has prices of KRX only on {where}, not of {venue}", vendor=VENDOR)
    return ticker + SUFFIXES[venue]


@contextmanager
def about(backend: Backend, ticker: str, context: TaskContext) -> Iterator[None]:
    """Ask about an instrument; one that Kiwoom does not know is the same error by either way.

    OpenAPI+ refuses a query about it with a text alone, after seconds, so it is asked of what the control
    knows by itself before. REST answers with a code, or with blanks that are for the caller to see.

    Raises:
        InvalidParameters: There is no such instrument.
    """
    known = backend.knows(ticker, context)
    if known is False:
        raise unknown_ticker(ticker)
    try:
        yield
    except InvalidParameters as error:
        if known is not None or error.vendor_code is None:
            raise
        raise unknown_ticker(ticker, error) from None


def unknown_ticker(ticker: str, said: InvalidParameters | None = None) -> InvalidParameters:
    """Kiwoom knows no such instrument.

    Args:
        said: With Kiwoom's own words of it; it may have answered with blanks.
    """
    return InvalidParameters(
        f"ticker: Kiwoom knows no stock {ticker}",
        vendor=VENDOR,
        vendor_code=None if said is None else said.vendor_code,
        vendor_message=None if said is None else said.vendor_message,
    )
