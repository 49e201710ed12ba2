"""Reads prices from the board for HTTP; what is written is kept until the price changes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from broker_client.json_bytes import json_bytes
from broker_server.gateway.documents import price_document
from broker_server.prices.board import PriceBoard
from broker_server.prices.demand import Demand
from broker_server.prices.model import Price, PriceKey, Source, State

TICKER = re.compile("[0-9A-Z]{6,9}")
MOST_TICKERS = 100
MOST_WRITTEN = 5_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no price.

    Attributes:
        status: Of HTTP.
        code: For programs.
        message: In words.
    """

    status: int
    code: str
    message: str

    def document(self) -> dict[str, str]:
        """As answers write it."""
        return {"code": self.code, "message": self.message}


class PriceReading:
    """Prices as HTTP writes them.

    Args:
        board: What is known.
        demand: Finds out what is not.
    """

    def __init__(self, board: PriceBoard, demand: Demand) -> None:
        self._board = board
        self._demand = demand
        self._written: dict[PriceKey, tuple[Price, bytes]] = {}

    async def read(self, ticker: str, venue: str, *, fresh: bool = False) -> Price | Trouble:
        """One price.

        Args:
            fresh: A stale one is not good enough.
        """
        if not TICKER.fullmatch(ticker):
            return Trouble(
                422, "INVALID_TICKER", "a ticker is 6 to 9 digits or capital letters, such as 005930"
            )
        key = PriceKey(ticker, venue)
        price = self._board.price(key)
        if not is_live(price):
            await self._demand.refresh(key, fresh=fresh)
            price = self._board.price(key)
        if price is None:
            return self._why_not(key)
        if fresh and (price.stale or price.source is Source.DAILY_CLOSE):
            why = price.reason or "there is only a daily close"
            return Trouble(503, "STALE_PRICE", f"no fresh price of {ticker} can be had now: {why}")
        return price

    async def read_all(
        self, tickers: Sequence[str], venue: str, *, fresh: bool = False
    ) -> tuple[dict[str, Price], dict[str, Trouble]]:
        """Many prices; one that cannot be had does not keep the others back."""
        prices: dict[str, Price] = {}
        troubles: dict[str, Trouble] = {}
        missing = []
        for ticker in tickers:
            price = self._board.price(PriceKey(ticker, venue))
            if is_live(price) and price is not None:
                prices[ticker] = price
            else:
                missing.append(ticker)
        found = await asyncio.gather(*(self.read(each, venue, fresh=fresh) for each in missing))
        for ticker, price_or_trouble in zip(missing, found, strict=True):
            if isinstance(price_or_trouble, Price):
                prices[ticker] = price_or_trouble
            else:
                troubles[ticker] = price_or_trouble
        return prices, troubles

    def written(self, price: Price) -> bytes:
        """A price as JSON."""
        kept = self._written.get(price.key)
        if kept is not None and kept[0] is price:
            return kept[1]
        text = json_bytes(price_document(price))
        if kept is None and len(self._written) >= MOST_WRITTEN:
            del self._written[next(iter(self._written))]
        self._written[price.key] = (price, text)
        return text

    def _why_not(self, key: PriceKey) -> Trouble:
        standing = self._board.standing(key)
        why = (standing.reason if standing is not None else None) or "no vendor has said anything of it yet"
        if standing is not None and standing.state is State.UNKNOWN:
            return Trouble(404, "UNKNOWN_TICKER", f"no vendor knows {key.subject}: {why}")
        return Trouble(503, "NO_PRICE", f"there is no price of {key.subject} now: {why}")


def is_live(price: Price | None) -> bool:
    """Whether a price is from a stream that speaks."""
    return price is not None and price.source is Source.REALTIME and not price.stale
