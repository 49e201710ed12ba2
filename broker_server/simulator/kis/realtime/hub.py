"""The heart of the simulated WebSocket: looks at the market, and sends every session what it registered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

from broker_server.simulator.clock import KST, SimulatedClock
from broker_server.simulator.connections import websocket_frame
from broker_server.simulator.kis.calls import VENDOR
from broker_server.simulator.kis.keys import KeyStore
from broker_server.simulator.kis.realtime.delivery import Delivery
from broker_server.simulator.kis.realtime.invented_notices import invented_notice
from broker_server.simulator.kis.realtime.load import KisLoadTarget
from broker_server.simulator.kis.realtime.messages import ping, refusal
from broker_server.simulator.kis.realtime.notices import notices_of
from broker_server.simulator.kis.realtime.registrar import Registrar
from broker_server.simulator.kis.realtime.sessions import Session, SessionBook
from broker_server.simulator.kis.realtime.settings import StreamSettings
from broker_server.simulator.kis.realtime.streams import Stream
from broker_server.simulator.kis.realtime.subjects import Subjects
from broker_server.simulator.kis.realtime.tables import realtime_trs
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, OrderEvent
from broker_server.simulator.recurring import MATCHING_SECONDS, every
from broker_server.simulator.stream_faults import (
    SessionKey,
    StreamFault,
    StreamFaultBoard,
)
from broker_server.simulator.stream_load import STEP_SECONDS, Load


class Hub:
    """Sessions, streams and notices.

    Args:
        clock: Simulated time.
        exchange: Orders and the market.
        keys: Whose an approval key is.
        faults: What goes wrong on order.
        monotonic: Real seconds.
        chance: Makes the keys of notices.
        settings: How the server behaves in the beginning.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        exchange: Exchange,
        keys: KeyStore,
        faults: StreamFaultBoard,
        monotonic: Callable[[], float],
        chance: random.Random,
        settings: StreamSettings | None = None,
    ) -> None:
        self.initial_settings = self.settings = settings or StreamSettings()
        self.book = SessionBook(monotonic)
        self._clock = clock
        self._exchange = exchange
        self._keys = keys
        self._faults = faults
        self._monotonic = monotonic
        self._delivery = Delivery(faults)
        self._streams: dict[tuple[str, str], Stream] = {}
        self._loads: dict[int, Load[Stream]] = {}
        self._matched = monotonic()
        self._tasks: list[asyncio.Task[None]] = []
        self._registrar = Registrar(
            clock,
            keys,
            self.book,
            Subjects(exchange.market),
            faults,
            lambda: self.settings,
            monotonic,
            chance,
        )
        exchange.listeners.append(self._notify)
        exchange.rejects = self._rejects

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
        session.pinged = self._monotonic()
        self.book.connect(session)

    def answered(self, session: Session) -> None:
        """A PINGPONG was answered with a pong control frame."""
        session.unanswered_since = None

    def is_silent(self, session: Session) -> bool:
        """Whether a fault keeps the server from saying anything."""
        return self._delivery.is_silent(session)

    def receive(self, session: Session, text: str) -> None:
        """Carry out a message of a client."""
        if self._delivery.is_silent(session):
            return
        answer = self._registrar.answer(session, text)
        self._follow(session)
        if answer.text is not None:
            session.connection.send(websocket_frame(answer.text))
        if answer.end:
            session.end(drop=answer.end == "drop")

    def disconnected(self, session: Session, *, orderly: bool) -> None:
        """A connection is gone."""
        self.book.disconnect(session, orderly=orderly, hold_seconds=self.settings.hold_seconds)

    def carry_out(self, fault: StreamFault) -> int:
        """Do what a fault says at once; how many sessions it met."""
        request = fault.request
        met = [session for session in self.book if session.app_key and self._meets(fault, session)]
        if request.fault in ("drop", "close", "duplicate_session"):
            for session in met:
                if request.fault == "duplicate_session":
                    session.connection.send(websocket_frame(refusal("OPSP8996", "", "")))
                session.end(drop=request.fault == "drop")
            fault.hits += len(met)
        elif request.fault == "notice":
            self._invent_notices(fault, met)
        elif request.fault == "load":
            self._loads[fault.id] = Load(
                fault, lambda stream: KisLoadTarget(stream, self._exchange.market), self._monotonic()
            )
        return len(met)

    def subscriptions(self) -> list[dict[str, Any]]:
        """As ``GET /subscriptions`` shows them."""
        return [
            {
                "vendor": VENDOR,
                "key": session.name,
                "tr_id": tr_id,
                "symbol": tr_key,
                "since": registration.since.astimezone(KST).isoformat(),
            }
            for session in self.book
            for (tr_id, tr_key), registration in session.registrations.items()
        ]

    def _meets(self, fault: StreamFault, session: Session) -> bool:
        if fault.request.tr is None and fault.request.symbol is None:
            return fault.is_for(session.key)
        return any(
            fault.is_for(session.key, *what, registration.subject.symbol)
            for what, registration in session.registrations.items()
        )

    def _follow(self, session: Session) -> None:
        """Begin the streams that are new; those that nobody has any more end with the next tick."""
        for what, registration in session.registrations.items():
            if what not in self._streams and registration.subject.source is not None:
                self._streams[what] = Stream(registration.subject, self._clock.now())

    def _listeners(self) -> dict[tuple[str, str], list[Session]]:
        found: dict[tuple[str, str], list[Session]] = {}
        for session in self.book:
            if not session.ended:
                for what in session.registrations:
                    found.setdefault(what, []).append(session)
        return found

    def _tick(self) -> None:
        listeners, now = self._listeners(), self._clock.now()
        self._streams = {what: stream for what, stream in self._streams.items() if what in listeners}
        for what, stream in self._streams.items():
            if any(load.covers(stream) for load in self._loads.values()):
                stream.pass_over(now)
                continue
            records = stream.advance(now, self.settings.burst_every)
            if records:
                self._delivery.send(stream.subject, records, listeners[what])
        if any(realtime_trs()[tr_id].notice for tr_id, _ in listeners):
            seconds = self._monotonic()
            if seconds - self._matched >= MATCHING_SECONDS:
                self._matched = seconds
                self._exchange.advance()

    def _ping_step(self) -> float:
        return min(1.0, self.settings.ping_interval, self.settings.answer_timeout)

    def _ping(self) -> None:
        seconds = self._monotonic()
        text = websocket_frame(ping(self._clock.now()))
        for session in self.book:
            if session.ended or self._delivery.is_silent(session):
                continue
            since = session.unanswered_since
            if since is not None and seconds - since >= self.settings.answer_timeout:
                session.end(drop=False)
            elif seconds - session.pinged >= self.settings.ping_interval:
                session.pinged = seconds
                session.unanswered_since = seconds if since is None else since
                session.connection.send(text)

    def _load(self) -> None:
        faults = {fault.id: fault for fault in self._faults.of("load")}
        self._loads = {number: load for number, load in self._loads.items() if number in faults}
        if not self._loads:
            return
        listeners, now, seconds = self._listeners(), self._clock.now(), self._monotonic()
        for number, load in self._loads.items():
            targets = []
            for what, stream in self._streams.items():
                wanted = (*what, stream.subject.symbol)
                heard = [
                    session
                    for session in listeners.get(what, ())
                    if faults[number].is_for(session.key, *wanted)
                ]
                if heard:
                    targets.append((stream, heard))
            load.step(
                targets,
                now,
                seconds,
                lambda session, stream: self._delivery.is_heard(session, stream.subject),
            )

    def _notify(self, event: OrderEvent) -> None:
        """Tell of an order to the sessions that registered the notices of its account."""
        order = event.order
        if order.request.vendor != VENDOR:
            return
        market = order.request.instrument.market
        for session in self.book:
            if session.ended or not self._keys.may_use(session.app_key, order.request.account):
                continue
            for registration in list(session.registrations.values()):
                subject = registration.subject
                if subject.tr.notice == market:
                    self._delivery.send_notices(session, subject, notices_of(event, subject.key))

    def _invent_notices(self, fault: StreamFault, sessions: Sequence[Session]) -> None:
        for session in sessions:
            for what, registration in session.registrations.items():
                subject = registration.subject
                invented = subject.tr.kind == "notice" and not subject.tr.notice
                if invented and fault.is_for(session.key, *what, subject.symbol):
                    record = invented_notice(subject.tr, subject.key, self._clock.now())
                    self._delivery.send_notices(session, subject, [record])

    def _rejects(self, order: Order) -> bool:
        """Whether a fault lets the exchange reject an order."""
        if order.request.vendor != VENDOR:
            return False
        symbol, name = order.request.instrument.symbol, self._keys.name_of_account(order.request.account)
        return self._faults.take("reject", SessionKey(name, name, VENDOR), "", symbol, symbol) is not None
