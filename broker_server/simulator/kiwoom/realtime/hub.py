"""The heart of the simulated WebSocket: looks at the market, and sends every session what it registered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from broker_server.simulator.clock import KST, SimulatedClock
from broker_server.simulator.connections import websocket_frame
from broker_server.simulator.kiwoom.codes import code_of
from broker_server.simulator.kiwoom.keys import KeyStore
from broker_server.simulator.kiwoom.realtime.load import KiwoomLoadTarget
from broker_server.simulator.kiwoom.realtime.messages import PING, entry, real, system
from broker_server.simulator.kiwoom.realtime.notices import balance_notice, order_notices
from broker_server.simulator.kiwoom.realtime.registrar import Registrar
from broker_server.simulator.kiwoom.realtime.sessions import Pair, Session, SessionBook
from broker_server.simulator.kiwoom.realtime.settings import KiwoomStreamSettings
from broker_server.simulator.kiwoom.realtime.streams import KINDS, NOTICES, Stream
from broker_server.simulator.kiwoom.tables import VENDOR, real_types
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, OrderEvent, OrderEventKind
from broker_server.simulator.recurring import MATCHING_SECONDS, every
from broker_server.simulator.stream_faults import SessionKey, StreamFault, StreamFaultBoard
from broker_server.simulator.stream_load import STEP_SECONDS, Load

MAX_BACKLOG = 1 << 25
"""Bytes that a session may leave unread before it is ended."""


class KiwoomHub:
    """Sessions, streams and notices.

    Args:
        clock: Simulated time.
        exchange: Orders and the market.
        keys: Whose a token is.
        faults: What goes wrong on order.
        monotonic: Real seconds.
        settings: How the server behaves in the beginning.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        exchange: Exchange,
        keys: KeyStore,
        faults: StreamFaultBoard,
        monotonic: Callable[[], float],
        settings: KiwoomStreamSettings | None = None,
    ) -> None:
        self.initial_settings = self.settings = settings or KiwoomStreamSettings()
        self.book = SessionBook(monotonic)
        self._clock = clock
        self._exchange = exchange
        self._keys = keys
        self._faults = faults
        self._monotonic = monotonic
        self._streams: dict[Pair, Stream] = {}
        self._loads: dict[int, Load[Stream]] = {}
        self._matched = monotonic()
        self._tasks: list[asyncio.Task[None]] = []
        self._registrar = Registrar(
            clock, exchange.market, keys, self.book, faults, lambda: self.settings, monotonic, self._kick
        )
        exchange.listeners.append(self._notify)
        others = exchange.rejects
        exchange.rejects = lambda order: others(order) or self._rejects(order)

    def start(self) -> None:
        """Run until `stop`."""
        loops = (
            every(lambda: self.settings.tick_interval, self._tick),
            every(self._ping_step, self._ping),
            every(lambda: STEP_SECONDS if self._faults.of("load") else 0.1, self._load),
        )
        self._tasks = [asyncio.create_task(each) for each in loops]

    async def stop(self) -> None:
        """End every session."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in self.book:
            session.connection.close()

    def connected(self, session: Session) -> None:
        """A connection is there."""
        self.book.connect(session)

    def disconnected(self, session: Session) -> None:
        """A connection is gone."""
        self.book.disconnect(session)

    def receive(self, session: Session, text: str) -> None:
        """Carry out a message of a client."""
        if session.ended or self.is_silent(session):
            return
        reply = self._registrar.reply(session, text)
        if reply.text is not None:
            session.connection.send(websocket_frame(reply.text))
        if reply.end:
            session.end(drop=reply.end == "drop")
        for pair in session.pairs:
            if pair not in self._streams and pair[0] in KINDS:
                self._streams[pair] = Stream(self._exchange.market, *pair, self._clock.now())

    def is_silent(self, session: Session) -> bool:
        """Whether a fault keeps the server from saying anything to a session."""
        return self._faults.meets("half_open", session.key) is not None

    def carry_out(self, fault: StreamFault) -> int:
        """Do what a fault says at once; how many sessions it met."""
        met = [session for session in self.book if session.owner is not None and self._meets(fault, session)]
        if fault.request.fault in ("drop", "close", "duplicate_session"):
            for session in met:
                if fault.request.fault == "duplicate_session":
                    session.connection.send(websocket_frame(system("R10001")))
                session.end(drop=fault.request.fault == "drop")
            fault.hits += len(met)
        elif fault.request.fault == "load":
            self._loads[fault.id] = Load(
                fault, lambda stream: KiwoomLoadTarget(stream, self._exchange.market), self._monotonic()
            )
        return len(met)

    def subscriptions(self) -> list[dict[str, Any]]:
        """As ``GET /subscriptions`` shows them."""
        return [
            {
                "vendor": VENDOR,
                "key": session.name,
                "tr_id": type_,
                "symbol": item,
                "group": group,
                "since": since.astimezone(KST).isoformat(),
            }
            for session in self.book
            for group, pairs in session.groups.items()
            for (type_, item), since in pairs.items()
        ]

    def _kick(self, session: Session) -> None:
        """Another session has logged in with the same key."""
        session.connection.send(websocket_frame(system("R10001")))
        session.end()

    def _meets(self, fault: StreamFault, session: Session) -> bool:
        if fault.request.tr is None and fault.request.symbol is None:
            return fault.is_for(session.key)
        return any(fault.is_for(session.key, *pair, _symbol(pair)) for pair in session.pairs)

    def _is_heard(self, session: Session, pair: Pair) -> bool:
        if session.ended or self.is_silent(session):
            return False
        return self._faults.meets("mute", session.key, *pair, _symbol(pair)) is None

    def _listeners(self) -> dict[Pair, list[Session]]:
        found: dict[Pair, list[Session]] = {}
        for session in self.book:
            if not session.ended:
                for pair in session.pairs:
                    found.setdefault(pair, []).append(session)
        return found

    def _tick(self) -> None:
        listeners, now = self._listeners(), self._clock.now()
        self._streams = {pair: stream for pair, stream in self._streams.items() if pair in listeners}
        for pair, stream in self._streams.items():
            if any(load.covers(stream) for load in self._loads.values()):
                stream.pass_over(now)
                continue
            records = stream.advance(now, self.settings.burst_every)
            if records:
                self._send(pair, stream.type.name, stream.item, records, listeners[pair])
        if any(type_ in NOTICES for type_, _ in listeners):
            seconds = self._monotonic()
            if seconds - self._matched >= MATCHING_SECONDS:
                self._matched = seconds
                self._exchange.advance()

    def _send(
        self,
        pair: Pair,
        name: str,
        item: str,
        records: Sequence[Mapping[str, str]],
        sessions: Sequence[Session],
    ) -> None:
        """Send records, in one frame, to sessions that registered their type and item."""
        frame = websocket_frame(real([entry(pair[0], name, item, values) for values in records]))
        for session in sessions:
            if not self._is_heard(session, pair):
                continue
            if session.connection.backlog > MAX_BACKLOG:
                session.end(drop=True)
            else:
                session.connection.send(frame)

    def _load(self) -> None:
        faults = {fault.id: fault for fault in self._faults.of("load")}
        self._loads = {number: load for number, load in self._loads.items() if number in faults}
        if not self._loads:
            return
        listeners, now, seconds = self._listeners(), self._clock.now(), self._monotonic()
        for number, load in self._loads.items():
            targets = []
            for pair, stream in self._streams.items():
                symbol = _symbol(pair)
                heard = [
                    session
                    for session in listeners.get(pair, ())
                    if faults[number].is_for(session.key, *pair, symbol)
                ]
                if heard and stream.has_source:
                    targets.append((stream, heard))
            load.step(
                targets,
                now,
                seconds,
                lambda session, stream: self._is_heard(session, (stream.type.code, stream.item)),
            )

    def _ping_step(self) -> float:
        return min(1.0, self.settings.ping_interval, self.settings.login_seconds)

    def _ping(self) -> None:
        seconds, frame = self._monotonic(), websocket_frame(PING)
        for session in self.book:
            if session.ended or self.is_silent(session):
                continue
            if session.owner is None:
                if seconds - session.since >= self.settings.login_seconds:
                    session.connection.send(websocket_frame(system("R10004")))
                    session.end()
                continue
            if seconds - session.pinged < self.settings.ping_interval:
                continue
            if session.missed >= self.settings.missed_pings:
                session.connection.send(websocket_frame(system("R10002")))
                session.end()
                continue
            session.pinged = seconds
            session.missed += 1
            session.connection.send(frame)

    def _notify(self, event: OrderEvent) -> None:
        """Tell of an order, and after an execution of the holding, to the sessions of its account."""
        order = event.order
        if order.request.vendor != VENDOR:
            return
        sessions = [
            session
            for session in self.book
            if session.owner is not None and session.owner.account == order.request.account
        ]
        if not sessions:
            return
        market, item = self._exchange.market, code_of(order.request.instrument)
        told = [("00", values) for values in order_notices(market, event)]
        if event.kind is OrderEventKind.FILLED:
            account = self._exchange.account(VENDOR, order.request.account)
            told.append(("04", balance_notice(market, account, order)))
        for type_, values in told:
            pair = (type_, "")
            listening = [session for session in sessions if pair in session.pairs]
            self._send(pair, real_types()[type_].name, item, [values], listening)

    def _rejects(self, order: Order) -> bool:
        """Whether a fault lets the exchange reject an order."""
        if order.request.vendor != VENDOR:
            return False
        symbol, name = order.request.instrument.symbol, self._keys.name_of_account(order.request.account)
        return self._faults.take("reject", SessionKey(name, name, VENDOR), "", symbol, symbol) is not None


def _symbol(pair: Pair) -> str:
    return pair[1].partition("_")[0]
