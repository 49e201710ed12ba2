"""Answers what clients of the simulated WebSocket send: init, subscribe, unsubscribe, heartbeat, query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import orjson

from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.koscom.catalogue import find_product
from broker_server.simulator.koscom.keys import KeyStore
from broker_server.simulator.koscom.products import PRESETS, Product
from broker_server.simulator.koscom.realtime.messages import (
    MALFORMED,
    NO_ISSUE_CODE,
    NO_SUCH_ISSUE,
    NO_SUCH_ITEM,
    NO_SUCH_PRESET,
    NOT_SUBSCRIBED,
    OVER_LIMIT,
    RECONNECT_LATER,
    WRONG_KEY,
    Request,
    StreamRefusal,
    id_of,
    parse,
    refusal,
    result,
)
from broker_server.simulator.koscom.realtime.sessions import MARKET, Entry, Pair, Session, SessionBook
from broker_server.simulator.koscom.realtime.settings import KoscomStreamSettings
from broker_server.simulator.koscom.tables import change_items, presets
from broker_server.simulator.market import Market
from broker_server.simulator.stream_faults import StreamFaultBoard

OK = {"message": "ok"}


class Reply(NamedTuple):
    """What a message leads to.

    Attributes:
        text: The answer.
        end: The session ends after it.
        subscribed: What it subscribed to: its values in memory follow.
        id: Of the request.
    """

    text: bytes | None = None
    end: Literal["", "close"] = ""
    subscribed: Pair | None = None
    id: object = None


class Registrar:
    """Reads messages and keeps the subscriptions of sessions.

    Args:
        clock: Simulated time.
        market: What there is.
        keys: Whose a key is.
        book: The sessions.
        faults: What goes wrong on order.
        settings: Reads how the server behaves.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        market: Market,
        keys: KeyStore,
        book: SessionBook,
        faults: StreamFaultBoard,
        settings: Callable[[], KoscomStreamSettings],
    ) -> None:
        self._clock = clock
        self._market = market
        self._keys = keys
        self._book = book
        self._faults = faults
        self._settings = settings

    def reply(self, session: Session, text: str) -> Reply:
        """Carry out a message."""
        try:
            request = parse(text)
            return Reply() if request is None else self._answer(session, request)
        except StreamRefusal as error:
            self._book.count(session, f"error {error.code}")
            answer = refusal(id_of(text), error.code, self._settings())
            return Reply(answer, "close" if error.ends else "")

    def _answer(self, session: Session, request: Request) -> Reply:
        if request.method == "init":
            return self._init(session, request)
        if request.method == "heartbeat":
            self._book.count(session, "heartbeats")
            return Reply(result(request.id, OK) if self._settings().heartbeat_reply else None)
        if session.owner is None and (self._settings().init_required or session.market is not None):
            raise StreamRefusal(WRONG_KEY)
        if request.method == "query":
            return self._query(session, request)
        if session.market is not None:
            raise StreamRefusal(MALFORMED)  # a market-wide session has nothing to subscribe to
        if request.method == "subscribe":
            return self._subscribe(session, request)
        return self._unsubscribe(session, request)

    def _init(self, session: Session, request: Request) -> Reply:
        owner = self._keys.owner(request.params.get("key"))
        if owner is None or not request.text("membername"):
            raise StreamRefusal(WRONG_KEY)
        if session.owner is None:
            most = self._settings().sessions_per_key
            session.owner = owner
            held = self._faults.meets("duplicate_session", session.key) is not None
            if held or (most and self._book.of_key(owner.api_key) > most):
                self._book.count(session, "rejected")
                raise StreamRefusal(RECONNECT_LATER, ends=True)
            self._book.count(session, "opened")
        fault = self._faults.take("unanswered", session.key, "init")
        return Reply(None if fault is not None else result(request.id, OK))

    def _query(self, session: Session, request: Request) -> Reply:
        """The values of a preset, once. Only the method's name is documented."""
        self._book.count(session, "queries")
        preset = request.text("preset") or "tick10"
        product = self._product(request)
        if preset not in PRESETS[product.kind] or preset == "change":
            raise StreamRefusal(NO_SUCH_PRESET)
        moment = product.at(self._clock.now())
        values = {"isuSrtCd": product.code, **moment.record(preset, moment.last_trade())}
        return Reply(result(request.id, values))

    def _subscribe(self, session: Session, request: Request) -> Reply:
        self._book.count(session, "registrations")
        preset = request.text("preset")
        if preset is None or preset not in presets():
            raise StreamRefusal(NO_SUCH_PRESET)
        product = self._product(request)
        if preset not in PRESETS[product.kind]:
            raise StreamRefusal(NO_SUCH_ISSUE if preset == "index" else NO_SUCH_PRESET)
        items = _items(request, product) if preset == "change" else frozenset()
        pair = (preset, (request.text("isuSrtCd") or "").partition("*")[0])
        fault = self._faults.take("refuse", session.key, *pair, pair[1])
        if fault is not None:
            raise StreamRefusal(int(fault.request.code or MALFORMED))
        pairs = session.pairs
        if pair not in pairs and len(pairs) >= self._most(session):
            way = self._settings().over_limit
            if way == "silent":
                return Reply(result(request.id, OK))
            raise StreamRefusal(OVER_LIMIT, ends=way == "close")
        entries = session.requests.setdefault(orjson.dumps(request.id), {})
        known = entries.get(pair)
        if known is not None:
            items |= known.items
        entries[pair] = Entry(items, self._clock.now() if known is None else known.since)
        unanswered = self._faults.take("unanswered", session.key, *pair, pair[1]) is not None
        in_result = self._settings().snapshot == "result"
        text = None if unanswered or in_result else result(request.id, OK)
        return Reply(text, subscribed=None if unanswered and in_result else pair, id=request.id)

    def _unsubscribe(self, session: Session, request: Request) -> Reply:
        """By preset and code whatever request subscribed; without a preset, what this id subscribed."""
        self._book.count(session, "unregistrations")
        preset, code = request.text("preset"), request.text("isuSrtCd")
        code = code.partition("*")[0] if code is not None else None
        requests = session.requests
        if preset is None or code is None:
            key = orjson.dumps(request.id)
            chosen = {key: requests[key]} if key in requests else {}
        else:
            chosen = requests
        found = [
            (key, pair)
            for key, entries in chosen.items()
            for pair in entries
            if preset in (None, pair[0]) and code in (None, pair[1])
        ]
        if not found:
            raise StreamRefusal(NOT_SUBSCRIBED)
        for key, pair in found:
            del requests[key][pair]
            if not requests[key]:
                del requests[key]
        pair = found[0][1]
        if self._faults.take("unanswered", session.key, *pair, pair[1]) is not None:
            return Reply()
        return Reply(result(request.id, OK))

    def _product(self, request: Request) -> Product:
        code = request.text("isuSrtCd")
        if not code:
            raise StreamRefusal(NO_ISSUE_CODE)
        product = find_product(self._market, code.partition("*")[0])
        if product is None:
            raise StreamRefusal(NO_SUCH_ISSUE)
        return product

    def _most(self, session: Session) -> int:
        settings = self._settings()
        sandbox = session.owner is not None and session.owner.environment == "sandbox"
        return settings.sandbox_max_subscriptions if sandbox else settings.max_subscriptions


def subject_of(session: Session) -> Pair:
    """What faults name a market-wide session's data by."""
    return (MARKET, session.market or "")


def _items(request: Request, product: Product) -> frozenset[str]:
    items = request.params.get("items")
    if not isinstance(items, list) or not items or not all(isinstance(item, str) for item in items):
        raise StreamRefusal(NO_SUCH_ITEM)
    chosen = frozenset(items)
    if not chosen <= change_items(product.kind):
        raise StreamRefusal(NO_SUCH_ITEM)
    return chosen
