"""Orders of the simulated Kiwoom: taken, changed, refused, and seen in the queries of the account."""

from __future__ import annotations

import pytest

BUY, SELL, MODIFY, CANCEL = "kt10000", "kt10001", "kt10002", "kt10003"
OPEN = {"all_stk_tp": "0", "trde_tp": "0", "stk_cd": "", "stex_tp": "0"}
EXECUTED = {"stk_cd": "", "qry_tp": "0", "sell_tp": "0", "ord_no": "", "stex_tp": "0"}
DAY = {"qry_tp": "1", "stk_bond_tp": "0", "sell_tp": "0", "dmst_stex_tp": "%"}
BALANCE = {"qry_tp": "1", "dmst_stex_tp": "KRX"}


async def low_price(kiwoom) -> int:
    """A price that nothing is filled at."""
    return int((await kiwoom.control("GET", "/market?ticker=005930"))["lower_limit"])


async def resting(kiwoom, environment="real", **changes) -> str:
    price = str(await low_price(kiwoom))
    answer = await kiwoom.order(environment=environment, trde_tp="0", ord_uv=price, **changes)
    assert answer.body["return_code"] == 0, answer.message
    return answer.body["ord_no"]


async def test_a_market_order_is_filled_and_shows_everywhere(kiwoom):
    taken = (await kiwoom.order()).body
    assert len(taken["ord_no"]) == 7
    assert taken["dmst_stex_tp"] == "KRX"
    (row,) = (await kiwoom.call("ka10076", **EXECUTED)).body["cntr"]
    assert (row["ord_no"], row["io_tp_nm"], row["trde_tp"]) == (taken["ord_no"], "+매수", "시장가")
    assert (row["ord_stt"], row["cntr_qty"], row["oso_qty"], row["stk_cd"]) == ("체결", "10", "0", "005930")
    balance = (await kiwoom.call("kt00018", **BALANCE)).body
    (held,) = balance["acnt_evlt_remn_indv_tot"]
    assert (held["stk_cd"], held["rmnd_qty"]) == ("A005930", "000000000000010")
    assert int(held["pur_amt"]) == int(row["cntr_pric"]) * 10
    assert held["evltv_prft"].startswith("-00000000")
    (told,) = await kiwoom.control("GET", "/orders")
    assert (told["vendor"], told["order_no"], told["state"]) == ("kiwoom", taken["ord_no"], "filled")
    (of_day,) = (await kiwoom.call("kt00007", **DAY)).body["acnt_ord_cntr_prps_dtl"]
    assert of_day["ord_qty"] == of_day["cntr_qty"] == "0000000010"
    assert of_day["ord_tm"] == "10:00:00"


async def test_a_resting_order_is_modified_then_cancelled_in_part_and_whole(kiwoom):
    first = await resting(kiwoom)
    price = str(await low_price(kiwoom) + 100)
    changed = await kiwoom.call(
        MODIFY, dmst_stex_tp="KRX", orig_ord_no=first, stk_cd="005930", mdfy_qty="10", mdfy_uv=price
    )
    assert changed.body["base_orig_ord_no"] == first
    assert changed.body["mdfy_qty"] == "000000000010"
    second = changed.body["ord_no"]
    (row,) = (await kiwoom.call("ka10075", **OPEN)).body["oso"]
    assert (row["ord_no"], row["orig_ord_no"], row["ord_pric"]) == (second, first, price)
    assert row["io_tp_nm"] == "+매수정정"
    body = {"dmst_stex_tp": "KRX", "orig_ord_no": second, "stk_cd": "005930"}
    part = (await kiwoom.call(CANCEL, cncl_qty="4", **body)).body
    assert (part["cncl_qty"], part["base_orig_ord_no"]) == ("000000000004", first)
    (row,) = (await kiwoom.call("ka10075", **OPEN)).body["oso"]
    assert row["oso_qty"] == "6"
    rest = (await kiwoom.call(CANCEL, cncl_qty="0", **body)).body
    assert rest["cncl_qty"] == "000000000006"
    assert (await kiwoom.call("ka10075", **OPEN)).body["oso"] == []
    gone = await kiwoom.call(CANCEL, cncl_qty="0", **body)
    assert gone.body["return_code"] == 20
    assert gone.message == "[2000](506550:취소할 수량이 없습니다)"


