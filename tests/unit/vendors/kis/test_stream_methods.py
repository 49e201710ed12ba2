"""What each subscription asks KIS for, and what is refused before KIS is asked."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr, ValidationError

from broker_client.errors import AuthenticationFailed, InvalidParameters, Unsupported
from broker_server.core.listed_orders import ListedOrder
from broker_server.core.methods import Lane, Method
from broker_server.core.orders import Status
from broker_server.core.stream_requests import Registration, StreamRequest, Wanted
from broker_server.vendors.kis.config import KisEnvironment
from broker_server.vendors.kis.realtime_table import realtime_trs
from broker_server.vendors.kis.stream_codes import StreamCodes
from broker_server.vendors.kis.stream_methods import StreamMethods
from broker_server.vendors.kis.stream_names import is_notice, stream_trs
from tests.support.kis_server import make_bench

HTS_ID = "Seoul7Login"
DOMESTIC = {"ticker": "005930"}
APPLE = {"ticker": "AAPL", "exchange": "NASD"}
KEYS = {
    "stock": "005930",
    "index": "0001",
    "elw": "57LA24",
    "overseas": "DNASAAPL",
    "bond": "KR2033022D33",
    "other": "101S12",
}


def declared(
    environment: KisEnvironment = "real", *, hts_id: str | None = HTS_ID, real_quotes: bool = False
) -> dict[str, Method[Any]]:
    secret = None if hts_id is None else SecretStr(hts_id)
    codes = StreamCodes(environment, hts_id=secret, real_quotes=real_quotes)
    return {method.name: method for method in StreamMethods(codes).methods()}


def asked(method: str, methods: dict[str, Method[Any]] | None = None, /, **arguments: Any) -> StreamRequest:
    """What a task asks for, as the worker finds out."""
    found = (methods or declared())[method]
    assert found.stream is not None
    return found.stream(found.parameters.model_validate(arguments))


def registrations(request: StreamRequest) -> list[tuple[str, str]]:
    return [(wanted.registration.code, wanted.registration.symbol) for wanted in request.wanted]


@pytest.mark.parametrize(
    ("method", "arguments", "code", "key"),
    [
        ("realtime-price", {}, "H0STCNT0", "005930"),
        ("realtime-price", {"venue": "KRX"}, "H0STCNT0", "005930"),
        ("realtime-price", {"venue": "NXT"}, "H0NXCNT0", "005930"),
        ("realtime-price", {"venue": "UNIFIED"}, "H0UNCNT0", "005930"),
        ("realtime-price", {"ticker": "Q500001"}, "H0STCNT0", "Q500001"),
        ("realtime-price", {"ticker": "00499K"}, "H0STCNT0", "00499K"),
        ("order-book", {}, "H0STASP0", "005930"),
        ("order-book", {"venue": "NXT"}, "H0NXASP0", "005930"),
        ("order-book", {"venue": "UNIFIED"}, "H0UNASP0", "005930"),
    ],
)
def test_keys_of_domestic_stocks(method: str, arguments: dict[str, str], code: str, key: str) -> None:
    for verb in ("subscribe", "unsubscribe"):
        request = asked(f"kis.{verb}-{method}", **DOMESTIC | arguments)
        assert registrations(request) == [(code, key)]
        assert (request.action, request.family) == (verb, f"kis.{method}")
        assert request.wanted[0].ticker == key


@pytest.mark.parametrize(
    ("arguments", "price", "book"),
    [
        (("AAPL", "NASD"), "DNASAAPL", "HDFSASP0"),
        (("AAPL", "NAS"), "DNASAAPL", "HDFSASP0"),
        (("IBM", "NYSE"), "DNYSIBM", "HDFSASP0"),
        (("IBM", "NYS"), "DNYSIBM", "HDFSASP0"),
        (("SPY", "AMEX"), "DAMSSPY", "HDFSASP0"),
        (("SPY", "AMS"), "DAMSSPY", "HDFSASP0"),
        (("BRK/B", "NYSE"), "DNYSBRK/B", "HDFSASP0"),
        (("AAPL", "NASD", "day_market"), "RBAQAAPL", "HDFSASP0"),
        (("AAPL", "BAQ"), "RBAQAAPL", "HDFSASP0"),
        (("AAPL", "BAQ", "day_market"), "RBAQAAPL", "HDFSASP0"),
        (("IBM", "NYSE", "day_market"), "RBAYIBM", "HDFSASP0"),
        (("IBM", "BAY"), "RBAYIBM", "HDFSASP0"),
        (("SPY", "AMEX", "day_market"), "RBAASPY", "HDFSASP0"),
        (("SPY", "BAA"), "RBAASPY", "HDFSASP0"),
        (("00003", "SEHK"), "DHKS00003", "HDFSASP1"),
        (("00003", "HKS"), "DHKS00003", "HDFSASP1"),
        (("00003", "SEHK", "paid"), "RHKS00003", "HDFSASP0"),
        (("7203", "TKSE"), "DTSE7203", "HDFSASP1"),
        (("7203", "TSE", "paid"), "RTSE7203", "HDFSASP0"),
        (("600519", "SHAA"), "DSHS600519", "HDFSASP1"),
        (("600519", "SHS", "paid"), "RSHS600519", "HDFSASP0"),
        (("000001", "SZAA"), "DSZS000001", "HDFSASP1"),
        (("000001", "SZS", "paid"), "RSZS000001", "HDFSASP0"),
        (("VNM", "VNSE"), "DHSXVNM", "HDFSASP1"),
        (("VNM", "HSX", "paid"), "RHSXVNM", "HDFSASP0"),
        (("SHS", "HASE"), "DHNXSHS", "HDFSASP1"),
        (("SHS", "HNX", "paid"), "RHNXSHS", "HDFSASP0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_keys_of_overseas_stocks(arguments: tuple[str, ...], price: str, book: str) -> None:
    ticker, exchange, *flags = arguments
    named = {"ticker": ticker, "exchange": exchange, **dict.fromkeys(flags, True)}
    for verb in ("subscribe", "unsubscribe"):
        request = asked(f"kis.{verb}-overseas-price", **named)
        assert registrations(request) == [("HDFSCNT0", price)]
        assert (request.action, request.wanted[0].ticker) == (verb, ticker)
        assert registrations(asked(f"kis.{verb}-overseas-order-book", **named)) == [(book, price)]
    # The vendor's own form takes what the others make.
    assert registrations(asked("kis.subscribe", tr_id=book, tr_key=price)) == [(book, price)]
    assert registrations(asked("kis.subscribe", tr_id="HDFSCNT0", tr_key=price)) == [("HDFSCNT0", price)]


@pytest.mark.parametrize(
    ("environment", "codes"),
    [("real", ["H0STCNI0", "H0GSCNI0"]), ("paper", ["H0STCNI9", "H0GSCNI9"])],
)
def test_executions_are_those_of_the_environment(environment: KisEnvironment, codes: list[str]) -> None:
    methods = declared(environment)
    request = asked("kis.subscribe-executions", methods)
    assert registrations(request) == [(code, HTS_ID) for code in codes]
    assert [wanted.ticker for wanted in request.wanted] == [None, None]
    assert not request.snapshot
    for market, code in zip(("domestic", "overseas"), codes, strict=True):
        for verb in ("subscribe", "unsubscribe"):
            one = asked(f"kis.{verb}-executions", methods, market=market)
            assert registrations(one) == [(code, HTS_ID)]


def test_every_documented_tr_is_taken_with_a_key_of_its_kind() -> None:
    assert set(stream_trs()) == set(realtime_trs())
    for code, tr in stream_trs().items():
        if tr.key == "notice":
            continue
        key = "DHKS00003" if code == "HDFSASP1" else KEYS[tr.key]
        request = asked("kis.subscribe", tr_id=code.lower(), tr_key=key)
        assert registrations(request) == [(code, key)]
        assert (request.vendor_form, request.polling, request.snapshot) == (True, False, False)


def test_the_table_of_names_knows_the_same_notices_as_that_of_records() -> None:
    assert all(tr.encrypted == is_notice(code) for code, tr in realtime_trs().items())


def test_options_reach_the_request() -> None:
    plain = asked("kis.subscribe-realtime-price", **DOMESTIC)
    assert (plain.raw, plain.copies, plain.polling, plain.snapshot) == (False, True, True, True)
    other: dict[str, Any] = {"raw": True, "copies": False, "polling": False, "snapshot": False}
    for method, named in (("order-book", DOMESTIC), ("overseas-price", APPLE)):
        request = asked(f"kis.subscribe-{method}", **named, **other)
        assert (request.raw, request.copies, request.polling, request.snapshot) == (True, False, False, False)
        assert not request.vendor_form
    assert not asked("kis.subscribe-executions", copies=False).copies
    assert not asked("kis.subscribe", tr_id="H0STCNT0", tr_key="005930", copies=False).copies


@pytest.mark.parametrize("hts_id", [None, HTS_ID])
def test_naming_nothing_ends_everything_of_the_family(hts_id: str | None) -> None:
    methods = declared(hts_id=hts_id)
    families = set()
    for name, method in methods.items():
        if name.startswith("kis.unsubscribe"):
            request = asked(name, methods)
            assert (request.action, request.wanted) == ("unsubscribe", ())
            start = methods[name.replace("unsubscribe", "subscribe")]
            assert start.stream is not None
            if hts_id is not None:
                subscribed = start.stream(start.parameters.model_validate(start.example))
                assert subscribed.family == request.family
                assert method.example is not None
                assert asked(name, methods, **method.example).family == request.family
            families.add(request.family)
    assert len(families) == 6


@pytest.mark.parametrize("exchange", ["nasd", "nas", "Nasd"])
def test_overseas_names_may_be_written_in_small_letters(exchange: str) -> None:
    (wanted,) = asked("kis.subscribe-overseas-price", ticker="aapl", exchange=exchange).wanted
    assert wanted == Wanted(registration=Registration("HDFSCNT0", "DNASAAPL"), ticker="AAPL")


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("kis.subscribe-realtime-price", {"ticker": 5930}, "lose its zeros"),
    ("kis.subscribe-realtime-price", {"ticker": "5930"}, "6-character code"),
    ("kis.subscribe-realtime-price", {**DOMESTIC, "venue": "SOR"}, "venue"),
    ("kis.subscribe-realtime-price", {**DOMESTIC, "speed": 1}, "speed"),
    ("kis.subscribe-realtime-price", {}, "ticker"),
    ("kis.unsubscribe-realtime-price", {"venue": "NXT"}, "nothing without a ticker"),
    ("kis.subscribe-overseas-price", {"ticker": "AAPL"}, "exchange"),
    ("kis.subscribe-overseas-price", {"ticker": "aa pl", "exchange": "NASD"}, "a symbol as text"),
    ("kis.subscribe-overseas-price", {"ticker": "AAPL", "exchange": "NASDAQ"}, "one of NASD, NYSE"),
    ("kis.subscribe-overseas-price", {"ticker": "AAPL", "exchange": ["NASD"]}, "one of NASD, NYSE"),
    ("kis.subscribe-overseas-price", {"ticker": "00003", "exchange": "SEHK", "day_market": True}, "SEHK has"),
    ("kis.subscribe-overseas-order-book", {**APPLE, "paid": True}, "live and free"),
    ("kis.subscribe-overseas-order-book", {"ticker": "AAPL", "exchange": "BAQ", "paid": True}, "free"),
    ("kis.unsubscribe-overseas-price", {"ticker": "AAPL"}, "both be given"),
    ("kis.unsubscribe-overseas-price", {"exchange": "NASD"}, "both be given"),
    ("kis.unsubscribe-overseas-price", {"day_market": True}, "both be given"),
    ("kis.subscribe-executions", {"market": "futures"}, "market"),
    ("kis.subscribe", {"tr_key": "005930"}, "tr_id"),
    ("kis.unsubscribe", {"tr_key": "005930"}, "nothing without a tr_id"),
]


@pytest.mark.parametrize(("method", "arguments", "text"), REFUSED)
def test_parameters_that_say_nothing_are_refused(method: str, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(text)):
        declared()[method].parameters.model_validate(arguments)


@pytest.mark.parametrize(
    ("tr_id", "tr_key", "text"),
    [
        ("H0STCNT1", "005930", "did you mean H0STCNT0"),
        ("NOTHING", "005930", "KIS has no such real-time TR"),
        ("H0STCNT0", None, "6-character code"),
        ("H0STCNT0", "5930", "6-character code"),
        ("H0STCNT0", "005930\n", "6-character code"),
        ("H0UPCNT0", "005930", "4 digits"),
        ("HDFSCNT0", "AAPL", "DNASAAPL"),
        ("HDFSCNT0", "DXXXAAPL", "none of KIS's keys"),
        ("HDFSCNT0", "DBAQAAPL", "none of KIS's keys"),
        ("HDFSCNT0", "RNASAAPL", "none of KIS's keys"),
        ("HDFSASP0", "DHKS00003", "is HDFSASP1, not HDFSASP0"),
        ("HDFSASP1", "DNASAAPL", "is HDFSASP0, not HDFSASP1"),
        ("HDFSASP1", "RHKS00003", "is HDFSASP0, not HDFSASP1"),
        ("H0BJCNT0", "KR2033022D3", "12-character"),
        ("H0IFCNT0", "101 S12", "without blanks"),
        ("H0IFCNT0", "101^S12", "without blanks"),
    ],
)
def test_a_tr_and_a_key_that_do_not_belong_together(tr_id: str, tr_key: str | None, text: str) -> None:
    with pytest.raises(InvalidParameters, match=re.escape(text)):
        asked("kis.subscribe", tr_id=tr_id, tr_key=tr_key)


class TestOnPaper:
    """Paper trading sends five TRs."""

    PAPER = ("H0STCNT0", "H0STASP0", "H0STCNI9", "H0GSCNI9", "H0IFCNI9")

    def test_what_it_sends_is_taken(self) -> None:
        methods = declared("paper")
        for code in self.PAPER:
            key = None if code.endswith("9") else "005930"
            assert asked("kis.subscribe", methods, tr_id=code, tr_key=key).wanted[0].registration.code == code
        assert asked("kis.subscribe-realtime-price", methods, **DOMESTIC).wanted

    @pytest.mark.parametrize(
        ("method", "arguments"),
        [
            ("kis.subscribe-realtime-price", {**DOMESTIC, "venue": "NXT"}),
            ("kis.subscribe-order-book", {**DOMESTIC, "venue": "UNIFIED"}),
            ("kis.subscribe-overseas-price", APPLE),
            ("kis.subscribe-overseas-order-book", APPLE),
            ("kis.subscribe", {"tr_id": "H0UPCNT0", "tr_key": "0001"}),
        ],
    )
    def test_the_rest_needs_a_real_key(self, method: str, arguments: dict[str, Any]) -> None:
        with pytest.raises(Unsupported, match="KIS_ENVIRONMENT=real, or one for quotes in ACCOUNTS_FILE"):
            asked(method, declared("paper"), **arguments)
        assert asked(method, declared("paper", real_quotes=True), **arguments).wanted
        # Whatever was subscribed once can be ended.
        assert asked(method.replace("subscribe", "unsubscribe"), declared("paper"), **arguments).wanted

    def test_notices_follow_the_account_and_not_the_key_of_quotes(self) -> None:
        methods = declared("paper", real_quotes=True)
        assert registrations(asked("kis.subscribe-executions", methods))[0][0] == "H0STCNI9"
        with pytest.raises(Unsupported, match="real accounts only; the one of this account is H0STCNI9"):
            asked("kis.subscribe", methods, tr_id="H0STCNI0")
        with pytest.raises(Unsupported, match=r"H0MFCNI0 to real accounts only$"):
            asked("kis.subscribe", methods, tr_id="H0MFCNI0")

    def test_real_accounts_get_no_paper_notices(self) -> None:
        with pytest.raises(Unsupported, match="paper accounts only; the one of this account is H0GSCNI0"):
            asked("kis.subscribe", tr_id="H0GSCNI9")


class TestHtsId:
    """It is personal: it goes to KIS and nowhere else."""

    def test_a_missing_one_is_named_by_its_setting(self) -> None:
        methods = declared(hts_id=None)
        for method, arguments in (
            ("kis.subscribe-executions", {}),
            ("kis.unsubscribe-executions", {"market": "domestic"}),
            ("kis.subscribe", {"tr_id": "H0STCNI0"}),
            ("kis.subscribe", {"tr_id": "H0STCNI0", "tr_key": HTS_ID}),
        ):
            with pytest.raises(AuthenticationFailed, match="set KIS_HTS_ID") as caught:
                asked(method, methods, **arguments)
            assert HTS_ID not in f"{caught.value} {caught.value!r}"

    @pytest.mark.parametrize("given", [None, HTS_ID])
    def test_notices_may_be_asked_for_with_or_without_it(self, given: str | None) -> None:
        request = asked("kis.subscribe", tr_id="h0stcni0", tr_key=given)
        assert registrations(request) == [("H0STCNI0", HTS_ID)]
        assert request.wanted[0].ticker is None

    @pytest.mark.parametrize("given", ["Somebody", HTS_ID.lower()])
    def test_nobody_elses_notices(self, given: str) -> None:
        with pytest.raises(InvalidParameters, match="leave it out") as caught:
            asked("kis.subscribe", tr_id="H0STCNI0", tr_key=given)
        assert HTS_ID not in str(caught.value)
        assert given not in str(caught.value)

    def test_it_is_in_no_repr(self) -> None:
        methods = declared()
        given = {"tr_id": "H0STCNI0", "tr_key": HTS_ID}
        parameters = methods["kis.subscribe"].parameters
        shown = [
            asked("kis.subscribe-executions"),
            asked("kis.subscribe", **given),
            asked("kis.unsubscribe", **given),
            parameters.model_validate(given),
            methods["kis.unsubscribe"].parameters.model_validate(given),
        ]
        assert HTS_ID not in repr(shown)
        assert HTS_ID not in repr(methods)

    def test_it_is_still_text_for_everything_else(self) -> None:
        (wanted, _) = asked("kis.subscribe-executions").wanted
        assert wanted.registration == Registration("H0STCNI0", HTS_ID)
        assert hash(wanted.registration) == hash(Registration("H0STCNI0", HTS_ID))
        assert orjson.loads(orjson.dumps({"tr_key": wanted.registration.symbol})) == {"tr_key": HTS_ID}


def test_the_vendor_declares_them(tmp_path: Path) -> None:
    vendor = make_bench(tmp_path).vendor
    found = [method for method in vendor.methods() if method.kind == "stream"]
    assert len(found) == 12
    for method in found:
        assert (method.lane, method.vendor) == (Lane.STREAM, "kis")
        assert method.stream is not None
        properties = method.parameters.model_json_schema()["properties"]
        assert all(entry.get("description") for entry in properties.values()), method.name


@pytest.mark.parametrize(
    ("venue", "currency"), [("KRX", "KRW"), ("NXT", "KRW"), ("NASD", "USD"), ("TKSE", "JPY"), (None, "KRW")]
)
def test_a_recovered_fill_is_in_the_currency_of_its_exchange(
    tmp_path: Path, venue: str | None, currency: str
) -> None:
    order = ListedOrder(
        order_no="0000001",
        original=None,
        action="new",
        ticker="AAPL",
        side="buy",
        quantity=10,
        price=None,
        order_type=None,
        venue=venue,
        received_at=None,
        filled=7,
        remaining=3,
        average_price=None,
        cancelled=None,
        status=Status.PARTIALLY_FILLED,
    )
    streams = make_bench(tmp_path).vendor.streams
    assert streams is not None
    made = streams.recovered_execution(Registration("H0GSCNI0", HTS_ID), order, 7, Decimal("180.10"))
    event = made.event()
    assert (event["vendor"], event["venue"], event["currency"]) == ("kis", venue, currency)
    assert HTS_ID not in (made.channel, made.subject)
