"""Keeps on the board what the faces want; asks workers by AMQP, never a vendor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from weakref import WeakSet

from broker_client.aio import AsyncClient
from broker_client.errors import BrokerError
from broker_server.prices.board import PriceBoard
from broker_server.prices.demand import Interest
from broker_server.prices.history import DailyCandle, History
from broker_server.prices.key_watch import STEP_IN_SECONDS, KeyWatch
from broker_server.prices.model import PriceKey, Source, Standing, State
from broker_server.prices.rest_prices import RestPrices
from broker_server.prices.vendor_stream import VendorStream

SWEEP_SECONDS = 1.0
PING_SECONDS = 5.0
PING_TIMEOUT = 3.0
FORGET_AFTER = timedelta(minutes=10)
MOST_WATCHED = 5_000
TOO_MANY = Standing(State.UNAVAILABLE, f"more than {MOST_WATCHED} subscriptions at the workers")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOptions:
    """Settings of the feed.

    Attributes:
        vendors: The most trusted first.
        fresh_for: How long an answer of REST is passed on without asking again.
        stale_after: When a price of REST is called stale.
        linger: Seconds that something stays subscribed when nobody wants it any more.
        step_in: See `key_watch.KeyWatch`.
        call_timeout: Seconds that a worker has for a price.
    """

    vendors: Sequence[str] = ("kis", "kiwoom", "koscom")
    fresh_for: timedelta = timedelta(seconds=5)
    stale_after: timedelta = timedelta(seconds=60)
    linger: float = 30.0
    step_in: float = STEP_IN_SECONDS
    call_timeout: float = 10.0


class PriceFeed:
    """See `demand.Demand`.

    Args:
        client: The connection to the workers.
        board: Is told everything.
        history: The daily closes.
        closed_at: When a trading day was over.
        options: Settings.
        clock: UTC.
    """

    def __init__(
        self,
        client: AsyncClient,
        board: PriceBoard,
        history: History,
        *,
        closed_at: Callable[[DailyCandle], datetime],
        options: FeedOptions,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._board = board
        self._options = options
        self._clock = clock
        self._rest = RestPrices(
            client,
            board,
            options.vendors,
            history,
            closed_at=closed_at,
            fresh_for=options.fresh_for,
            timeout=options.call_timeout,
            clock=clock,
            is_connected=lambda: client.trouble is None,
        )
        self._users: dict[tuple[PriceKey, Interest], int] = {}
        self._watches: dict[tuple[PriceKey, Interest], asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._streams: WeakSet[VendorStream] = WeakSet()
        self._looks: set[asyncio.Task[Standing | None]] = set()
        self._said: dict[PriceKey, Standing] = {}
        self._read_at: dict[PriceKey, datetime] = {}
        self._trouble: str | None = "no worker has answered yet"

    @property
    def trouble(self) -> str | None:
        """Why no worker can be asked; ``None`` if one answers."""
        return self._trouble

    async def run(self) -> None:
        """Serve until cancelled; then everything is unsubscribed."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sweep())
                group.create_task(self._ask_who_is_there())
        finally:
            tasks = [*self._watches.values(), *self._leaving, *self._looks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def want(self, key: PriceKey, interest: Interest) -> Callable[[], None]:
        """See `demand.Demand.want`."""
        wanted = (key, interest)
        self._users[wanted] = self._users.get(wanted, 0) + 1
        if wanted not in self._watches and len(self._watches) >= MOST_WATCHED:
            self._board.tell(key, TOO_MANY)
        elif wanted not in self._watches:
            self._watches[wanted] = asyncio.ensure_future(self._watch(key, interest).run())
            self._look(key)
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self._users[wanted] -= 1
                if not self._users[wanted]:
                    asyncio.get_running_loop().call_later(self._options.linger, self._end, wanted)

        return leave

    async def refresh(self, key: PriceKey, *, fresh: bool = False) -> None:
        """See `demand.Demand.refresh`."""
        self._read_at[key] = self._clock()
        price, standing = self._board.price(key), self._board.standing(key)
        if price is not None and not price.stale and standing is not None and standing.state is State.LIVE:
            return
        again = fresh and (price is None or price.stale)
        trouble = await self._rest.ask(key, again=again)
        if (key, "price") in self._watches:
            self._tell(key)
        elif trouble is not None:
            self._board.tell(key, trouble)

    def _watch(self, key: PriceKey, interest: Interest) -> KeyWatch:
        def open_stream(vendor: str, changed: Callable[[], None]) -> VendorStream:
            stream = VendorStream(
                self._client, self._board, vendor, key, interest, changed=changed, clock=self._clock
            )
            self._streams.add(stream)
            return stream

        def tell(standing: Standing) -> None:
            if interest == "price" or (key, "price") not in self._watches:
                self._said[key] = standing
                self._tell(key)

        return KeyWatch(open_stream, self._options.vendors, tell=tell, step_in=self._options.step_in)

    def _look(self, key: PriceKey) -> None:
        look = asyncio.ensure_future(self._rest.ask(key))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)
        look.add_done_callback(lambda _: self._tell(key))

    def _tell(self, key: PriceKey) -> None:
        """How a watched key is. Vendors subscribe to a ticker that does not exist; REST finds that out."""
        said = self._said.get(key)
        if said is not None:
            self._board.tell(key, self._rest.unknown(key) or said)

    def _end(self, wanted: tuple[PriceKey, Interest]) -> None:
        if self._users.get(wanted) == 0:
            del self._users[wanted]
            watch = self._watches.pop(wanted, None)
            if not any((wanted[0], each) in self._watches for each in ("price", "orderbook")):
                self._said.pop(wanted[0], None)
            if watch is not None:
                self._leaving.add(watch)
                watch.add_done_callback(self._leaving.discard)
                watch.cancel()

    async def _sweep(self) -> None:
        """Call stale what has had its time, and forget what nobody asks for."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._look_after(self._clock())

    def _look_after(self, now: datetime) -> None:
        for key in {*self._board.keys(), *self._read_at}:  # who asked may have gone before there was anything
            self._age(key, now)
            if (key, "price") in self._watches or (key, "orderbook") in self._watches:
                self._read_at[key] = now
                self._confirm(key)
                self._tell(key)
            elif now - self._read_at.setdefault(key, now) > FORGET_AFTER:
                del self._read_at[key]
                self._rest.forget(key)
                self._board.forget(key)

    def _confirm(self, key: PriceKey) -> None:
        """Ask for what a stream said before it was interrupted: a quiet market says nothing new of it."""
        price, standing = self._board.price(key), self._board.standing(key)
        if price is not None and price.stale and standing is not None and standing.state is State.LIVE:
            self._look(key)

    def _age(self, key: PriceKey, now: datetime) -> None:
        price, standing = self._board.price(key), self._board.standing(key)
        if price is None or price.source is not Source.REST or price.stale:
            return
        is_live = standing is not None and standing.state is State.LIVE and (key, "price") in self._watches
        if not is_live and now - price.as_of > self._options.stale_after:
            age = int((now - price.as_of).total_seconds())
            self._board.put(
                replace(price, stale=True, reason=f"it was true {age} s ago, and nothing newer came")
            )

    async def _ask_who_is_there(self) -> None:
        """A worker that is killed says nothing of its streams."""
        while True:
            try:
                await self._client.ping(timeout=PING_TIMEOUT)
            except BrokerError as error:
                self._trouble = str(error)
                for stream in list(self._streams):
                    stream.doubt("no worker answers")
            else:
                self._trouble = None
                for stream in list(self._streams):
                    stream.trust()
            await asyncio.sleep(PING_SECONDS)
