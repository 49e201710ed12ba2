"""The market-wide feeds at any rate, up to the whole market, at little cost.

The market's own issues come first, at their prices; invented ones make up the number. Everything but the
time is encoded beforehand: an array is one join of bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from broker_server.simulator.connections import websocket_frame
from broker_server.simulator.koscom.realtime.sessions import Session
from broker_server.simulator.koscom.realtime.settings import KoscomStreamSettings
from broker_server.simulator.koscom.stocks import Stock
from broker_server.simulator.koscom.tables import SEGMENTS, MarketName
from broker_server.simulator.koscom.times import time_number
from broker_server.simulator.market import Market
from broker_server.simulator.stream_faults import StreamFault
from broker_server.simulator.stream_load import MAX_BACKLOG
from broker_server.simulator.ticks import step

FRESH_SECONDS = 0.5

WHOLE_MARKET: Mapping[MarketName, int] = {"kospi": 950, "kosdaq": 1750}
"""Issues of each market, in round figures."""

_VARIANTS = 16
_FIRST_CODE: Mapping[MarketName, int] = {"kospi": 700_000, "kosdaq": 800_000}
"""Of the invented issues; no simulated issue has such a code."""


class LoadFeed:
    """One market under load.

    Args:
        market: Whose issues come first, and where their trades are added up.
        name: ``kospi`` or ``kosdaq``.
        count: How many issues.
        suffix: Whether codes carry the market's suffix.
        now: The simulated time.
    """

    def __init__(self, market: Market, name: MarketName, count: int, *, suffix: bool, now: datetime) -> None:
        self._market = market
        self._suffix = suffix
        chance = random.Random(f"{market.seed}/koscom/{name}/load")  # noqa: S311 - invented trades
        listed = [Stock(market, item) for item in market.instruments if item.segment == SEGMENTS[name]]
        self._stocks = [stock for stock in listed if not market.is_suspended(stock.instrument)][:count]
        self._quantities = [[chance.randint(1, 500) for _ in range(_VARIANTS)] for _ in self._stocks]
        self._issues = [self._of_stock(stock, number, now) for number, stock in enumerate(self._stocks)]
        first = _FIRST_CODE[name]
        ending = ("*001" if name == "kospi" else "*003") if suffix else ""
        for number in range(count - len(self._issues)):
            price = step("krx", 1_000 * chance.randint(1, 300), 0)
            heads = []
            for _ in range(_VARIANTS):
                price = step("krx", price, chance.randint(-3, 3))
                heads.append(_head(f"{first + number:06d}{ending}", price, chance.randint(1, 500)))
            self._issues.append(heads)
        self._next = 0
        self._sent = 0

    def __len__(self) -> int:
        return len(self._issues)

    def freshen(self, now: datetime) -> None:
        """Take the issues' present prices, and add what was traded to their volumes."""
        rounds = self._sent // len(self._issues)
        self._sent -= rounds * len(self._issues)
        for number, stock in enumerate(self._stocks):
            if rounds:
                typical = sum(self._quantities[number]) // _VARIANTS
                self._market.add_volume(stock.instrument, rounds * typical)
            self._issues[number] = self._of_stock(stock, number, now)

    def frames(self, count: int, elements: int, time: bytes) -> bytes:
        """So many issue updates in one piece of whole WebSocket frames.

        Args:
            count: Issue updates.
            elements: At most so many in an array.
            time: ``trdTm``.
        """
        issues, between, end = self._issues, b'%b"},' % time, b'%b"}]' % time
        found = []
        at, size = self._next, len(issues)
        self._sent += count
        while count:
            number = min(count, elements)
            count -= number
            heads = [issues[i % size][(i // size) % _VARIANTS] for i in range(at, at + number)]
            at += number
            found.append(websocket_frame(b"[" + between.join(heads) + end))
        self._next = at % (size * _VARIANTS)
        return b"".join(found)

    def _of_stock(self, stock: Stock, number: int, now: datetime) -> list[bytes]:
        code = stock.code + (stock.suffix if self._suffix else "")
        price = self._market.quote(stock.instrument, now).price
        return [_head(code, price, quantity) for quantity in self._quantities[number]]


class Load:
    """One ordered load.

    Args:
        fault: What was ordered: issue updates a second, over all markets that somebody listens to.
        market: The simulated market.
        now: Real seconds.
    """

    def __init__(self, fault: StreamFault, market: Market, now: float) -> None:
        self.fault = fault
        self._market = market
        self._done_at = now
        self._fresh_at = now
        self._owed = 0.0
        self._feeds: dict[MarketName, LoadFeed] = {}

    def step(
        self,
        listeners: Mapping[MarketName, Sequence[Session]],
        now: datetime,
        seconds: float,
        settings: KoscomStreamSettings,
        is_heard: Callable[[Session], bool],
    ) -> None:
        """Send what is due.

        Args:
            listeners: The sessions of each market that it is for.
            now: The simulated time.
            seconds: The real time.
            settings: How arrays are written.
            is_heard: Whether a session gets data at present.
        """
        rate = self.fault.request.rate or 0.0
        self._owed = min(self._owed + (seconds - self._done_at) * rate, rate * 0.5)  # no burst after a pause
        self._done_at = seconds
        due = int(self._owed)
        if not listeners or not due:
            return
        self._owed -= due
        fresh = seconds - self._fresh_at >= FRESH_SECONDS
        if fresh:
            self._fresh_at = seconds
        sizes = {name: WHOLE_MARKET[name] for name in listeners}
        number = time_number(now)
        time = f"{number:08d}".encode() if settings.market_padded else b"%d" % number
        left = due
        for place, (name, sessions) in enumerate(listeners.items(), 1):
            share = left if place == len(listeners) else due * sizes[name] // sum(sizes.values())
            left -= share
            heard = [each for each in sessions if is_heard(each)]
            if not share or not heard or max(each.connection.backlog for each in heard) > MAX_BACKLOG:
                continue
            feed = self._feeds.get(name)
            if feed is None:
                count = self.fault.request.issues or WHOLE_MARKET[name]
                feed = LoadFeed(self._market, name, count, suffix=settings.suffix, now=now)
                self._feeds[name] = feed
            elif fresh:
                feed.freshen(now)
            frames = feed.frames(share, self.fault.request.records or settings.market_elements, time)
            for session in heard:
                session.connection.send(frames)
            self.fault.hits += share * len(heard)


def _head(code: str, price: int, quantity: int) -> bytes:
    """An element up to its time."""
    return f'{{"isuSrtCd":"{code}","trdPrc":"{price}","trdVol":"{quantity}","trdTm":"'.encode()
