"""Both error dialects, and what is no answer at all."""

from __future__ import annotations

import pytest

from broker_client.errors import VendorUnavailable
from broker_server.vendors.http import HttpResponse
from broker_server.vendors.kiwoom.rest.answers import read_answer
from broker_server.vendors.kiwoom.rest.errors import Meaning, allowed_calls, error_for, meaning_of
from tests.support.kis_server import reply
from tests.support.kiwoom_rest import ok, refusal, throttled


@pytest.mark.parametrize("number", [0, "0", " 0 ", "00"])
def test_success_is_a_zero_of_any_kind(number: object) -> None:
    assert read_answer(reply({"return_code": number})).succeeded


@pytest.mark.parametrize(
    ("response", "code", "meaning"),
    [
        (refusal(3, "인증에 실패했습니다[8005:Token이 유효하지 않습니다]"), "8005", Meaning.TOKEN),
        (refusal("3", "인증에 실패했습니다[8005:Token]"), "8005", Meaning.TOKEN),
        (refusal(8005, "Token이 유효하지 않습니다"), "8005", Meaning.TOKEN),
        (refusal("8103", "인증"), "8103", Meaning.TOKEN),
        (refusal(3, "no code"), "3", Meaning.TOKEN),
        (throttled(), "1700", Meaning.THROTTLE),
        (refusal(5, "[1701:x]"), "1701", Meaning.THROTTLE),
        (HttpResponse(429, {}, b"<html>busy"), "1700", Meaning.THROTTLE),
        (HttpResponse(429, {}, b"{}"), "1700", Meaning.THROTTLE),
        (refusal(99, "slow down", 429), "1700", Meaning.THROTTLE),
        (refusal(5, "종목코드는 100개[1634:최대 100]"), "1634", Meaning.REFUSED),
        (refusal(20, "[2000](RC4058:모의투자 장종료)"), "RC4058", Meaning.REFUSED),
        (
            refusal(20, "[2000](RC9000:모의투자에서는 해당업무가 제공되지 않습니다)"),
            "RC9000",
            Meaning.NOT_OFFERED,
        ),
        (refusal(20, "[2000]"), "2000", Meaning.REFUSED),
        (refusal(20, "[2000](855056:매수증거금이 부족합니다.)"), "855056", Meaning.REFUSED),
        (refusal(2000, "[2000] (571489: 장이 열리지 않는 날)"), "571489", Meaning.REFUSED),
        (refusal(20, "거부 RC4007 거래정지"), "RC4007", Meaning.REFUSED),
        (refusal(20, "no code"), "20", Meaning.REFUSED),
        (refusal(2, "입력 값 오류입니다[1511:필수입력 파라미터=stk_cd]"), "1511", Meaning.REFUSED),
        (refusal(1902, "종목"), "1902", Meaning.NO_SUCH_THING),
        (refusal(3, "[8030:투자구분]"), "8030", Meaning.CREDENTIALS),
        (refusal(3, "x [CODE=8005, MESSAGE=Token]"), "8005", Meaning.TOKEN),
        (refusal(7, "what"), "7", Meaning.UNCLEAR),
        (refusal(-1, "what"), "-1", Meaning.UNCLEAR),
        (refusal(1999, "예기치 못한 에러"), "1999", Meaning.GATEWAY),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_most_telling_code_counts(response: HttpResponse, code: str, meaning: Meaning) -> None:
    answer = read_answer(response)
    assert not answer.succeeded
    assert (answer.code, meaning_of(answer.code)) == (code, meaning)


def test_the_text_is_passed_on_untouched() -> None:
    text = "  [2000](RC4025:  매수증거금이 부족합니다) "
    answer = read_answer(refusal(20, text))
    error = error_for(answer.code, answer.text)
    assert (error.vendor, error.vendor_code, error.vendor_message) == ("kiwoom", "RC4025", text)


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(200, {}, b""),
        HttpResponse(400, {}, b"<html>Request Blocked</html>"),
        HttpResponse(502, {}, b"<html>"),
        HttpResponse(200, {}, b"[1]"),
        HttpResponse(200, {}, b'{"return_code": ' + b"1" * 5000 + b"}"),
        reply({}),
        reply({"return_msg": "x"}),
        reply({"return_code": True}),
        reply({"list": []}, 500),
    ],
    ids=lambda response: repr(response.body)[:30],
)
def test_what_says_neither_yes_nor_no_is_unreadable(response: HttpResponse) -> None:
    with pytest.raises(VendorUnavailable, match="unreadable"):
        read_answer(response)


def test_data_without_a_code_are_a_success() -> None:
    assert read_answer(reply({"name": "삼성전자"})).succeeded


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ({"cont-yn": "Y", "next-key": "k 1"}, "k 1"),
        ({"CONT-YN": "y", "NEXT-KEY": "k"}, "k"),
        ({"cont-yn": "N", "next-key": "k"}, None),
        ({"cont-yn": "Y", "next-key": ""}, None),
        ({}, None),
    ],
)
def test_the_next_page_is_in_the_headers(headers: dict[str, str], more: str | None) -> None:
    answer = read_answer(reply({"return_code": 0}, headers=headers))
    assert answer.more == more
    assert answer.cut_short is (headers == {"cont-yn": "Y", "next-key": ""})
    response = HttpResponse(200, headers, b'{"return_code": 0}')
    assert read_answer(response).more == more


def test_a_refusal_may_name_the_limit() -> None:
    assert allowed_calls(read_answer(throttled(flow=1)).text) == 1
    assert allowed_calls("no number") is None
    assert read_answer(ok(more="x")).more == "x"
