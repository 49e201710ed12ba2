"""Decides what is sent, what waits and what is dropped; the connection comes and goes below it.

Straight through while it can; else by `core.conflation`. What a lost connection leaves without a confirm is
sent again as it was, before everything else: it may come twice, then with the same sequence number.

When the broker closes the channel, one of the outstanding messages is to blame. They are sent again one at a
time, so that only the culprit is lost; messages like it, or to its exchange, are then refused for a while.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable

import structlog
from pika.exceptions import ChannelClosedByBroker, ConnectionClosed

from broker_server.amqp.tick_channel import Route, Sent, Tick, TickChannel
from broker_server.core.conflation import Gap, Keep, WaitingRoom

log = structlog.get_logger(__name__)

MOST_OUTSTANDING = 2_000
BARRED_SECONDS = 30.0
_EXCHANGE_REFUSED = (403, 404)
"""ACCESS_REFUSED and NOT_FOUND: by the exchange, for every message to it."""


class TickOutbox:
    """Sends by one channel at a time, of which at most so many messages are outstanding.

    Args:
        room: Where messages wait.
        on_gap: See `broker_server.amqp.ticks.TickPublisher`.
        clock: Gives seconds and never goes back.
    """

    def __init__(
        self,
        room: WaitingRoom[Tick],
        on_gap: Callable[[str, int], None],
        clock: Callable[[], float],
        most_outstanding: int,
    ) -> None:
        self._room = room
        self._on_gap = on_gap
        self._clock = clock
        self._most = most_outstanding
        self._channel: TickChannel | None = None
        self._blocked = False
        self._straight = False
        self._again: deque[Sent] = deque()
        self._suspects = 0
        self._probing = False
        self._barred: dict[Hashable, float] = {}
        self._waking: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None
        self._confirmed: asyncio.Future[None] | None = None
        self.returned = 0
        self.nacked = 0
        self.refused = 0
        self.culprits = 0

    @property
    def outstanding(self) -> int:
        """Messages whose confirm is to come."""
        return len(self._channel.outstanding) if self._channel is not None else 0

    @property
    def waiting(self) -> int:
        """Messages that are to be sent, or sent again."""
        return len(self._room) + len(self._again)

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent now."""
        return self._channel is not None and not self._blocked

    @property
    def blocked(self) -> bool:
        """Whether the broker takes no messages for the time being."""
        return self._blocked

    def publish(self, tick: Tick) -> None:
        """Send a message, or let it wait."""
        channel = self._channel
        if self._straight and channel is not None and len(channel.outstanding) < self._most:
            self._send_new(channel, tick, 0, self._clock())
            return
        self._straight = False
        route = tick.route
        expires = None if route.lifetime is None else self._clock() + route.lifetime
        self._room.add(tick, route.slot, route.keep, expires)

    def attach(self, channel: TickChannel) -> None:
        """Go on by a new channel; what the one before it leaves comes first."""
        if self._channel is not None:
            self.on_closed(self._channel, ConnectionClosed(0, "given up"))
        self._channel = channel
        self._pump()

    def set_blocked(self, blocked: bool) -> None:
        """Stop sending, or go on."""
        self._blocked = blocked
        self._straight = False
        self._pump()

    async def drain(self) -> None:
        """Wait until nothing waits and everything has its confirm."""
        if self.outstanding or self.waiting:
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle

    async def settle(self) -> None:
        """Wait until everything that was published before has its confirm, or is lost.

        It may take for ever, as long as the broker cannot be reached.
        """
        newest = self._room.newest
        while (oldest := self._room.oldest) is not None and oldest <= newest:
            await self._next_confirm()
        sent = [*self._again, *(self._channel.outstanding.values() if self._channel is not None else ())]
        last = sent[-1] if sent else None
        while last is not None and self._is_under_way(last):
            await self._next_confirm()

    async def _next_confirm(self) -> None:
        if self._confirmed is None:
            self._confirmed = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._confirmed)

    def _is_under_way(self, sent: Sent) -> bool:
        outstanding = self._channel.outstanding.values() if self._channel is not None else ()
        return any(each is sent for each in outstanding) or any(each is sent for each in self._again)

    def on_returned(self, sent: Sent) -> None:
        """See `ChannelEvents`."""
        self.returned += 1
        _tell(sent.route.on_returned, sent.route.slot)

    def on_nacked(self, sent: Sent) -> None:
        """See `ChannelEvents`."""
        self.nacked += 1
        self._lose(sent.route, skipped=sent.skipped)
        _tell(sent.route.on_refused, sent.route.slot)
        self._watch_gaps()

    def on_settled(self) -> None:
        """See `ChannelEvents`."""
        if not self._straight:
            if not self.outstanding:
                self._probing = False
            self._pump()
        if self._confirmed is not None:
            self._confirmed.set_result(None)
            self._confirmed = None
        if self._idle is not None and not (self.outstanding or self.waiting) and not self._idle.done():
            self._idle.set_result(None)

    def on_closed(self, channel: TickChannel, reason: BaseException) -> None:
        """See `ChannelEvents`."""
        if channel is not self._channel:
            return
        self._channel = None
        self._straight = False
        left = [sent for sent in channel.outstanding.values() if not sent.returned]
        blamed = isinstance(reason, ChannelClosedByBroker)
        if blamed and self._probing and len(left) == 1:
            self._convict(left.pop(), reason)
        elif blamed or self._probing:
            self._suspects += len(left)
        self._probing = False
        self._again.extendleft(reversed(left))

    def _pump(self) -> None:
        """Send what waits, as far as the bound allows."""
        while (channel := self._channel) is not None and not self._blocked:
            most = 1 if self._suspects or self._probing else self._most
            if len(channel.outstanding) >= most:
                break
            now = self._clock()
            if self._again:
                self._send_again(channel, self._again.popleft(), now)
                continue
            taken = self._room.take(now)
            if taken is None:
                break
            if isinstance(taken, Gap):
                self._tell_gap(taken)
            else:
                self._send_new(channel, taken.item, taken.conflated, now, expires=taken.expires)
        self._straight = (
            self._channel is not None
            and not self._blocked
            and not self._probing
            and not self._again
            and not self._room
        )
        self._watch_gaps()

    def _send_again(self, channel: TickChannel, sent: Sent, now: float) -> None:
        suspected = self._suspects > 0
        if suspected:
            self._suspects -= 1
        if sent.expires is not None and now >= sent.expires:
            self._lose(sent.route, skipped=sent.skipped)
        elif not self._is_barred(sent.route, now, skipped=sent.skipped):
            channel.send(sent)
            self._probing = suspected

    def _send_new(
        self, channel: TickChannel, tick: Tick, conflated: int, now: float, *, expires: float | None = None
    ) -> None:
        route = tick.route
        if self._barred and self._is_barred(route, now, skipped=conflated):
            return
        if expires is None and route.lifetime is not None and route.keep is not Keep.ALWAYS:
            expires = now + route.lifetime
        try:
            channel.send(Sent(route, tick.make_body(conflated), expires, conflated))
        except Exception:
            log.exception("a message cannot be made or encoded", routing_key=route.routing_key)
            self._refuse(route, skipped=conflated)
            self._watch_gaps()

    def _convict(self, sent: Sent, reason: BaseException) -> None:
        route = sent.route
        exchange, label = route.barred_with
        assert isinstance(reason, ChannelClosedByBroker)  # noqa: S101 - the caller has looked
        culprit = exchange if reason.reply_code in _EXCHANGE_REFUSED else label
        log.error("the broker refuses messages like this one", key=route.routing_key, reason=str(reason))
        now = self._clock()
        self._barred = {each: until for each, until in self._barred.items() if now < until}
        self._barred[culprit] = now + BARRED_SECONDS
        self.culprits += 1
        self._refuse(route, skipped=sent.skipped)

    def _is_barred(self, route: Route, now: float, *, skipped: int = 0) -> bool:
        """Whether messages like it are refused now; if so, this one is counted and told."""
        for culprit in route.barred_with:
            until = self._barred.get(culprit)
            if until is None:
                continue
            if now < until:
                self._refuse(route, skipped=skipped)
                return True
            del self._barred[culprit]
        return False

    def _refuse(self, route: Route, *, skipped: int = 0) -> None:
        self.refused += 1
        self._lose(route, skipped=skipped)
        _tell(route.on_refused, route.slot)

    def _lose(self, route: Route, *, skipped: int = 0) -> None:
        # A gap is told by a message of its own. Its loss must not be told by another one: nobody asks for it.
        if route.keep is not Keep.ALWAYS or route.on_refused is not None:
            self._room.lose(route.slot, skipped=skipped)

    def _watch_gaps(self) -> None:
        due = self._room.gaps_from
        if due is None or self._waking is not None or not self._straight:
            return  # where it is not straight, something else is to come that pumps
        delay = max(due - self._clock(), 0.0)
        self._waking = asyncio.get_running_loop().call_later(delay, self._wake)

    def _tell_gap(self, gap: Gap) -> None:
        try:
            self._on_gap(gap.slot, gap.missing)
        except Exception:
            log.exception("a defect in what is told of a gap", slot=gap.slot)

    def _wake(self) -> None:
        self._waking = None
        self._pump()


def _tell(callback: Callable[[str], None] | None, slot: str) -> None:
    if callback is None:
        return
    try:
        callback(slot)
    except Exception:
        log.exception("a defect in what is told of a message", slot=slot)