async def test_accounts_of_other_keys_and_vendors_are_apart(kiwoom):
    await resting(kiwoom)
    assert (await kiwoom.call("ka10075", environment="mock", **OPEN)).body["oso"] == []
    number = await resting(kiwoom, "mock")
    refused = await kiwoom.call(
        CANCEL, dmst_stex_tp="KRX", orig_ord_no=number, stk_cd="005930", cncl_qty="0", environment="real"
    )
    assert refused.body["return_code"] == 20


@pytest.mark.parametrize(
    ("changes", "real", "mock"),
    [
        ({"trde_tp": "0", "ord_uv": "70001"}, "571557", "RC4003"),
        ({"trde_tp": "0", "ord_uv": "700000"}, "571558", "RC4027"),
        ({"trde_tp": "0", "ord_uv": ""}, "571557", "RC4003"),
        ({"ord_qty": "0"}, "571556", "RC4002"),
        ({"ord_qty": "99999999"}, "855056", "RC4025"),
        ({"stk_cd": "999999"}, "571020", "RC4005"),
        ({"trde_tp": "62"}, "571560", "RC4006"),
    ],
)
async def test_refusals(kiwoom, changes, real, mock):
    for environment, code in (("real", real), ("mock", mock)):
        answer = await kiwoom.order(environment=environment, **changes)
        assert (answer.status, answer.body["return_code"]) == (200, 20)
        assert answer.message.startswith(f"[2000]({code}:")
        assert "ord_no" not in answer.body
    assert await kiwoom.control("GET", "/orders") == []


async def test_selling_what_is_not_held_is_refused(kiwoom):
    assert "(800033:" in (await kiwoom.order(SELL)).message


async def test_mock_offers_krx_limit_and_market_alone(kiwoom):
    assert "(RC4009:" in (await kiwoom.order(environment="mock", dmst_stex_tp="SOR")).message
    assert "(RC4006:" in (await kiwoom.order(environment="mock", trde_tp="6")).message
    assert (await kiwoom.order(dmst_stex_tp="SOR", trde_tp="6")).body["return_code"] == 0
    (row,) = (await kiwoom.call("ka10076", **EXECUTED)).body["cntr"]
    assert (row["sor_yn"], row["stex_tp"]) == ("Y", "0")
    padded = await kiwoom.order(trde_tp="03")
    assert "[1517:" in padded.message


async def test_a_change_names_the_orders_own_venue_and_code(kiwoom):
    number = await resting(kiwoom)
    body = {"orig_ord_no": number, "stk_cd": "005930", "cncl_qty": "0", "dmst_stex_tp": "SOR"}
    assert "(571412:" in (await kiwoom.call(CANCEL, **body)).message
    body |= {"stk_cd": "000660", "dmst_stex_tp": "KRX"}
    assert "(571430:" in (await kiwoom.call(CANCEL, **body)).message


async def test_closed_hours(kiwoom):
    kiwoom.simulators.market.hours = True
    for clock, code in (("2026-11-23T07:00:00+09:00", "RC4057"), ("2026-11-23T21:00:00+09:00", "RC4058")):
        await kiwoom.control("POST", "/clock", {"set": clock})
        kiwoom.tokens.clear()
        assert f"({code}:" in (await kiwoom.order(environment="mock")).message


async def test_money_is_padded_and_settles_later(kiwoom):
    await kiwoom.order()
    body = (await kiwoom.call("kt00001", qry_tp="2")).body
    assert body["entr"] == "000010000000000"
    assert int(body["d2_entra"]) < int(body["entr"])
    assert body["20stk_ord_alow_amt"] > body["100stk_ord_alow_amt"] == body["ord_alow_amt"]


async def test_history_pages(kiwoom):
    for _ in range(23):
        await kiwoom.order(BUY, ord_qty="1")
    first = await kiwoom.call("kt00007", **DAY)
    second = await kiwoom.call("kt00007", next_key=first.headers["next-key"], **DAY)
    numbers = [row["ord_no"] for page in (first, second) for row in page.body["acnt_ord_cntr_prps_dtl"]]
    assert len(first.body["acnt_ord_cntr_prps_dtl"]) == 20
    assert len(set(numbers)) == 23
    assert numbers == sorted(numbers)
    assert second.headers["cont-yn"] == "N"
