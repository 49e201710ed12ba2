"""Look-ups, the check, and the status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from broker_client.errors import InvalidParameters, VendorRejected, VendorUnavailable
from broker_server.core.methods import Lane
from broker_server.vendors.kis.errors import VENDOR as KIS
from broker_server.vendors.kiwoom.backend import Listing
from broker_server.vendors.kiwoom.rest.config import RestConfig
from broker_server.vendors.kiwoom.trs import OPEN_ORDERS, trs
from tests.support.kis_server import reply
from tests.support.kiwoom_rest import (
    CODES,
    DAY_CANDLES,
    DAY_CHART,
    INPUTS,
    NAME,
    TOKEN,
    Bench,
    make_bench,
    make_config,
    ok,
    refusal,
)

STATE = "증거금20%|담보대출|신용가능"
SAMSUNG = ok(code="005930", name="삼성전자", state=STATE)
UNKNOWN = refusal(2, "[1902:종목 정보가 없습니다]")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def test_name_and_state(bench: Bench) -> None:
    bench.kiwoom.on(NAME, SAMSUNG)
    assert bench.backend.stock_name("005930", bench.context()) == "삼성전자"
    assert bench.backend.stock_state("005930", bench.context()) == STATE


@pytest.mark.parametrize("answer", [UNKNOWN, refusal("1903", "종목"), ok(code="", name=" ", state="")])
def test_an_unknown_code_is_none(bench: Bench, answer: Any) -> None:
    bench.kiwoom.on(NAME, answer)
    assert bench.backend.stock_name("999999", bench.context()) is None
    assert bench.backend.stock_state("999999", bench.context()) is None


def test_a_listing(bench: Bench) -> None:
    bench.kiwoom.on(
        NAME,
        ok(code="005930", name="삼성전자", state=STATE, marketCode="0", regDay="19750611", nxtEnable="Y"),
    )
    found = bench.backend.listing("005930", bench.context())
    assert found == Listing(state=STATE, market="0", listed_on="19750611", on_nxt="Y")
    bench.kiwoom.on(NAME, UNKNOWN)
    assert bench.backend.listing("999999", bench.context()) is None


def test_a_state_may_be_empty(bench: Bench) -> None:
    bench.kiwoom.on(NAME, ok(code="005930", name="삼성전자", state=""))
    assert bench.backend.stock_state("005930", bench.context()) == ""


def test_other_refusals_are_errors(bench: Bench) -> None:
    bench.kiwoom.on(NAME, refusal(1, "[1505:API ID]"))
    with pytest.raises(VendorRejected):
        bench.backend.stock_name("005930", bench.context())


def test_codes_of_all_pages_in_order_and_once(bench: Bench) -> None:
    bench.kiwoom.on(
        CODES,
        ok(list=[{"code": "000020"}, {"code": "0156T0"}], more="2"),
        ok(list=[{"code": "0156T0"}, {"code": "005930 "}, {"code": ""}], more="3"),
        ok(list=[]),
    )
    assert bench.backend.stock_codes("0", bench.context()) == ["000020", "0156T0", "005930"]
    assert [call.headers.get("next-key") for call in bench.kiwoom.calls(CODES)] == [None, "2", "3"]
    assert bench.progress == [(1, None), (2, None), (3, None)]


def test_an_unknown_market_is_an_error_and_an_empty_one_is_all(bench: Bench) -> None:
    unknown = refusal(2, "[1901:시장 코드값이 존재하지 않습니다]")
    bench.kiwoom.on(CODES, unknown)
    with pytest.raises(InvalidParameters):
        bench.backend.stock_codes("999", bench.context())
    bench.kiwoom.on(CODES, ok(list=[{"code": "000020"}]), unknown, ok(list=[{"code": "57JBDW"}]))
    assert bench.backend.stock_codes("", bench.context()) == ["000020", "57JBDW"]
    asked = [json.loads(call.body or b"")["mrkt_tp"] for call in bench.kiwoom.calls(CODES)]
    assert asked == ["999", "0", "3", "4", "5", "6", "8", "9", "10", "30", "50"]


def test_an_empty_code_is_unknown(bench: Bench) -> None:
    assert bench.backend.stock_name(" ", bench.context()) is None
    assert bench.kiwoom.calls(NAME) == []


def test_half_a_list_is_an_error(bench: Bench) -> None:
    bench.kiwoom.on(CODES, ok(list=[{"code": "000020"}], more="2"), refusal(20, "x"))
    with pytest.raises(VendorRejected):
        bench.backend.stock_codes("0", bench.context())


def test_a_page_that_leads_to_itself_ends(bench: Bench) -> None:
    bench.kiwoom.on(CODES, ok(list=[{"code": "000020"}], more="same"))
    with pytest.raises(VendorUnavailable, match="again and again"):
        bench.backend.stock_codes("0", bench.context())
    assert len(bench.kiwoom.calls(CODES)) == 2


NO_KEY = reply({"list": [{"code": "000020"}], "return_code": 0}, headers={"cont-yn": "Y", "next-key": " "})


def test_a_list_that_goes_on_without_a_key_is_no_whole_list(bench: Bench) -> None:
    bench.kiwoom.on(CODES, NO_KEY)
    with pytest.raises(VendorUnavailable, match="another page"):
        bench.backend.stock_codes("0", bench.context())
    bench.kiwoom.on(DAY_CHART, NO_KEY)
    with pytest.raises(VendorUnavailable, match="another page"):
        bench.backend.request(DAY_CANDLES, INPUTS, bench.context(), Lane.BULK)


def test_a_page_of_rows_that_leads_to_itself_ends(bench: Bench) -> None:
    bench.kiwoom.on(DAY_CHART, ok(stk_dt_pole_chart_qry=[{"dt": "20261120"}], more="same"))
    page = bench.backend.request(DAY_CANDLES, INPUTS, bench.context(), Lane.BULK)
    with pytest.raises(VendorUnavailable, match="again and again"):
        bench.backend.request(DAY_CANDLES, INPUTS, bench.context(), Lane.BULK, after=page.more)


def test_a_list_that_is_refused_because_nothing_is_in_it_is_empty(bench: Bench) -> None:
    nothing = refusal(20, "[2000](571758:해당 계좌의 미체결내역이 없습니다.)")
    bench.kiwoom.on("ka10075", nothing, refusal(20, "[2000](571489:장이 열리지 않는 날입니다.)"), nothing)
    tr, inputs = trs()[OPEN_ORDERS], {"scope": "0", "side": "0", "stock_code": ""}
    page = bench.backend.request(tr, inputs, bench.context(), Lane.ACCOUNT)
    assert (page.rows, page.more) == ([], None)
    with pytest.raises(VendorRejected):
        bench.backend.request(tr, inputs, bench.context(), Lane.ACCOUNT)
    with pytest.raises(VendorRejected):  # of a later page it would end a list in the middle
        bench.backend.request(tr, inputs, bench.context(), Lane.ACCOUNT, after="2")


def test_what_is_told_once_is_in_the_first_row_as_the_control_has_it(bench: Bench) -> None:
    rows = [{"dt": "20261120", "cur_prc": "1"}, {"dt": "20261119", "cur_prc": "2"}]
    bench.kiwoom.on(DAY_CHART, ok(stk_cd="005930", stk_dt_pole_chart_qry=rows))
    tr = trs()["request-day-candle"]
    inputs = {"stock_code": "005930", "to": "20261120", "is_adjusted": "1"}
    page = bench.backend.request(tr, inputs, bench.context(), Lane.BULK)
    assert [row["stock_code"] for row in page.rows] == ["005930", ""]


def test_the_check_passes(bench: Bench) -> None:
    bench.kiwoom.on(NAME, SAMSUNG)
    bench.kiwoom.on("ka00001", ok(acctNo="1234567811"))
    results = bench.backend.check(bench.context())
    assert [(result.item, result.passed) for result in results] == [
        ("kiwoom token cache", True),
        ("kiwoom token", True),
        ("kiwoom quote", True),
        ("kiwoom account", True),
    ]
    assert "12345678" not in str(results)


def test_the_check_tells_a_key_of_another_account(bench: Bench) -> None:
    bench.kiwoom.on(NAME, SAMSUNG)
    bench.kiwoom.on("ka00001", ok(acctNo="8765432111"))
    result = bench.backend.check(bench.context())[-1]
    assert not result.passed
    assert "KIWOOM_ACCOUNT" in result.detail
    assert "87654321" not in result.detail


def test_the_check_ends_without_a_token(bench: Bench) -> None:
    bench.kiwoom.on(TOKEN, refusal(3, "[8001:key]"))
    assert [result.passed for result in bench.backend.check(bench.context())] == [True, False]


def test_the_status_says_where_an_order_would_go(bench: Bench, tmp_path: Path) -> None:
    status = bench.backend.status()
    assert (status["backend"], status["server"], status["orders"]) == ("rest", "simulator", "simulator")
    assert status["token"]["state"] == "none"
    assert status["order_rate_limit"]["limit_per_second"] == 5
    assert not bench.backend.live
    assert KIS not in str(status)


@pytest.mark.parametrize(
    ("settings", "live"),
    [
        ({"environment": "real", "simulated": False, "rest_url": None}, True),
        ({"environment": "paper", "simulated": False, "rest_url": None}, False),
        ({"environment": "real", "simulated": True}, False),
    ],
)
def test_orders_are_live_only_on_the_real_server(
    tmp_path: Path, settings: dict[str, Any], live: bool
) -> None:
    assert make_config(tmp_path, **settings).live is live
    assert make_bench(tmp_path, **settings).backend.live is live


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rest_url": "ftp://x"}, "KIWOOM_REST_URL"),
        ({"rest_url": "https://api.kiwoom.com"}, "not a simulator"),
        ({"simulated": False, "rest_url": "https://mockapi.kiwoom.com"}, "KIWOOM_ENVIRONMENT is real"),
        ({"simulated": False, "rest_url": "http://example.com"}, "must be https"),
        ({"ws_url": "http://x"}, "KIWOOM_WS_URL"),
        ({"ws_url": "wss://api.kiwoom.com:10000"}, "not a simulator"),
        (
            {"simulated": False, "rest_url": None, "ws_url": "wss://mockapi.kiwoom.com:10000"},
            "KIWOOM_ENVIRONMENT is real",
        ),
        ({"account": "12-ab"}, "KIWOOM_ACCOUNT"),
        ({"rate_limit": 0}, "KIWOOM_RATE_LIMIT"),
        ({"ws_max_registrations": 201}, "KIWOOM_WS_MAX_REGISTRATIONS"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_config(tmp_path, **settings)


def test_addresses(tmp_path: Path) -> None:
    real: RestConfig = make_config(tmp_path, simulated=False, rest_url=None)
    assert real.base_url == "https://api.kiwoom.com"
    assert real.live_url == "wss://api.kiwoom.com:10000/api/dostk/websocket"
    assert make_config(tmp_path).live_url is None
    assert make_config(tmp_path, ws_url="ws://127.0.0.1:5/x").live_url == "ws://127.0.0.1:5/x"
    assert make_config(tmp_path, environment="paper").queries_of_one_kind == 1
