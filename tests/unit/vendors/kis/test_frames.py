from __future__ import annotations

import hashlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.vendors.kis.frames import (
    Acknowledgement,
    CipherKeys,
    DataFrame,
    Ping,
    Quarantined,
    Reason,
    Refusal,
    parse_frame,
)
from tests.support.kis_stream import CIPHER, FRAMES_FILE, lines_of, recorded_frames, sealed_frames

FRAMES_SHA256 = "636dd122dd8b8e27172f796493ce18c43473a96c977186db34e8b32ec2e051ec"
PING = '{"header":{"tr_id":"PINGPONG","datetime":"20260826103000"}}'


def test_the_recorded_frames_are_intact() -> None:
    assert hashlib.sha256(FRAMES_FILE.read_bytes()).hexdigest() == FRAMES_SHA256
    assert len(recorded_frames()) == 31
    assert len(sealed_frames()) == 3


@pytest.mark.parametrize("text", recorded_frames() + sealed_frames(), ids=lambda text: text[:14])
def test_a_recorded_frame_is_a_data_frame(text: str) -> None:
    frame = parse_frame(text)
    assert isinstance(frame, DataFrame)
    assert frame.encrypted == text.startswith("1")
    assert f"{int(frame.encrypted)}|{frame.tr_id}|{frame.record_count:03}|{frame.payload}" == text


def test_a_name_may_contain_the_mark_of_the_frame() -> None:
    frame = parse_frame("0|H0BJCNT0|001|KR103502GD31^a|b|c")
    assert isinstance(frame, DataFrame)
    assert frame.payload == "KR103502GD31^a|b|c"


def test_a_ping_is_to_be_answered_with_the_same_text() -> None:
    assert parse_frame(PING) == Ping(PING)
    assert PING in lines_of(starting='{"header"')


def test_an_acknowledgement_brings_the_key_of_its_tr() -> None:
    registered, unregistered = (
        parse_frame(next(line for line in lines_of(starting='{"header"') if code in line))
        for code in ("OPSP0000", "OPSP0001")
    )
    assert registered == Acknowledgement("H0STCNT0", "005930", "OPSP0000", "SUBSCRIBE SUCCESS", CIPHER)
    assert registered.registered
    assert isinstance(unregistered, Acknowledgement)
    assert not unregistered.registered


@pytest.mark.parametrize("key", ["", "short", "k" * 31, "k" * 33, "키" * 32, None, 5])
def test_a_key_of_another_length_is_no_key(key: object) -> None:
    output = {"key": key, "iv": CIPHER.iv}
    text = orjson.dumps(
        {"header": {"tr_id": "H0STCNI0"}, "body": {"rt_cd": "0", "msg_cd": "OPSP0000", "output": output}}
    ).decode()
    frame = parse_frame(text)
    assert isinstance(frame, Acknowledgement)
    assert frame.cipher is None


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("OPSP0002", Refusal("H0IOCNT0", "B01610A51", "1", "OPSP0002", "ALREADY IN SUBSCRIBE")),
        ("OPSP8996", Refusal(None, None, "9", "OPSP8996", "ALREADY IN USE appkey")),
        ("OPSP0017", Refusal(None, None, "9", "OPSP0017", "ERROR : htsid가잘못되었습니다")),
        ("OPSP0011", Refusal(None, None, "1", "OPSP0011", "invalid approval : NOT FOUND")),
    ],
)
def test_an_error_may_not_say_what_it_is_about(code: str, refusal: Refusal) -> None:
    (line,) = [line for line in lines_of(starting="{") if code in line]
    assert parse_frame(line) == refusal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "2|H0STCNT0|001|005930",
        "0|H0STCNT0|001",
        "0|H0STCNT0|000|005930",
        "0|H0STCNT0||005930",
        "0|H0STCNT0|-01|005930",
        "0|H0STCNT0|1_0|005930",
        "0|H0STCNT0|٠٠١|005930",
        "0|H0STCNT0|99999|005930",
        "{",
        "{}",
        '{"header":[],"body":[]}',
        '{"header":{"tr_id":"H0STCNT0"}}',
        '{"body":{"rt_cd":0}}',
        '{"header":{"tr_id":"(null)"},"body":{"rt_cd":"0"}}',
        '{"error_code":"EGW00133","error_description":"wait"}',
        '{"a":' * 5000,
    ],
)
def test_what_the_grammar_does_not_know_is_malformed(text: str) -> None:
    frame = parse_frame(text)
    assert isinstance(frame, Quarantined)
    assert frame.reason is Reason.MALFORMED
    assert frame.raw == text


@given(st.text() | st.text('{}[]":,01|^0STCN') | st.text().map(lambda text: "{" + text))
def test_no_text_raises(text: str) -> None:
    parse_frame(text)


def test_keys_payloads_and_errors_are_in_no_log() -> None:
    secret = "s3cr3t" * 6
    shown = (
        CipherKeys(secret, secret),
        Refusal(None, None, "1", "OPSP0011", secret),
        DataFrame(False, "H0STCNI0", 1, secret),
        Quarantined(Reason.TOO_SHORT, "H0STCNI0", "23 values", secret),
    )
    assert not any("s3cr3t" in repr(value) for value in shown)
