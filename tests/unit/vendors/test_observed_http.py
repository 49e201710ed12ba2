"""Every call of a vendor is counted by its own name of the operation and its own code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from broker_client.errors import VendorRejected
from broker_server.core.instruments import Instruments
from broker_server.core.tracing import Ended, NoTraces
from broker_server.vendors.http import ExchangeFailed, HttpRequest, HttpResponse
from broker_server.vendors.kis.observed import KisWire
from broker_server.vendors.kiwoom.rest.observed import KiwoomWire
from broker_server.vendors.koscom.observed import KoscomWire
from broker_server.vendors.observed_calls import observed
from broker_server.vendors.observed_http import ObservedTransport, Wire

KIS_CALL = HttpRequest("GET", "https://h/uapi/price", {"tr_id": "FHKST01010100"})
KIWOOM_CALL = HttpRequest("POST", "https://h/api/dostk/stkinfo", {"api-id": "ka10001"})


class Answering:
    def __init__(self, answer: HttpResponse | ExchangeFailed) -> None:
        self.answer = answer

    def send(self, request: HttpRequest) -> HttpResponse:
        if isinstance(self.answer, ExchangeFailed):
            raise self.answer
        return self.answer

    def close(self) -> None: ...


class Spans(NoTraces):
    def __init__(self) -> None:
        self.ended: list[tuple[str, str | None]] = []

    @contextmanager
    def call(self, vendor: str, operation: str) -> Iterator[Ended]:
        yield lambda code: self.ended.append((f"{vendor} {operation}", code))


def counted(wire: Wire, request: HttpRequest, answer: HttpResponse | ExchangeFailed) -> tuple[str, ...]:
    spans = Spans()
    instruments = Instruments(tracer=spans)
    transport = ObservedTransport(Answering(answer), "v", wire, instruments, iter((1.0, 1.5)).__next__)
    if isinstance(answer, ExchangeFailed):
        with pytest.raises(ExchangeFailed):
            transport.send(request)
    else:
        assert transport.send(request) is answer
    (series,) = instruments.meter.calls.read()
    assert (series.count, series.total) == (1, 0.5)
    code = series.labels[2]
    assert spans.ended == [(f"v {series.labels[1]}", None if code == "OK" else code)]
    return series.labels[1:]


def said(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(status, headers or {}, body)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (said(b'{"rt_cd":"0","msg_cd":"MCA00000","msg1":"..."}'), "OK"),
        (said(b'{"output":{"a":"1"}, "rt_cd" : "1", "msg_cd" : "APBK0400"}'), "APBK0400"),
        (said(b'{"rt_cd":"1","msg_cd":"EGW00201"}', 500), "EGW00201"),
        (said(b'{"error_code":"EGW00133"}', 403), "EGW00133"),
        (said(b'{"access_token":"x"}'), "OK"),
        (said(b"<html>", 502), "HTTP_502"),
        (said(b'{"rt_cd":"1","msg_cd":"\xea\xb0\x80"}', 400), "HTTP_400"),
        (said(b"", 200), "HTTP_200"),
        (ExchangeFailed("x", bytes_left=True), "NO_ANSWER"),
        (ExchangeFailed("x", bytes_left=False), "NOT_SENT"),
    ],
)
def test_a_call_of_kis_is_counted(answer: HttpResponse | ExchangeFailed, code: str) -> None:
    assert counted(KisWire(), KIS_CALL, answer) == ("FHKST01010100", code)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (said(b'{"return_code":0,"return_msg":"ok"}'), "OK"),
        (said(b'{"return_code":"0"}'), "OK"),
        (
            said('{"return_code":3,"return_msg":"인증 실패 [8005:Token이 유효하지 않습니다]"}'.encode()),
            "8005",
        ),
        (said(b'{"return_code":5,"return_msg":"busy"}', 429), "5"),
        (said(b"{}", 500), "HTTP_500"),
    ],
)
def test_a_call_of_kiwoom_is_counted(answer: HttpResponse, code: str) -> None:
    assert counted(KiwoomWire(), KIWOOM_CALL, answer) == ("ka10001", code)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (said(b'{"jsonrpc":"2.0","result":{"trdPrc":1}}'), "OK"),
        (said(b'{"jsonrpc":"2.0","error":{"message":"..","code":10040},"id":1}'), "10040"),
        (said(b'{"jsonrpc":"2.0","result":{"code":"20052","message":".."}}'), "20052"),
        (said(b'{"jsonrpc":"2.0","result":{"code":"20130","message":"the end"}}'), "OK"),
        (said(b'{"category":"a","code":"20070","message":"m","description":"d"}', 403), "20070"),
        (said(b'{"error":"a sentence"}', 400), "HTTP_400"),
        (said(b'{"message":"API rate limit exceeded"}', 429), "HTTP_429"),
        (said(b'{"list":[' + b'{"code":"005930"},' * 500 + b"]}"), "OK"),
        (said(b'{"code"'), "HTTP_200"),
        (said(b"<html>", 502), "HTTP_502"),
        (said(b"", 200), "HTTP_200"),
    ],
)
def test_a_call_of_koscom_is_counted(answer: HttpResponse, code: str) -> None:
    table = HttpRequest("GET", "https://h/v3/market/kospi/005930/price", {})
    assert counted(KoscomWire(), table, answer) == ("price", code)


def test_what_has_no_operation_is_named_by_its_path_and_never_by_what_is_no_name() -> None:
    token = HttpRequest("POST", "https://h/oauth2/tokenP", {})
    assert counted(KisWire(), token, said(b'{"access_token":"x"}')) == ("tokenP", "OK")
    odd = HttpRequest("POST", "https://h/", {"tr_id": "x" * 500})
    assert counted(KisWire(), odd, said(b"{}")) == ("other", "OK")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, "OK"),
        (VendorRejected("no", vendor="v", vendor_code="-301"), "-301"),
        (VendorRejected("no", vendor="v"), "VENDOR_REJECTED"),
        (RuntimeError("a defect"), "INTERNAL"),
    ],
)
def test_a_call_that_is_no_http_is_counted(error: Exception | None, code: str) -> None:
    instruments = Instruments()

    def call() -> Any:
        with observed(instruments, "v", "OPT10001", iter((1.0, 1.5)).__next__):
            if error is not None:
                raise error

    if error is None:
        call()
    else:
        with pytest.raises(type(error)):
            call()
    (series,) = instruments.meter.calls.read()
    assert series.labels == ("v", "OPT10001", code)
