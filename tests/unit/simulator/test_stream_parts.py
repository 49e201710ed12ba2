"""The pure parts of the simulated WebSocket: bytes, encryption, fault boards, counts."""

from __future__ import annotations

import random

import pytest
from pydantic import ValidationError
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from broker_server.simulator.connections import websocket_frame
from broker_server.simulator.kis.realtime.cipher import encrypt, make_pair
from broker_server.simulator.kis.realtime.sessions import KeyCounts, Session, SessionBook
from broker_server.simulator.kis.realtime.wire import data_frame
from broker_server.simulator.stream_faults import SessionKey, StreamFaultBoard, StreamFaultRequest
from broker_server.vendors.kis.frames import CipherKeys
from broker_server.vendors.kis.notices import decrypt_notice

REAL = SessionKey("PSxxxx", "real", "kis")


class Wire:
    backlog = 0

    def send(self, frames: bytes) -> None: ...

    def drop(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_frames_are_what_a_client_reads(length):
    reader = StreamReader()
    reader.feed_data(websocket_frame(b"x" * length) * 2)
    for _ in range(2):
        with pytest.raises(StopIteration) as done:
            next(Frame.parse(reader.read_exact, mask=False))
        assert done.value.value == Frame(Opcode.TEXT, b"x" * length)


def test_a_frame_counts_its_records_with_three_digits():
    assert data_frame("H0STCNT0", [["a", "b"], ["c", "d"]]) == b"0|H0STCNT0|002|a^b^c^d"


@pytest.mark.parametrize("text", ["", "a" * 16, "김한투^모의고객^" * 9])
def test_what_is_encrypted_opens_again(text):
    pair = make_pair(random.Random(1))
    assert (len(pair.key), len(pair.iv)) == (32, 16)
    assert decrypt_notice(encrypt(text, pair), CipherKeys(pair.key, pair.iv)) == text


def make_board(now: list[float]) -> StreamFaultBoard:
    return StreamFaultBoard(lambda: now[0], iter(range(1, 100)).__next__)


def order(board: StreamFaultBoard, **fault):
    return board.add(StreamFaultRequest.model_validate(fault))


def test_a_fault_ends_with_its_time_or_count():
    now = [0.0]
    board = make_board(now)
    order(board, fault="mute", seconds=5)
    order(board, fault="refuse", code="OPSP0007", skip=1, count=2)
    taken = [board.take("refuse", REAL, "H0STCNT0", "005930") for _ in range(4)]
    assert [fault is not None for fault in taken] == [False, True, True, False]
    assert board.meets("mute", REAL, "H0STCNT0")
    now[0] = 5.0
    assert board.meets("mute", REAL, "H0STCNT0") is None
    assert list(board) == []


def test_a_fault_is_for_its_key_tr_and_symbol():
    board = make_board([0.0])
    order(board, fault="mute", key="real", tr="HDFS*", symbol="AAPL")
    assert board.meets("mute", REAL, "HDFSCNT0", "DNASAAPL", "AAPL")
    assert not board.meets("mute", REAL, "HDFSCNT0", "DNASMSFT", "MSFT")
    assert not board.meets("mute", REAL, "H0STCNT0", "AAPL", "AAPL")
    assert not board.meets("mute", SessionKey("PSyyyy", "paper", "kis"), "HDFSCNT0", "DNASAAPL", "AAPL")
    assert board.clear() == 1


def test_faults_of_a_moment_are_not_kept():
    board = make_board([0.0])
    for fault in ("drop", "close", "duplicate_session", "notice"):
        order(board, fault=fault)
    assert list(board) == []
    order(board, fault="duplicate_session", seconds=1)
    assert len(list(board)) == 1


def test_a_code_is_for_refusals_alone():
    with pytest.raises(ValidationError, match="code"):
        StreamFaultRequest.model_validate({"fault": "drop", "code": "OPSP0007"})


def test_the_most_registrations_of_any_minute():
    counts = KeyCounts()
    for moment in (0, 10, 20, 61, 62, 200):
        counts.registered(moment)
    assert (counts.registrations, counts.most_in_a_minute) == (6, 4)


def test_an_app_key_is_taken_by_one_session_and_held_after_an_abnormal_end():
    now = [0.0]
    book = SessionBook(lambda: now[0])

    def connect() -> tuple[Session, bool]:
        session = Session(Wire(), app_key="PSxxxx", name="real")
        book.connect(session)
        return session, book.bind(session)

    first, taken = connect()
    second, also = connect()
    assert (taken, also) == (True, False)
    book.disconnect(second, orderly=False, hold_seconds=60)
    book.disconnect(first, orderly=False, hold_seconds=60)
    assert not connect()[1]
    now[0] = 60.0
    last, taken = connect()
    assert taken
    book.disconnect(last, orderly=True, hold_seconds=60)
    assert connect()[1]
