"""What HTTP and WebSocket say of a price: written in one place, so that both say the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from broker_server.prices.model import Book, Level, Price, TradeTick


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC, with its offset."""
    return moment.astimezone(UTC).isoformat()


def price_figures(price: Price) -> dict[str, Any]:
    """The figures that every face shows."""
    return {
        "price": price.price,
        "change": price.change,
        "change_rate": price.change_rate,
        "volume": price.volume,
        "bid_price": price.bid_price,
        "ask_price": price.ask_price,
    }


def price_origin(price: Price) -> dict[str, Any]:
    """Where a price comes from, and how far it can be trusted."""
    return {
        "source": price.source.value,
        "vendor": price.vendor,
        "as_of": timestamp(price.as_of),
        "stale": price.stale,
        "reason": price.reason,
        "base_price": price.base_price,
        "base_date": None if price.base_date is None else price.base_date.isoformat(),
        "halted": price.halted,
        "seq": price.seq,
    }


def price_document(price: Price) -> dict[str, Any]:
    """The flat object of HTTP; ``timestamp`` is ``as_of``."""
    return {
        "ticker": price.key.ticker,
        "venue": price.key.venue,
        **price_figures(price),
        "open": price.open,
        "high": price.high,
        "low": price.low,
        "timestamp": timestamp(price.as_of),
        **price_origin(price),
    }


def price_update(price: Price) -> dict[str, Any]:
    """The message of WebSocket: the figures in ``data``, all else that HTTP says beside it."""
    return {
        "type": "price_update",
        "ticker": price.key.ticker,
        "data": price_figures(price),
        "timestamp": timestamp(price.as_of),
        "venue": price.key.venue,
        "open": price.open,
        "high": price.high,
        "low": price.low,
        **price_origin(price),
    }


def orderbook_update(book: Book) -> dict[str, Any]:
    """The message of WebSocket; levels are ``{"price", "quantity"}``, the best first."""
    return {
        "type": "orderbook_update",
        "ticker": book.key.ticker,
        "venue": book.key.venue,
        "data": {
            "asks": [_level(each) for each in book.asks],
            "bids": [_level(each) for each in book.bids],
            "source": book.source.value,
            "vendor": book.vendor,
            "as_of": timestamp(book.as_of),
            "stale": book.stale,
            "reason": book.reason,
        },
        "timestamp": timestamp(book.as_of),
        "seq": book.seq,
    }


def trade_message(trade: TradeTick) -> dict[str, Any]:
    """The message of WebSocket."""
    return {
        "type": "trade",
        "ticker": trade.key.ticker,
        "venue": trade.key.venue,
        "data": {
            "price": trade.price,
            "quantity": trade.quantity,
            "side": trade.side,
            "vendor": trade.vendor,
        },
        "timestamp": timestamp(trade.as_of),
        "seq": trade.seq,
    }


def _level(level: Level) -> dict[str, int]:
    return {"price": level.price, "quantity": level.quantity}
