"""Puts records on the wire of each session, spoiled as faults have it."""

from __future__ import annotations

from collections.abc import Sequence

from broker_server.simulator.connections import websocket_frame
from broker_server.simulator.kis.realtime.sessions import Session
from broker_server.simulator.kis.realtime.spoiling import spoil
from broker_server.simulator.kis.realtime.streams import Record
from broker_server.simulator.kis.realtime.subjects import Subject
from broker_server.simulator.kis.realtime.wire import data_frame
from broker_server.simulator.stream_faults import SPOILS_FRAMES, StreamFaultBoard

MAX_BACKLOG = 1 << 25
"""Bytes that a session may leave unread before it is ended."""


class Delivery:
    """Sends data.

    Args:
        faults: What goes wrong on order.
    """

    def __init__(self, faults: StreamFaultBoard) -> None:
        self._faults = faults

    def is_silent(self, session: Session) -> bool:
        """Whether a fault keeps the server from saying anything to a session."""
        return self._faults.meets("half_open", session.key) is not None

    def is_heard(self, session: Session, subject: Subject) -> bool:
        """Whether a session gets the data of a subject at present."""
        if session.ended or self.is_silent(session):
            return False
        what = (session.key, subject.tr.tr_id, subject.key, subject.symbol)
        return self._faults.meets("mute", *what) is None

    def send(self, subject: Subject, records: Sequence[Record], sessions: Sequence[Session]) -> None:
        """Send records, in one frame, to sessions that registered their subject."""
        frame = websocket_frame(data_frame(subject.tr.tr_id, records))
        for session in sessions:
            if self.is_heard(session, subject):
                spoiled = self._spoiled(session, subject, records)
                own = frame if spoiled is records else websocket_frame(data_frame(subject.tr.tr_id, spoiled))
                self._write(session, own)

    def send_notices(self, session: Session, subject: Subject, records: Sequence[Record]) -> None:
        """Send notices, each in a frame of its own, with the session's key."""
        if self.is_heard(session, subject):
            pair = session.pairs[subject.tr.tr_id]
            for record in self._spoiled(session, subject, records):
                self._write(session, websocket_frame(data_frame(subject.tr.tr_id, [record], pair)))

    def _spoiled(self, session: Session, subject: Subject, records: Sequence[Record]) -> Sequence[Record]:
        for fault in self._faults.of(*SPOILS_FRAMES):
            if fault.is_for(session.key, subject.tr.tr_id, subject.key, subject.symbol) and fault.take():
                records = spoil(records, fault.request)
        return records

    def _write(self, session: Session, frame: bytes) -> None:
        if session.connection.backlog > MAX_BACKLOG:
            session.end(drop=True)
        else:
            session.connection.send(frame)
