"""Live data: what a subscription asks for, and what its records become."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from broker_client.errors import InvalidParameters, Unsupported
from broker_server.amqp.intake import validate_parameters
from broker_server.core.listed_orders import ListedOrder
from broker_server.core.orders import Status
from broker_server.core.reply_styles import EventStyle
from broker_server.core.stream_requests import Registration, StreamRequest
from broker_server.streams.outlets import Event, Outlet
from broker_server.vendors import kiwoom
from broker_server.vendors.kiwoom.incoming import KiwoomIncoming
from broker_server.vendors.kiwoom.sapi_events import FAMILY
from broker_server.vendors.values import KST
from tests.support.kiwoom_backend import FakeBackend, context
from tests.support.sapi_server import ZONE, make_vendor

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=KST)
TRADE = {
    "20": "095959", "10": "-70000", "11": "-1400", "12": "-1.96", "15": "-30", "13": "1000", "14": "70",
    "16": "+71000", "17": "+71500", "18": "-69900", "27": "+70100", "28": "-70000", "290": "2",
}  # fmt: skip
FILL = {
    "9201": "1234567811", "9203": "0001001", "9001": "A005930", "913": "체결", "905": "+매수", "907": "2",
    "900": "10", "901": "70000", "904": "0000000", "908": "095958", "910": "69900", "911": "7",
    "914": "69900", "915": "3", "2135": "KRX", "2136": "N",
}  # fmt: skip


def asked(backend: FakeBackend, name: str, *, paper: bool = False, **parameters: Any) -> StreamRequest:
    vendor = make_vendor(backend, paper=paper)
    method = next(each for each in vendor.methods() if each.name == name)
    assert method.stream is not None
    return method.stream(validate_parameters(method, parameters))


def record(code: str, symbol: str, fields: dict[str, str], *, by: str | None = None) -> KiwoomIncoming:
    return KiwoomIncoming(Registration(by or code, symbol), code, fields, NOW)


@pytest.mark.parametrize(
    ("name", "parameters", "code", "symbol"),
    [
        ("kiwoom.subscribe-realtime-price", {"ticker": "005930"}, "0B", "005930"),
        ("kiwoom.subscribe-realtime-price", {"ticker": "005930", "venue": "NXT"}, "0B", "005930_NX"),
        ("kiwoom.subscribe-order-book", {"ticker": "005930", "venue": "UNIFIED"}, "0D", "005930_AL"),
        ("kiwoom.subscribe-executions", {}, "00", ""),
        ("kiwoom.subscribe", {"type": "0J", "item": "001"}, "0J", "001"),
        ("kiwoom.subscribe", {"type": "0s"}, "0s", ""),
        ("subscribe-realtime", {"stock_code": "015760"}, "10", "015760"),
        ("unsubscribe-realtime", {"stock_code": "015760"}, "10", "015760"),
        ("kiwoom.unsubscribe-order-book", {"ticker": "005930"}, "0D", "005930"),
    ],
)
def test_what_is_registered(
    fake: FakeBackend, name: str, parameters: dict[str, Any], code: str, symbol: str
) -> None:
    request = asked(fake, name, **parameters)
    assert [each.registration for each in request.wanted] == [Registration(code, symbol)]
    assert request.action == ("unsubscribe" if "unsubscribe" in name else "subscribe")


def test_an_end_without_a_name_ends_all(fake: FakeBackend) -> None:
    for noun in ("realtime-price", "order-book", "executions"):
        assert asked(fake, f"kiwoom.unsubscribe-{noun}").wanted == ()
    assert asked(fake, "kiwoom.unsubscribe").wanted == ()


def test_the_original_s_subscription_gets_events_alone(fake: FakeBackend) -> None:
    request = asked(fake, "subscribe-realtime", stock_code="015760")
    assert (request.family, request.vendor_form, request.polling, request.snapshot) == (
        FAMILY,
        True,
        False,
        False,
    )


def test_what_cannot_be_subscribed(fake: FakeBackend) -> None:
    with pytest.raises(Unsupported):
        asked(fake, "kiwoom.subscribe-order-book", ticker="005930", venue="NXT", paper=True)
    with pytest.raises(InvalidParameters, match="type: must be one of"):
        asked(fake, "kiwoom.subscribe", type="9Z")
    with pytest.raises(InvalidParameters, match="item: 0B is about an instrument"):
        asked(fake, "kiwoom.subscribe", type="0B")


def test_a_trade() -> None:
    incoming = record("0B", "005930_NX", TRADE)
    assert (incoming.channel, incoming.subject, incoming.conflatable) == ("trade", "005930.NXT", False)
    event = incoming.event()
    assert event["time"] == "2026-11-20T09:59:59+09:00"
    assert {name: event[name] for name in ("vendor", "ticker", "venue", "price", "quantity", "side")} == {
        "vendor": "kiwoom", "ticker": "005930", "venue": "NXT", "price": 70_000, "quantity": 30,
        "side": "sell",
    }  # fmt: skip
    assert (event["change"], event["change_rate"], event["volume"]) == (-1_400, -1.96, 1_000)
    assert (event["value"], event["session"], event["ask"], event["low"]) == (
        70_000_000,
        "regular",
        70_100,
        69_900,
    )


def test_a_trade_that_cannot_be_read_is_published_as_it_is() -> None:
    incoming = record("0B", "005930", TRADE | {"10": "?"})
    assert incoming.channel == "0B"
    assert incoming.event()["fields"]["10"] == "?"


def test_an_expected_trade_and_a_book() -> None:
    event = record("0H", "005930", TRADE).event()
    assert (event["expected"], event["side"], event["volume"], event["quantity"]) == (True, None, None, 30)
    book = record(
        "0D",
        "005930",
        {
            "21": "100000",
            "41": "+70100",
            "61": "5",
            "42": "0",
            "51": "-70000",
            "71": "6",
            "121": "5",
            "23": "0",
        },
    )
    assert (book.channel, book.conflatable) == ("order_book", True)
    assert book.event()["asks"] == [{"price": 70_100, "quantity": 5}]
    assert book.event()["bids"] == [{"price": 70_000, "quantity": 6}]
    assert book.event()["expected_price"] is None


def test_a_fill_counts_alone() -> None:
    incoming = record("00", "", FILL)
    assert (incoming.channel, incoming.subject) == ("execution", "default")
    event = incoming.event()
    assert (event["event"], event["quantity"], event["price"], event["side"]) == ("fill", 3, 69_900, "buy")
    assert (event["order_no"], event["original_order_no"], event["order_quantity"]) == ("0001001", None, 10)
    assert "account" not in event
    assert incoming.raw_event()["fields"]["9201"] == "***"
    assert incoming.raw_event()["key"] == "default"


@pytest.mark.parametrize(
    ("fields", "event", "action"),
    [
        ({"913": "접수", "915": "", "911": ""}, "received", "new"),
        (
            {"913": "확인", "905": "-매도취소", "907": "1", "915": "", "911": "", "904": "0001000"},
            "confirmed",
            "cancel",
        ),
        ({"913": "거부", "905": "+매수정정", "915": "", "911": ""}, "rejected", "modify"),
        ({"913": "취소", "915": "", "911": ""}, "cancelled", "new"),
    ],
)
def test_news_of_an_order(fields: dict[str, str], event: str, action: str) -> None:
    told = record("00", "", FILL | fields).event()
    assert (told["event"], told["action"], told["quantity"], told["price"]) == (event, action, None, None)


def test_the_original_s_events_are_not_published_as_trades() -> None:
    incoming = record("0B", "015760", TRADE, by="10")
    assert (incoming.channel, incoming.subject, incoming.conflatable) == ("10", "015760", False)
    assert incoming.event() == incoming.raw_event()


def test_the_original_s_shape_in_our_envelope() -> None:
    (style,) = (kiwoom.styles(compat=False, zone=ZONE).events or {}).values()
    message = _message(style)
    assert message["kind"] == "event"
    assert message["sequence"] == 1
    (event,) = message["result"]
    assert list(event) == ["stock_code", "real_data_type", "real_time_data"]


def test_the_original_s_message() -> None:
    (style,) = (kiwoom.styles(compat=True, zone=ZONE).events or {}).values()
    message = _message(style)
    assert list(message) == ["task_id", "result", "response_time", "status"]
    assert message["result"]["real_data_type"] == "주식체결"
    assert message["response_time"] == "2026-11-20 10:00:00"


def _message(style: EventStyle) -> dict[str, Any]:
    outlet = Outlet("t-1", "10.015760", "simulated", style, lambda: b"e")
    event = Event(record("0B", "015760", TRADE, by="10"), b"2026-11-20T01:00:00.000Z")
    body = outlet.render(event.encoded(style), event.at, 0)
    document = json.loads(body)
    assert isinstance(document, dict)
    return document


def test_the_first_state(fake: FakeBackend) -> None:
    fake.answers["ka10001"] = [[{"price": "-70000", "sign": "5", "change": "1400", "change_rate": "1.96"}]]
    fake.answers["ka10004"] = [[{"timestamp": "100000", "buy_top_priority_price": "-70000",
                                 "buy_top_priority_remaining_volume": "3"}]]  # fmt: skip
    streams = make_vendor(fake).streams
    assert streams is not None
    trade = streams.snapshot(Registration("0B", "005930"), context(), bulk=False)
    assert (trade.channel, trade.event()["change"], trade.event()["quantity"]) == ("trade", -1_400, None)
    book = streams.snapshot(Registration("0D", "005930"), context(), bulk=True)
    assert book.event()["bids"] == [{"price": 70_000, "quantity": 3}]
    assert not streams.can_snapshot(Registration("10", "005930"))
    assert streams.can_snapshot(Registration("0B", "005930_AL"))
    assert streams.can_snapshot(Registration("0D", "005930_NX"))
    assert not streams.can_snapshot(Registration("0D", "005930_AL")), "the TR gives the book of KRX"


def test_the_account_s_own_news(fake: FakeBackend) -> None:
    streams = make_vendor(fake).streams
    assert streams is not None
    (own,) = streams.own_registrations()
    assert own == Registration("00", "")
    assert (streams.order_market(own), streams.venue(own), streams.is_reserved(own)) == (
        "domestic",
        None,
        True,
    )
    assert streams.describe(own)["key"] == "execution.default"
    order = ListedOrder(
        order_no="0001001", original=None, action="new", ticker="005930", side="buy", quantity=10, price=None,
        order_type="market", venue="KRX", received_at=None, filled=4, remaining=6, average_price=None,
        cancelled=0, status=Status.PARTIALLY_FILLED,
    )  # fmt: skip
    event = streams.recovered_execution(own, order, 4, None).event()
    assert (event["event"], event["quantity"], event["price"]) == ("fill", 4, None)
