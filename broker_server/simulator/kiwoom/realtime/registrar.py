"""Answers what clients of the simulated WebSocket send: LOGIN, PING, REG, REMOVE, condition search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import orjson

from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.kiwoom.errors import KiwoomError
from broker_server.simulator.kiwoom.keys import KeyStore
from broker_server.simulator.kiwoom.realtime.conditions import MESSAGES, condition_answer
from broker_server.simulator.kiwoom.realtime.messages import (
    Registering,
    StreamRefusal,
    answer,
    parse_registering,
    refusal,
    system,
)
from broker_server.simulator.kiwoom.realtime.sessions import Pair, Session, SessionBook
from broker_server.simulator.kiwoom.realtime.settings import KiwoomStreamSettings
from broker_server.simulator.kiwoom.realtime.streams import WITHOUT_ITEM
from broker_server.simulator.kiwoom.tables import message, real_types, realtime_message
from broker_server.simulator.market import Market
from broker_server.simulator.stream_faults import StreamFaultBoard


class Reply(NamedTuple):
    """What a message leads to."""

    text: bytes | None = None
    end: Literal["", "close", "drop"] = ""


class Registrar:
    """Reads messages and keeps the registrations of sessions.

    Args:
        clock: Simulated time.
        market: For condition search.
        keys: Whose a token is.
        book: The sessions.
        faults: What goes wrong on order.
        settings: Reads how the server behaves.
        monotonic: Real seconds, which REG is paced by.
        kick: Ends the session that had a key before.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        market: Market,
        keys: KeyStore,
        book: SessionBook,
        faults: StreamFaultBoard,
        settings: Callable[[], KiwoomStreamSettings],
        monotonic: Callable[[], float],
        kick: Callable[[Session], None],
    ) -> None:
        self._clock = clock
        self._market = market
        self._keys = keys
        self._book = book
        self._faults = faults
        self._settings = settings
        self._monotonic = monotonic
        self._kick = kick

    def reply(self, session: Session, text: str) -> Reply:
        """Carry out one message."""
        try:
            document: Any = orjson.loads(text)
        except orjson.JSONDecodeError:
            document = None
        named = document.get("trnm") if isinstance(document, dict) else None
        trnm = named if isinstance(named, str) else ""
        try:
            if not trnm:
                raise StreamRefusal("100002", "필수 입력값이 누락되었습니다 [trnm]")
            return self._carry_out(session, trnm, document)
        except StreamRefusal as error:
            self._book.counts(session).answers[error.code] += 1
            return Reply(refusal(trnm, error), "close" if error.ends else "")

    def _carry_out(self, session: Session, trnm: str, document: dict[str, Any]) -> Reply:
        if trnm == "LOGIN":
            return self._login(session, document)
        if session.owner is None:
            raise StreamRefusal("100013")
        if trnm == "PING":
            session.missed = 0
            self._book.counts(session).pongs += 1
            return Reply()
        if trnm == "REG":
            return self._register(session, document)
        if trnm == "REMOVE":
            return self._remove(session, document)
        if trnm in MESSAGES:
            return Reply(condition_answer(self._market, session, trnm, document))
        raise StreamRefusal("105108")

    def _login(self, session: Session, document: dict[str, Any]) -> Reply:
        token = document.get("token")
        if not isinstance(token, str) or not token:
            raise StreamRefusal("805002")
        try:
            owner = self._keys.owner(token)
        except KiwoomError as error:
            detail = f"[CODE={error.code}, MESSAGE={message(error.code)[1]}]"
            text = f"{realtime_message('805004')} {detail}"
            raise StreamRefusal("805004", text, ends=True) from None
        if session.owner is None:
            session.owner = owner
            if self._book.seconds_since_end(owner.app_key) < self._settings().reconnect_seconds:
                self._book.counts(session).rejected += 1
                return Reply(end="close")
            if self._faults.meets("duplicate_session", session.key) is not None:
                self._book.counts(session).rejected += 1
                return Reply(system("R10001"), "close")
            before = self._book.holder(owner.app_key)
            self._book.bind(session)
            if before is not None:
                self._kick(before)
        self._book.counts(session).answers["0"] += 1
        return Reply(answer("LOGIN", sor_yn="Y"))

    def _register(self, session: Session, document: dict[str, Any]) -> Reply:
        settings, now = self._settings(), self._monotonic()
        self._book.counts(session).registrations += 1
        last, session.registered = session.registered, now
        if last is not None and now - last < settings.registration_seconds:
            raise StreamRefusal("105110")
        wanted = self._checked(document)
        if wanted.longest > settings.max_list:
            raise StreamRefusal("105115")
        for type_, item in wanted.pairs:
            fault = self._faults.take("refuse", session.key, type_, item, _symbol(item))
            if fault is not None:
                raise StreamRefusal(fault.request.code or "")
        kept = session.groups.get(wanted.group, {}) if wanted.keeps else {}
        group = {**dict.fromkeys(wanted.pairs, self._clock.now()), **kept}
        groups = {**session.groups, wanted.group: group}
        if self._count(list(group)) > settings.max_group_registrations:
            raise StreamRefusal("105118")
        if self._count([pair for each in groups.values() for pair in each]) > settings.max_registrations:
            raise StreamRefusal("105115")
        session.groups = groups
        return self._done(session, "REG", wanted)

    def _remove(self, session: Session, document: dict[str, Any]) -> Reply:
        self._book.counts(session).unregistrations += 1
        wanted = self._checked(document)
        group = session.groups.get(wanted.group, {})
        for pair in wanted.pairs:
            group.pop(pair, None)
        if not group:
            session.groups.pop(wanted.group, None)
        return self._done(session, "REMOVE", wanted)

    def _checked(self, document: dict[str, Any]) -> Registering:
        """A request whose types exist; those without items have the empty one, whatever was named."""
        wanted = parse_registering(document)
        for type_, _ in wanted.pairs:
            if type_ not in real_types():
                raise StreamRefusal("100002", f"필수 입력값이 누락되었습니다 [type={type_}]")
        pairs = {(type_, "" if type_ in WITHOUT_ITEM else item): None for type_, item in wanted.pairs}
        return Registering(wanted.group, tuple(pairs), wanted.longest, wanted.keeps)

    def _count(self, pairs: list[Pair]) -> int:
        if self._settings().counted == "items":
            return len({item for _, item in pairs})
        return len(set(pairs))

    def _done(self, session: Session, trnm: str, wanted: Registering) -> Reply:
        self._book.counts(session).answers["0"] += 1
        for type_, item in wanted.pairs:
            if self._faults.take("unanswered", session.key, type_, item, _symbol(item)) is not None:
                return Reply()
        return Reply(answer(trnm))


def _symbol(item: str) -> str:
    return item.partition("_")[0]
