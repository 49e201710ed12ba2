"""Answers what clients of the simulated WebSocket send: registrations, their ends, and PINGPONG."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import orjson

from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.kis.keys import KeyStore
from broker_server.simulator.kis.realtime.cipher import make_pair
from broker_server.simulator.kis.realtime.messages import (
    REGISTER,
    StreamRefusal,
    StreamRequest,
    acknowledgement,
    is_pong,
    named,
    parse_request,
    refusal,
)
from broker_server.simulator.kis.realtime.sessions import Registration, Session, SessionBook
from broker_server.simulator.kis.realtime.settings import StreamSettings
from broker_server.simulator.kis.realtime.subjects import Subject, Subjects
from broker_server.simulator.kis.realtime.tables import RealtimeTr, realtime_trs
from broker_server.simulator.stream_faults import StreamFaultBoard


class Answer(NamedTuple):
    """What a message leads to: a text, and perhaps the end of the session."""

    text: bytes | None = None
    end: Literal["", "close", "drop"] = ""


class _Dropped(Exception):
    """The connection ends without an answer."""


class Registrar:
    """Reads messages and keeps the registrations of sessions.

    Args:
        clock: Simulated time.
        keys: Whose an approval key is.
        book: The sessions.
        subjects: What keys name.
        faults: What goes wrong on order.
        settings: Reads how the server behaves.
        monotonic: Real seconds, which registrations are counted by.
        chance: Makes the keys of notices.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        keys: KeyStore,
        book: SessionBook,
        subjects: Subjects,
        faults: StreamFaultBoard,
        settings: Callable[[], StreamSettings],
        monotonic: Callable[[], float],
        chance: random.Random,
    ) -> None:
        self._clock = clock
        self._keys = keys
        self._book = book
        self._subjects = subjects
        self._faults = faults
        self._settings = settings
        self._monotonic = monotonic
        self._chance = chance

    def answer(self, session: Session, text: str) -> Answer:
        """Carry out one message."""
        try:
            document: Any = orjson.loads(text)
        except orjson.JSONDecodeError:
            return self._refused(session, StreamRefusal("OPSP9999"), None, None)
        if is_pong(document):
            session.unanswered_since = None
            if session.name:
                self._book.counts(session.name).pongs += 1
            return Answer()
        request: StreamRequest | None = None
        try:
            request = parse_request(document)
            self._identify(session, request.approval_key)
            if request.tr_type == REGISTER:
                return self._register(session, request)
            return self._unregister(session, request)
        except StreamRefusal as error:
            return self._refused(session, error, document, request)
        except _Dropped:
            return Answer(end="drop")

    def _identify(self, session: Session, approval_key: str) -> None:
        """Whose session it is; the first request takes the app key, later ones must be of the same."""
        if session.app_key:
            known = self._keys.approved(approval_key, at_any_age=True)
        else:
            known = self._keys.approved(approval_key)
        if known is None:
            raise StreamRefusal("OPSP0011")
        if session.app_key:
            if known != session.app_key:
                raise StreamRefusal("OPSP0010")
            return
        session.app_key, session.name = known, self._keys.name(known)
        session.environment = self._keys.environment(known)
        if self._faults.meets("duplicate_session", session.key) is not None:
            self._book.counts(session.name).rejected += 1
            raise StreamRefusal("OPSP8996")
        if not self._book.bind(session):
            raise StreamRefusal("OPSP8996")

    def _register(self, session: Session, request: StreamRequest) -> Answer:
        self._book.counts(session.name).registered(self._monotonic())
        tr = self._tr(session, request.tr_id)
        what = (request.tr_id, request.tr_key)
        symbol = request.tr_key[4:] if tr.source.startswith("overseas") else request.tr_key
        fault = self._faults.take("refuse", session.key, *what, symbol)
        if fault is not None:
            raise StreamRefusal(fault.request.code or "")
        if what in session.registrations:
            raise StreamRefusal("OPSP0002")
        if len(session.registrations) >= self._settings().max_registrations:
            raise StreamRefusal("OPSP0008")
        subject = self._subject(session, tr, request.tr_key)
        session.registrations[what] = Registration(subject, self._clock.now())
        return self._acknowledged(session, "OPSP0000", *what, subject.symbol)

    def _unregister(self, session: Session, request: StreamRequest) -> Answer:
        self._book.counts(session.name).unregistrations += 1
        self._tr(session, request.tr_id)
        what = (request.tr_id, request.tr_key)
        registration = session.registrations.pop(what, None)
        if registration is None:
            raise StreamRefusal("OPSP0003")
        return self._acknowledged(session, "OPSP0001", *what, registration.subject.symbol)

    def _tr(self, session: Session, tr_id: str) -> RealtimeTr:
        tr = realtime_trs().get(tr_id)
        if tr is None or not tr.offered(session.environment):
            raise StreamRefusal("OPSP8991")
        return tr

    def _subject(self, session: Session, tr: RealtimeTr, tr_key: str) -> Subject:
        if tr.kind != "notice":
            return self._subjects.find(tr, tr_key, entitled=self._settings().entitled)
        if not tr_key or tr_key != self._keys.hts_id(session.app_key, tr_key):
            if self._settings().wrong_hts_id == "drop":
                raise _Dropped
            raise StreamRefusal("OPSP0017")
        return Subject(tr, tr_key, tr_key, None)

    def _acknowledged(self, session: Session, code: str, tr_id: str, tr_key: str, symbol: str) -> Answer:
        pair = session.pairs.get(tr_id)
        if pair is None:
            pair = session.pairs[tr_id] = make_pair(self._chance)
        self._book.counts(session.name).answers[code] += 1
        if self._faults.take("unanswered", session.key, tr_id, tr_key, symbol) is not None:
            return Answer()
        return Answer(acknowledgement(code, tr_id, tr_key, pair))

    def _refused(
        self, session: Session, error: StreamRefusal, document: Any, request: StreamRequest | None
    ) -> Answer:
        if session.name:
            self._book.counts(session.name).answers[error.code] += 1
        approval = request.approval_key if request is not None else ""
        text = refusal(error.code, *named(document), approval_key=approval)
        return Answer(text, "close" if error.code == "OPSP8996" else "")
