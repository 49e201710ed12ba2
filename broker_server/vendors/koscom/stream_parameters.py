"""The parameters of KOSCOM's stream methods."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from broker_server.core.methods import Parameters
from broker_server.vendors.koscom.fields import change_items
from broker_server.vendors.koscom.presets import CHANGE, INDEX, is_derivative, is_index
from broker_server.vendors.stream_parameters import StreamOptions

_CODE = re.compile(r"[0-9A-Z]{2,9}", re.ASCII)
_MOST_ITEMS = 100


def _code(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError('must be text such as "005930": a number would lose its zeros')
    if _CODE.fullmatch(value) is None:
        raise ValueError('must be a short code such as "005930", "101S6000" or "K1", without a market (*001)')
    return value


def _listed(value: object) -> object:
    """On a command line they are one text with commas."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


ShortCode = Annotated[str, BeforeValidator(_code)]
Preset = Literal["tick", "quote", "tick10", "quote10", "index", "change"]
Items = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1, max_length=_MOST_ITEMS)]


class PresetStream(StreamOptions):
    """One issue, as one of KOSCOM's presets has it.

    Attributes:
        preset: ``tick`` and ``tick10`` are trades, the latter with the day's figures; ``quote`` is the best
            bid and offer, ``quote10`` the whole order book; ``index`` a sector's index; ``change`` fields of
            your choice.
        ticker: The short code of a stock, a future or an option; with ``index`` that of the index: ``K1``.
        items: With ``change``, the names of its fields, such as ``trdPrc``.
        snapshot: The first event is the state by REST, unless KOSCOM's own comes first.
    """

    preset: Preset
    ticker: ShortCode
    items: Items | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _ensure_fitting(self.preset, self.ticker, self.items)
        return self

    @property
    def chosen(self) -> tuple[str, ...]:
        """The items as the table writes them."""
        return _named(self.ticker, self.items or [])


class PresetStreamEnd(Parameters):
    """Which subscriptions of the task end; all of this kind where nothing is named.

    Attributes:
        preset: As it was subscribed.
        ticker: Likewise.
        items: Likewise.
    """

    preset: Preset | None = None
    ticker: ShortCode | None = None
    items: Items | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.preset is None) != (self.ticker is None):
            raise ValueError("preset and ticker belong together")
        if self.preset is not None and self.ticker is not None:
            _ensure_fitting(self.preset, self.ticker, self.items)
        elif self.items is not None:
            raise ValueError("items say nothing without a preset and a ticker")
        return self

    @property
    def chosen(self) -> tuple[str, ...]:
        """The items as the table writes them."""
        return () if self.ticker is None else _named(self.ticker, self.items or [])


class MarketStream(Parameters):
    """The trades of every issue of a market.

    Events go to ``broker.realtime`` alone, as ``koscom.trade.<code>``: bind a queue to what you want of it.

    Attributes:
        market: ``kospi`` or ``kosdaq``.
    """

    market: str


class MarketStreamEnd(Parameters):
    """Which subscriptions of the task end; all of this kind where nothing is named.

    Attributes:
        market: As it was subscribed.
    """

    market: str | None = None


def _ensure_fitting(preset: str, ticker: str, items: list[str] | None) -> None:
    if (preset == CHANGE) != (items is not None):
        raise ValueError("items are needed with the preset change, and with no other")
    if preset == INDEX and not is_index(ticker):
        raise ValueError('ticker must be the code of an index such as "K1" with the preset index')
    if preset != INDEX and is_index(ticker):
        raise ValueError(f"an index such as {ticker} has the preset index and no other")
    _named(ticker, items or [])


def _named(ticker: str, items: list[str]) -> tuple[str, ...]:
    allowed = change_items(derivative=is_derivative(ticker))
    for item in items:
        if item.lower() not in allowed:
            raise ValueError(f"items: {item[:40]!r} is not one of {', '.join(sorted(allowed.values()))}")
    return tuple(allowed[item.lower()] for item in items)
