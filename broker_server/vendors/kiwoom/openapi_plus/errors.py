"""What a code of the control means, and the error that a client gets for it. Codes are those of the guide."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

from broker_client.errors import (
    AuthenticationFailed,
    InvalidParameters,
    OrderOutcomeIsUnknown,
    RateLimited,
    TaskFailed,
    VendorRejected,
    VendorUnavailable,
)

VENDOR = "kiwoom"

OVERLOADED = -200
VERSION = -102
NO_PASSWORD = -301


class Code(NamedTuple):
    """A code of the control.

    Attributes:
        name: In the guide, without ``OP_ERR_``.
        text: In the guide.
    """

    name: str
    text: str


CODES = {
    0: Code("NONE", "정상처리"),
    -10: Code("FAIL", "실패"),
    -11: Code("COND_NOTFOUND", "조건번호 없음"),
    -12: Code("COND_MISMATCH", "조건번호와 조건식 틀림"),
    -13: Code("COND_OVERFLOW", "조건검색 조회요청 초과"),
    -22: Code("TR_FAIL", "전문 처리 실패"),
    -100: Code("LOGIN", "사용자정보 교환 실패"),
    -101: Code("CONNECT", "서버접속 실패"),
    -102: Code("VERSION", "버전처리 실패"),
    -103: Code("FIREWALL", "개인방화벽 실패"),
    -104: Code("MEMORY", "메모리보호 실패"),
    -105: Code("INPUT", "함수입력값 오류"),
    -106: Code("SOCKET_CLOSED", "통신 연결종료"),
    -200: Code("SISE_OVERFLOW", "시세조회 과부하"),
    -201: Code("RQ_STRUCT_FAIL", "전문작성 초기화 실패"),
    -202: Code("RQ_STRING_FAIL", "전문작성 입력값 오류"),
    -203: Code("NO_DATA", "데이터 없음"),
    -204: Code("OVER_MAX_DATA", "조회 가능한 종목수 초과"),
    -205: Code("DATA_RCV_FAIL", "데이터수신 실패"),
    -206: Code("OVER_MAX_FID", "조회 가능한 FID수 초과"),
    -207: Code("REAL_CANCEL", "실시간 해제 오류"),
    -300: Code("ORD_WRONG_INPUT", "입력값 오류"),
    -301: Code("ORD_WRONG_ACCTNO", "계좌 비밀번호 없음"),
    -302: Code("OTHER_ACC_USE", "타인계좌사용 오류"),
    -303: Code("MIS_2BILL_EXC", "주문가격이 20억원을 초과"),
    -304: Code("MIS_5BILL_EXC", "주문가격이 50억원을 초과"),
    -305: Code("MIS_1PER_EXC", "주문수량이 총발행주수의 1%초과오류"),
    -306: Code("MIS_3PER_EXC", "주문수량이 총발행주수의 3%초과오류"),
    -307: Code("SEND_FAIL", "주문전송 실패"),
    -308: Code("ORD_OVERFLOW", "주문전송 과부하"),
    -309: Code("MIS_300CNT_EXC", "주문수량 300계약 초과"),
    -310: Code("MIS_500CNT_EXC", "주문수량 500계약 초과"),
    -311: Code("ORD_OVERFLOW2", "주문전송 과부하"),
    -340: Code("ORD_WRONG_ACCTINFO", "계좌정보없음"),
    -500: Code("ORD_SYMCODE_EMPTY", "종목코드없음"),
}

_CODED = re.compile(r"\[(?P<code>[0-9A-Z]{6})\]", re.ASCII)
_WRONG_INPUT = frozenset({-105, -202, -204, -206})
_CONNECTION = frozenset({-101, -103, -104, -106, -205})

REGISTER_IT = (
    "register the account's password: tray icon of OpenAPI+, 계좌비밀번호 저장 (KOA_Functions "
    "ShowAccountWindow), tick AUTO, then start the host again"
)


class OrderVerdict(Enum):
    """What a code that `SendOrder` returned says of the order."""

    NOT_TAKEN = auto()
    """Turned away for its rate, before it was looked at: it may be repeated."""
    REFUSED = auto()
    """Looked at by the control and refused, before it left."""
    UNKNOWN = auto()
    """It may have left."""


# The guide gives these codes names and no more; that the control gives them before it sends anything is an
# assumption. Codes of the connection (-100 to -106, -307) and of queries (-200) prove nothing of an order.
_NOT_TAKEN = frozenset({-308, -311})
_REFUSED = frozenset({-300, -301, -302, -303, -304, -305, -306, -309, -310, -340, -500})


def order_verdict(code: int) -> OrderVerdict:
    """Classify what `SendOrder` returned; a code that nobody has told us of leaves the outcome unknown."""
    if code in _NOT_TAKEN:
        return OrderVerdict.NOT_TAKEN
    return OrderVerdict.REFUSED if code in _REFUSED else OrderVerdict.UNKNOWN


def described(code: int) -> str:
    """A code for people."""
    known = CODES.get(code)
    return f"{code} {known.name} ({known.text})" if known else f"{code}, a code that the guide does not have"


def error_for(code: int, text: str | None = None) -> TaskFailed:
    """The error that a client gets for a refused read.

    Args:
        code: What the call returned.
        text: What `OnReceiveMsg` said of it.
    """
    kind: type[TaskFailed]
    if code == OVERLOADED:
        kind, message = RateLimited, "Kiwoom refuses queries for their number"
    elif code == -100:
        kind, message = AuthenticationFailed, "Kiwoom does not accept the login"
    elif code in _CONNECTION:
        kind, message = VendorUnavailable, "the connection to Kiwoom failed"
    elif code in _WRONG_INPUT:
        kind, message = InvalidParameters, "Kiwoom's control does not take these inputs"
    elif code == NO_PASSWORD:
        kind, message = AuthenticationFailed, REGISTER_IT
    else:
        kind, message = VendorRejected, "Kiwoom refused the request"
    return kind(
        f"{message}: {described(code)}",
        vendor=VENDOR,
        vendor_code=str(code),
        vendor_message=_text(code, text),
    )


def code_in(text: str | None) -> str | None:
    """The code of six digits in a text of Kiwoom's server; ``None`` where it has none.

    For people alone: Kiwoom says that these codes may change and that no program may decide by them. That it
    stands first and in brackets, and may have capital letters among its digits, is an assumption.
    """
    found = _CODED.match((text or "").strip())
    return found and found["code"]


def refused_by_message(text: str) -> TaskFailed:
    """A request of which nothing came but a text."""
    return VendorRejected(
        f"Kiwoom refused the request: {' '.join(text.split())}",
        vendor=VENDOR,
        vendor_code=code_in(text),
        vendor_message=text,
    )


def order_refused(code: int | None, text: str | None) -> TaskFailed:
    """An order that Kiwoom provably does not have."""
    said = " ".join((text or "").split()) or (
        described(code) if code is not None else "no number and no text came back"
    )
    advice = f"; {REGISTER_IT}" if code == NO_PASSWORD else ""
    return VendorRejected(
        f"Kiwoom refused the order: {said}{advice}",
        vendor=VENDOR,
        vendor_code=code_in(text) if code is None else str(code),
        vendor_message=text if code is None else _text(code, text),
    )


def order_not_taken(code: int) -> TaskFailed:
    """An order that was turned away for its rate, before it was looked at."""
    return RateLimited(
        f"the order was not taken: {described(code)}",
        vendor=VENDOR,
        vendor_code=str(code),
        vendor_message=_text(code, None),
    )


def order_unknown(reason: str, code: int | None = None, text: str | None = None) -> TaskFailed:
    """An order that may have left."""
    return OrderOutcomeIsUnknown(
        f"the order left and its outcome is unknown ({reason}); do not send it again, look at the open "
        "orders and the order history",
        vendor=VENDOR,
        vendor_code=code_in(text) if code is None else str(code),
        vendor_message=text,
    )


def unavailable(message: str, code: int | None = None) -> TaskFailed:
    """The host cannot serve at present."""
    return VendorUnavailable(message, vendor=VENDOR, vendor_code=None if code is None else str(code))


def _text(code: int, text: str | None) -> str | None:
    known = CODES.get(code)
    return text or (known.text if known else None)
