"""The heart of the simulated WebSocket: looks at the market, and tells every session what it wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from broker_server.simulator.clock import KST, SimulatedClock
from broker_server.simulator.connections import websocket_frame
from broker_server.simulator.koscom.catalogue import find_product
from broker_server.simulator.koscom.keys import KeyStore
from broker_server.simulator.koscom.products import Values
from broker_server.simulator.koscom.realtime.load import Load
from broker_server.simulator.koscom.realtime.markets import MarketFeed, arrays
from broker_server.simulator.koscom.realtime.messages import heartbeat, push, result
from broker_server.simulator.koscom.realtime.registrar import Registrar, subject_of
from broker_server.simulator.koscom.realtime.sessions import MARKET, Pair, Session, SessionBook
from broker_server.simulator.koscom.realtime.settings import KoscomStreamSettings
from broker_server.simulator.koscom.realtime.streams import Stream
from broker_server.simulator.koscom.tables import VENDOR, MarketName
from broker_server.simulator.koscom.wording import written
from broker_server.simulator.market import Market
from broker_server.simulator.recurring import every
from broker_server.simulator.stream_faults import StreamFault, StreamFaultBoard
from broker_server.simulator.stream_load import STEP_SECONDS

MAX_BACKLOG = 1 << 25
"""Bytes that a session may leave unread before it is ended."""

_HOUSEKEEPING_SECONDS = 1.0
_FIRST_LOOK_SECONDS = 0.01
"""From the first look at one issue of a market to that at the next, that others get their turn."""


class KoscomHub:
    """Sessions, streams and the market-wide feeds.

    Args:
        clock: Simulated time.
        market: Where prices come from.
        keys: Whose a key is.
        faults: What goes wrong on order.
        monotonic: Real seconds.
        settings: How the server behaves in the beginning.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        market: Market,
        keys: KeyStore,
        faults: StreamFaultBoard,
        monotonic: Callable[[], float],
        settings: KoscomStreamSettings | None = None,
    ) -> None:
        self.initial_settings = self.settings = settings or KoscomStreamSettings()
        self.book = SessionBook()
        self._clock = clock
        self._market = market
        self._faults = faults
        self._monotonic = monotonic
        self._streams: dict[Pair, Stream] = {}
        self._feeds: dict[MarketName, MarketFeed] = {}
        self._loads: list[Load] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._registrar = Registrar(clock, market, keys, self.book, faults, lambda: self.settings)

    def start(self) -> None:
        """Run until `stop`."""
        loops = (
            every(lambda: self.settings.tick_interval, self._tick),
            every(lambda: self.settings.market_interval, self._tell_markets),
            every(lambda: _FIRST_LOOK_SECONDS, self._begin_issues),
            every(lambda: STEP_SECONDS, self._load),
            every(self._housekeeping_step, self._keep_house),
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
        session.heard = self._monotonic()
        waited = session.owner is None
        reply = self._registrar.reply(session, text)
        if reply.text is not None:
            session.connection.send(websocket_frame(reply.text))
        if reply.end:
            session.end()
        elif reply.subscribed is not None:
            self._begin(session, reply.subscribed, reply.id)
        elif waited and session.owner is not None and session.market is not None:
            self._feed(session.market)

    def is_silent(self, session: Session) -> bool:
        """Whether a fault keeps the server from saying anything to a session."""
        return self._faults.meets("half_open", session.key) is not None

    def carry_out(self, fault: StreamFault) -> int:
        """Do what a fault says at once; how many sessions it met."""
        wanted = fault.request
        met = [session for session in self.book if session.owner is not None and self._meets(fault, session)]
        match wanted.fault:
            case "drop" | "close" | "duplicate_session":
                for session in met:
                    session.end(drop=wanted.fault == "drop")
            case "message":
                frame = websocket_frame((wanted.text or "").encode())
                for session in met:
                    session.connection.send(frame)
            case "signal":
                self._signal(int(wanted.code or "0"), met, fault)
            case "load" if wanted.vendor in (None, VENDOR):
                self._loads.append(Load(fault, self._market, self._monotonic()))
                return len(met)
            case _:
                return len(met)
        fault.hits += len(met)
        return len(met)

    def subscriptions(self) -> list[dict[str, Any]]:
        """As ``GET /subscriptions`` shows them; a market-wide session counts as one."""
        found: list[dict[str, Any]] = []
        for session in self.book:
            if session.market is not None and session.owner is not None:
                found.append(_shown(session, (MARKET, session.market)))
            for id, entries in session.requests.items():
                for pair, entry in entries.items():
                    more: dict[str, Any] = {"items": sorted(entry.items)} if entry.items else {}
                    since = entry.since.astimezone(KST).isoformat()
                    found.append(_shown(session, pair) | {"request": id.decode(), "since": since} | more)
        return found

    def _begin(self, session: Session, pair: Pair, id: object) -> None:
        """Start a stream where there is none yet, and tell the values in memory."""
        stream, now = self._streams.get(pair), self._clock.now()
        if stream is None:
            product = find_product(self._market, pair[1])
            if product is None:
                return
            stream = self._streams[pair] = Stream(self._market, product, pair[0], now)
        if self.settings.snapshot == "none":
            return
        values = self._chosen(stream, stream.snapshot(now), session.pairs[pair])
        if self.settings.snapshot == "push":
            self._write(session, websocket_frame(self._push(stream, values)))
            return
        self._write(session, websocket_frame(result(id, self._params(stream, values))))

    def _tick(self) -> None:
        listeners: dict[Pair, list[tuple[Session, frozenset[str]]]] = {}
        for session in self.book:
            if not session.ended:
                for pair, items in session.pairs.items():
                    listeners.setdefault(pair, []).append((session, items))
        now = self._clock.now()
        self._streams = {pair: stream for pair, stream in self._streams.items() if pair in listeners}
        for pair, stream in self._streams.items():
            self._send(stream, pair, stream.advance(now, self.settings.burst_every), listeners[pair])

    def _send(
        self,
        stream: Stream,
        pair: Pair,
        records: Iterable[Values],
        sessions: Iterable[tuple[Session, frozenset[str]]],
    ) -> None:
        """Push records to sessions that subscribed to their preset and code."""
        for values in records:
            made: dict[frozenset[str], bytes] = {}
            for session, items in sessions:
                if not self._is_heard(session, pair):
                    continue
                frame = made.get(items)
                if frame is None:
                    chosen = self._chosen(stream, values, items)
                    frame = made[items] = websocket_frame(self._push(stream, chosen)) if chosen else b""
                if frame:
                    self._write(session, frame)

    def _chosen(self, stream: Stream, values: Values, items: frozenset[str]) -> Values:
        """What a session gets of a record: of ``change`` its items alone."""
        if stream.preset == "change":
            return {name: value for name, value in values.items() if name in items}
        if stream.preset == "quote" and not self.settings.quote_volume:
            return {name: value for name, value in values.items() if name != "accTrdvol"}
        return values

    def _params(self, stream: Stream, values: Values) -> Values:
        product = stream.product
        code = product.code + (product.suffix if self.settings.suffix else "")
        head = {"isuCd": product.isin} if stream.preset == "change" else {}
        return {**head, "isuSrtCd": code, **written(values, self.settings.values)}

    def _push(self, stream: Stream, values: Values) -> bytes:
        named = stream.preset != "change" or self.settings.change_preset
        return push(self._params(stream, values), stream.preset if named else None)

    def _feed(self, name: MarketName) -> MarketFeed:
        feed = self._feeds.get(name)
        if feed is None:
            feed = self._feeds[name] = MarketFeed(self._market, name, self._clock.now())
        return feed

    def _market_listeners(self) -> dict[MarketName, list[Session]]:
        found: dict[MarketName, list[Session]] = {}
        for session in self.book:
            if session.market is not None and session.owner is not None and not session.ended:
                found.setdefault(session.market, []).append(session)
        return found

    def _tell_markets(self) -> None:
        listeners, now = self._market_listeners(), self._clock.now()
        self._feeds = {name: feed for name, feed in self._feeds.items() if name in listeners}
        loaded = self._loaded(listeners)
        for name, feed in self._feeds.items():
            elements = feed.advance(now, self.settings)
            if elements and name not in loaded:
                self._send_arrays(listeners[name], arrays(elements, self.settings.market_elements))

    def _begin_issues(self) -> None:
        now = self._clock.now()
        for feed in self._feeds.values():
            if feed.begin_next(now):
                return

    def _send_arrays(self, sessions: Iterable[Session], messages: Iterable[bytes]) -> None:
        frames = b"".join(websocket_frame(message) for message in messages)
        for session in sessions:
            if self._is_heard(session, subject_of(session)):
                self._write(session, frames)

    def _loaded(self, listeners: Mapping[MarketName, list[Session]]) -> set[MarketName]:
        """The markets whose own data are put off, since a load sends them."""
        return {
            name
            for load in self._loads
            for name, sessions in listeners.items()
            if any(load.fault.is_for(each.key, *subject_of(each)) for each in sessions)
        }

    def _load(self) -> None:
        if not self._loads:
            return
        living = {fault.id for fault in self._faults.of("load")}
        self._loads = [load for load in self._loads if load.fault.id in living]
        now, seconds = self._clock.now(), self._monotonic()
        for load in self._loads:
            chosen: dict[MarketName, list[Session]] = {}
            for name, sessions in self._market_listeners().items():
                meant = [each for each in sessions if load.fault.is_for(each.key, *subject_of(each))]
                if meant:
                    chosen[name] = meant
            load.step(
                chosen, now, seconds, self.settings, lambda each: self._is_heard(each, subject_of(each))
            )

    def _signal(self, code: int, sessions: Iterable[Session], fault: StreamFault) -> None:
        now, settings = self._clock.now(), self.settings
        for session in sessions:
            if session.market is not None:
                elements = self._feed(session.market).signal(now, code, settings, fault.request.symbol)
                self._send_arrays([session], arrays(elements, settings.market_elements))
            for pair, items in session.pairs.items():
                stream = self._streams.get(pair)
                if stream is not None and fault.is_for(session.key, *pair, pair[1]):
                    values = stream.signal(now, code)
                    self._send(stream, pair, [values] if values else [], [(session, items)])

    def _housekeeping_step(self) -> float:
        waits = [each for each in (self.settings.heartbeat_interval, self.settings.idle_seconds) if each]
        return min([_HOUSEKEEPING_SECONDS, *waits])

    def _keep_house(self) -> None:
        """Send heartbeats, and end sessions that have said nothing for too long."""
        seconds, settings = self._monotonic(), self.settings
        for session in self.book:
            if session.ended or self.is_silent(session):
                continue
            if settings.idle_seconds and seconds - session.heard >= settings.idle_seconds:
                session.end()
            elif settings.heartbeat_interval and seconds - session.told >= settings.heartbeat_interval:
                session.told = seconds
                session.heartbeats += 1
                session.connection.send(websocket_frame(heartbeat(session.heartbeats)))

    def _meets(self, fault: StreamFault, session: Session) -> bool:
        if fault.request.tr is None and fault.request.symbol is None:
            return fault.is_for(session.key)
        if session.market is not None:
            return fault.is_for(session.key, *subject_of(session)) or fault.request.fault == "signal"
        return any(fault.is_for(session.key, *pair, pair[1]) for pair in session.pairs)

    def _is_heard(self, session: Session, pair: Pair) -> bool:
        if session.ended or self.is_silent(session):
            return False
        return self._faults.meets("mute", session.key, *pair, pair[1]) is None

    def _write(self, session: Session, frames: bytes) -> None:
        if session.connection.backlog > MAX_BACKLOG:
            session.end(drop=True)
        else:
            session.connection.send(frames)


def _shown(session: Session, pair: Pair) -> dict[str, Any]:
    return {"vendor": VENDOR, "key": session.name, "tr_id": pair[0], "symbol": pair[1]}
