"""The latest price of everything that somebody asked for: the one store that all faces read.

::

    streams ──┐                                    ┌──> HTTP reads `PriceBoard.price`
    REST   ───┼──> PriceBoard (one choice per key) ┤
    closes ───┘                                    └──> WebSocket hears each change of the same choice

Not safe for threads: everything happens on one event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from broker_server.prices.demand import Interest
from broker_server.prices.model import Book, Price, PriceKey, Standing, TradeTick
from broker_server.prices.track import Track

SAME_DAY = timedelta(hours=12)
"""What REST said is of the same trading day if it is not older than this."""

OnPrice = Callable[[Price], None]
OnBook = Callable[[Book], None]
OnTrade = Callable[[TradeTick], None]
OnStanding = Callable[[Standing], None]


@dataclass(slots=True)
class _Entry:
    """What is known of one key."""

    prices: Track[Price]
    books: Track[Book]
    standing: Standing | None = None
    trade_seq: int = 0
    on_trade: list[OnTrade] = field(default_factory=list)
    on_standing: list[OnStanding] = field(default_factory=list)

    @property
    def has_listeners(self) -> bool:
        return bool(self.prices.listeners or self.books.listeners or self.on_trade or self.on_standing)


class PriceBoard:
    """Chooses, for every key, the price that everyone is told.

    The first vendor in the order of preference whose stream is not silent has the word. Where all are silent,
    or none has said anything, the newest of what they and REST have said; a daily close is the last resort.
    A stream is taken in the order in which it comes: the clock in it may be wrong, its order is not. Of REST
    an older price never takes the place of a newer one.

    Args:
        preference: Vendors, the most trusted first; others come after them.
    """

    def __init__(self, preference: Sequence[str] = ("kis", "kiwoom", "koscom")) -> None:
        self._rank = {vendor: place for place, vendor in enumerate(preference)}
        self._entries: dict[PriceKey, _Entry] = {}
        self._counts: dict[PriceKey, tuple[int, int, int]] = {}

    # What is known

    def price(self, key: PriceKey) -> Price | None:
        """The price that everyone is told now."""
        entry = self._entries.get(key)
        return None if entry is None else entry.prices.told

    def book(self, key: PriceKey) -> Book | None:
        """The order book that everyone is told now."""
        entry = self._entries.get(key)
        return None if entry is None else entry.books.told

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

        What a stream does not tell, the base price and whether trading is suspended, is taken over from REST
        of the same day.
        """
        entry = self._entry(price.key)
        entry.prices.put(price)
        self._tell_price(entry)

    def put_book(self, book: Book) -> None:
        """Take an order book in."""
        entry = self._entry(book.key)
        entry.books.put(book)
        self._tell_book(entry)

    def put_trade(self, trade: TradeTick) -> None:
        """Tell the listeners of a trade; only the vendor that has the word is heard."""
        entry = self._entry(trade.key)
        told = entry.prices.told
        if told is not None and told.vendor != trade.vendor:
            return
        entry.trade_seq += 1
        numbered = replace(trade, seq=entry.trade_seq)
        for listener in list(entry.on_trade):
            listener(numbered)

    def silence(self, key: PriceKey, vendor: str, reason: str | None, interest: Interest = "price") -> None:
        """A vendor's stream of a key is silent, or ``None`` as the reason: it is not any more."""
        entry = self._entry(key)
        if interest == "price":
            entry.prices.silence(vendor, reason)
            self._tell_price(entry)
        else:
            entry.books.silence(vendor, reason)
            self._tell_book(entry)

    def tell(self, key: PriceKey, standing: Standing) -> None:
        """How the streams of a key are from now on."""
        entry = self._entry(key)
        if standing == entry.standing:
            return
        entry.standing = standing
        for listener in list(entry.on_standing):
            listener(standing)

    def forget(self, key: PriceKey) -> None:
        """Let go of what is known of a key that nobody listens to.

        Its counts go on where they were: a number never means two things.
        """
        entry = self._entries.get(key)
        if entry is not None and not entry.has_listeners:
            del self._entries[key]
            counts = (entry.prices.seq, entry.books.seq, entry.trade_seq)
            if any(counts):
                self._counts[key] = counts

    # Who listens

    def listen_price(self, key: PriceKey, listener: OnPrice) -> Callable[[], None]:
        """Be told of every change of the price; the call that is returned ends it."""
        return _join(self._entry(key).prices.listeners, listener)

    def listen_book(self, key: PriceKey, listener: OnBook) -> Callable[[], None]:
        """Be told of every change of the book; the call that is returned ends it."""
        return _join(self._entry(key).books.listeners, listener)

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
            prices, books, trades = self._counts.pop(key, (0, 0, 0))
            entry = _Entry(Track(self._rank, prices), Track(self._rank, books), trade_seq=trades)
            self._entries[key] = entry
        return entry

    def _tell_price(self, entry: _Entry) -> None:
        chosen = entry.prices.best()
        if chosen is not None:
            entry.prices.tell(_completed(chosen, entry.prices.by_rest))

    def _tell_book(self, entry: _Entry) -> None:
        chosen = entry.books.best()
        if chosen is not None:
            entry.books.tell(chosen)


def _completed(price: Price, by_rest: Price | None) -> Price:
    if by_rest is None or price is by_rest or (price.base_price is not None and price.halted is not None):
        return price
    if abs(price.as_of - by_rest.as_of) >= SAME_DAY:
        return price
    return replace(
        price,
        base_price=by_rest.base_price if price.base_price is None else price.base_price,
        halted=by_rest.halted if price.halted is None else price.halted,
    )


def _join(listeners: list[Callable[..., None]], listener: Callable[..., None]) -> Callable[[], None]:
    listeners.append(listener)

    def leave() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return leave
