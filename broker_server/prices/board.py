"""The latest price of everything that somebody asked for: the one store that all faces read.

::

    streams ──┐                                   ┌──> HTTP reads `PriceBoard.price`
    REST   ───┼──> PriceBoard (one choice per key) ┤
    closes ───┘                                   └──> WebSocket hears each change of the same choice

Not safe for threads: everything happens on one event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from broker_server.prices.model import Book, Price, PriceKey, Source, Standing, TradeTick

T = TypeVar("T", Price, Book)

OnPrice = Callable[[Price], None]
OnBook = Callable[[Book], None]
OnTrade = Callable[[TradeTick], None]
OnStanding = Callable[[Standing], None]


@dataclass(slots=True)
class _Entry:
    """What is known of one key."""

    live: dict[str, Price] = field(default_factory=dict)
    books: dict[str, Book] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    rest: Price | None = None
    rest_book: Book | None = None
    close: Price | None = None
    price: Price | None = None
    book: Book | None = None
    price_seq: int = 0
    book_seq: int = 0
    trade_seq: int = 0
    standing: Standing | None = None
    on_price: list[OnPrice] = field(default_factory=list)
    on_book: list[OnBook] = field(default_factory=list)
    on_trade: list[OnTrade] = field(default_factory=list)
    on_standing: list[OnStanding] = field(default_factory=list)

    @property
    def has_listeners(self) -> bool:
        return bool(self.on_price or self.on_book or self.on_trade or self.on_standing)


class PriceBoard:
    """Chooses, for every key, the price that everyone is told.

    The first vendor in the order of preference whose stream is not silent has the word. Where all are silent,
    or none has said anything, the newest of what they and REST have said; a daily close is the last resort.
    Of one source an older price never takes the place of a newer one.

    Args:
        preference: Vendors, the most trusted first; others come after them.
    """

    def __init__(self, preference: Sequence[str] = ("kis", "kiwoom", "koscom")) -> None:
        self._rank = {vendor: place for place, vendor in enumerate(preference)}
        self._entries: dict[PriceKey, _Entry] = {}

    # What is known

    def price(self, key: PriceKey) -> Price | None:
        """The price that everyone is told now."""
        entry = self._entries.get(key)
        return None if entry is None else entry.price

    def book(self, key: PriceKey) -> Book | None:
        """The order book that everyone is told now."""
        entry = self._entries.get(key)
        return None if entry is None else entry.book

    def standing(self, key: PriceKey) -> Standing | None:
        """How the streams of a key are; ``None`` if nobody has wanted them."""
        entry = self._entries.get(key)
        return None if entry is None else entry.standing

    def keys(self) -> Iterable[PriceKey]:
        """Everything that something is known of, or that somebody listens to."""
        return self._entries.keys()

    # What comes in

    def put(self, price: Price) -> None:
        """Take a price in.

        A price from a stream says also that the stream is not silent.
        """
        entry = self._entry(price.key)
        if price.source is Source.REALTIME:
            known = entry.live.get(price.vendor)
            entry.silent.pop(price.vendor, None)
            if known is None or price.as_of >= known.as_of:
                entry.live[price.vendor] = price
        elif price.source is Source.REST:
            if entry.rest is None or price.as_of >= entry.rest.as_of:
                entry.rest = price
        elif entry.close is None or (price.base_date, price.as_of) >= (
            entry.close.base_date,
            entry.close.as_of,
        ):
            entry.close = price
        self._choose_price(entry)

    def put_book(self, book: Book) -> None:
        """Take an order book in."""
        entry = self._entry(book.key)
        if book.source is Source.REALTIME:
            known = entry.books.get(book.vendor)
            if known is None or book.as_of >= known.as_of:
                entry.books[book.vendor] = book
        elif entry.rest_book is None or book.as_of >= entry.rest_book.as_of:
            entry.rest_book = book
        self._choose_book(entry)

    def put_trade(self, trade: TradeTick) -> None:
        """Tell the listeners of each trade; only the vendor that has the word is heard."""
        entry = self._entry(trade.key)
        if entry.price is not None and entry.price.vendor != trade.vendor:
            return
        entry.trade_seq += 1
        numbered = replace(trade, seq=entry.trade_seq)
        for listener in list(entry.on_trade):
            listener(numbered)

    def silence(self, key: PriceKey, vendor: str, reason: str | None) -> None:
        """A vendor's stream of a key is silent, or ``None`` as the reason: it is not any more."""
        entry = self._entry(key)
        if reason is None:
            if entry.silent.pop(vendor, None) is None:
                return
        elif entry.silent.get(vendor) == reason:
            return
        else:
            entry.silent[vendor] = reason
        self._choose_price(entry)
        self._choose_book(entry)

    def tell(self, key: PriceKey, standing: Standing) -> None:
        """How the streams of a key are from now on."""
        entry = self._entry(key)
        if standing == entry.standing:
            return
        entry.standing = standing
        for listener in list(entry.on_standing):
            listener(standing)

    def forget(self, key: PriceKey) -> None:
        """Let go of what is known of a key that nobody listens to."""
        entry = self._entries.get(key)
        if entry is not None and not entry.has_listeners:
            del self._entries[key]

    # Who listens

    def listen_price(self, key: PriceKey, listener: OnPrice) -> Callable[[], None]:
        """Be told of every change of the price; the call that is returned ends it."""
        return _join(self._entry(key).on_price, listener)

    def listen_book(self, key: PriceKey, listener: OnBook) -> Callable[[], None]:
        """Be told of every change of the book; the call that is returned ends it."""
        return _join(self._entry(key).on_book, listener)

    def listen_trades(self, key: PriceKey, listener: OnTrade) -> Callable[[], None]:
        """Be told of every trade; the call that is returned ends it."""
        return _join(self._entry(key).on_trade, listener)

    def listen_standing(self, key: PriceKey, listener: OnStanding) -> Callable[[], None]:
        """Be told how the streams are; the call that is returned ends it."""
        return _join(self._entry(key).on_standing, listener)

    # Inside

    def _entry(self, key: PriceKey) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry()
        return entry

    def _choose_price(self, entry: _Entry) -> None:
        chosen = self._best(entry.live, entry.silent, entry.rest) or entry.close
        if chosen is None:
            return
        before = entry.price
        if before is not None and replace(chosen, seq=before.seq) == before:
            return
        entry.price_seq += 1
        entry.price = told = replace(chosen, seq=entry.price_seq)
        for listener in list(entry.on_price):
            listener(told)

    def _choose_book(self, entry: _Entry) -> None:
        chosen = self._best(entry.books, entry.silent, entry.rest_book)
        if chosen is None:
            return
        before = entry.book
        if before is not None and replace(chosen, seq=before.seq) == before:
            return
        entry.book_seq += 1
        entry.book = told = replace(chosen, seq=entry.book_seq)
        for listener in list(entry.on_book):
            listener(told)

    def _best(self, live: Mapping[str, T], silent: Mapping[str, str], by_rest: T | None) -> T | None:
        """The first of those that speak; else the newest of what is known, the silent ones marked."""
        speaking = [vendor for vendor in live if vendor not in silent]
        if speaking:
            return live[min(speaking, key=self._place)]
        known = [replace(each, stale=True, reason=silent[vendor]) for vendor, each in live.items()]
        if by_rest is not None:
            known.append(by_rest)
        return max(known, key=lambda each: each.as_of) if known else None

    def _place(self, vendor: str) -> tuple[int, str]:
        return (self._rank.get(vendor, len(self._rank)), vendor)


def _join(listeners: list[Callable[..., None]], listener: Callable[..., None]) -> Callable[[], None]:
    listeners.append(listener)

    def leave() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return leave
