"""Orders through the published API, and what the control server says of them."""

from __future__ import annotations

import pytest

from tests.support.simulated_orders import CANCEL, HISTORY, US_ORDER, hold_price, orders

BALANCE = {
    "AFHR_FLPR_YN": "N",
    "INQR_DVSN": "02",
    "UNPR_DVSN": "01",
    "FUND_STTL_ICLD_YN": "N",
    "FNCG_AMT_AUTO_RDPT_YN": "N",
    "PRCS_DVSN": "00",
}


@pytest.mark.parametrize(
    ("tr_id", "side"),
    [
        ("TTTC0012U", "buy"),
        ("TTTC0802U", "buy"),
        ("VTTC0012U", "buy"),
        ("VTTC0802U", "buy"),
        ("TTTC0011U", "sell"),
        ("TTTC0801U", "sell"),
        ("VTTC0011U", "sell"),
        ("VTTC0801U", "sell"),
    ],
)
async def test_current_and_older_tr_ids_name_the_side(kis, tr_id, side):
    if side == "sell":
        await kis.order("VTTC0012U" if tr_id.startswith("V") else "TTTC0012U")
    answer = await kis.order(tr_id)
    assert answer.body["rt_cd"] == "0"
    assert set(answer.body["output"]) == {"KRX_FWDG_ORD_ORGNO", "ODNO", "ORD_TMD"}
    assert len(answer.body["output"]["ODNO"]) == 10
    assert (await orders(kis))[-1]["side"] == side


async def test_control_lists_orders_with_the_agreed_keys(kis):
    number = (await kis.order()).body["output"]["ODNO"]
    (order,) = await orders(kis)
    keys = "vendor account market date order_no ticker side quantity price time filled_quantity state"
    assert set(order) == set(keys.split())
    assert (order["vendor"], order["account"], order["order_no"]) == ("kis", "12345678-01", number)
    assert (order["quantity"], order["filled_quantity"], order["state"]) == (10, 10, "filled")
    assert (order["market"], order["date"]) == ("domestic", "2026-11-20")
    assert order["time"] == "2026-11-20T10:00:00+09:00"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"PDNO": "999999"}, "APBK0656"),
        ({"PDNO": "091990"}, "APBK0918"),
        ({"ORD_QTY": "0"}, "APBK1234"),
        ({"ORD_DVSN": "00", "ORD_UNPR": "70001"}, "APBK0506"),
        ({"ORD_DVSN": "00", "ORD_UNPR": "900000"}, "APBK0506"),
        ({"ORD_DVSN": "00", "ORD_UNPR": "0"}, "APBK0506"),
        ({"ORD_QTY": "100000000"}, "APBK0952"),
        ({"ORD_DVSN": "05", "ORD_UNPR": "70000"}, "APBK0919"),
        ({"ORD_DVSN": "07", "ORD_UNPR": "70000"}, "APBK0919"),
        ({"ORD_DVSN": "01", "EXCG_ID_DVSN_CD": "NXT"}, "APBK1943"),
        ({"ORD_DVSN": "99"}, "OPSQ2001"),
        ({"EXCG_ID_DVSN_CD": "LSE"}, "OPSQ2001"),
        ({"ORD_QTY": "ten"}, "OPSQ2001"),
        ({"ACNT_PRDT_CD": "03"}, "OPSQ2000"),
        ({"CANO": "11112222"}, "OPSQ2000"),
    ],
)
async def test_refused_order_is_not_booked(kis, changes, code):
    answer = await kis.order(**changes)
    assert (answer.status, answer.code) == (200, code)
    assert answer.body["rt_cd"] != "0"
    assert await orders(kis) == []


async def test_selling_what_is_not_held_is_refused(kis):
    assert (await kis.order("TTTC0011U")).code == "APBK0400"


async def test_paper_trades_on_krx_alone(kis):
    answer = await kis.order("VTTC0012U", EXCG_ID_DVSN_CD="SOR")
    assert answer.body["rt_cd"] == "7"
    assert (await kis.order("VTTC0802U", EXCG_ID_DVSN_CD="SOR")).body["rt_cd"] == "0", "older ids: no choice"


async def test_resting_order_fills_when_the_price_comes(kis):
    await hold_price(kis, 71000)
    await kis.order(ORD_DVSN="00", ORD_UNPR="70000")
    assert (await orders(kis))[0]["state"] == "working"
    await kis.control("POST", "/clock", {"advance": 30})
    assert (await orders(kis))[0]["state"] == "working"
    await hold_price(kis, 70000)
    await kis.control("POST", "/clock", {"advance": 30})
    assert (await orders(kis))[0]["state"] == "filled"


async def test_thin_market_fills_in_parts(kis):
    await hold_price(kis, 71000, liquidity=3)
    await kis.order(ORD_DVSN="00", ORD_UNPR="71000")
    await kis.control("POST", "/clock", {"advance": 1})
    (order,) = await orders(kis)
    assert (order["state"], order["filled_quantity"]) == ("partially_filled", 3)
    await kis.control("POST", "/clock", {"advance": 3})
    assert (await orders(kis))[0]["filled_quantity"] == 10


@pytest.mark.parametrize(
    ("division", "price", "filled"),
    [
        ("11", "71100", 3),
        ("12", "71100", 0),
        ("13", "0", 10),
        ("14", "0", 10),
        ("15", "0", 3),
        ("16", "0", 0),
    ],
)
async def test_ioc_takes_what_is_there_and_fok_all_or_nothing(kis, division, price, filled):
    await hold_price(kis, 71000, liquidity=3)
    assert (await kis.order(ORD_DVSN=division, ORD_UNPR=price)).body["rt_cd"] == "0"
    (order,) = await orders(kis)
    assert order["filled_quantity"] == filled
    assert order["state"] == ("filled" if filled == 10 else "cancelled")


async def test_stop_limit_waits_for_its_trigger(kis):
    await hold_price(kis, 71000)
    stop = {"ORD_DVSN": "22", "ORD_UNPR": "72000", "CNDT_PRIC": "71500"}
    assert (await kis.order(**stop)).body["rt_cd"] == "0"
    await kis.control("POST", "/clock", {"advance": 10})
    assert (await orders(kis))[0]["filled_quantity"] == 0
    await hold_price(kis, 71500)
    await kis.control("POST", "/clock", {"advance": 10})
    assert (await orders(kis))[0]["filled_quantity"] == 10


async def test_modification_and_cancellation_get_new_numbers(kis):
    await hold_price(kis, 71000)
    first = (await kis.order(ORD_DVSN="00", ORD_UNPR="60000")).body["output"]["ODNO"]
    change = {**CANCEL, "RVSE_CNCL_DVSN_CD": "01", "ORD_UNPR": "61000"}
    second = (await kis.call("order_rvsecncl", ORGN_ODNO=first, **change)).body["output"]["ODNO"]
    third = (await kis.call("order_rvsecncl", ORGN_ODNO=second, **CANCEL)).body["output"]["ODNO"]
    assert first < second < third
    rows = (await kis.call("inquire_daily_ccld", **HISTORY)).body["output1"]
    assert [(row["odno"], row["orgn_odno"]) for row in rows] == [
        (first, ""),
        (second, first),
        (third, second),
    ]
    assert [row["cnc_cfrm_qty"] for row in rows] == ["0", "10", "10"]
    assert {row["rmn_qty"] for row in rows} == {"0"}
    assert [order["state"] for order in await orders(kis)] == ["replaced", "cancelled"]


@pytest.mark.parametrize(
    ("changes", "environment", "code"),
    [
        ({"KRX_FWDG_ORD_ORGNO": ""}, "real", "OPSQ2001"),
        ({"KRX_FWDG_ORD_ORGNO": "99999"}, "real", "APBK0344"),
        ({"ORGN_ODNO": "0000000001"}, "real", "APBK0344"),
        ({"QTY_ALL_ORD_YN": "N", "ORD_QTY": "11"}, "real", "APBK1234"),
        ({"EXCG_ID_DVSN_CD": "NXT"}, "real", "APBK1234"),
        ({"RVSE_CNCL_DVSN_CD": "03"}, "real", "OPSQ2001"),
    ],
)
async def test_refused_cancellation_leaves_the_order(kis, changes, environment, code):
    await hold_price(kis, 71000)
    number = (await kis.order(ORD_DVSN="00", ORD_UNPR="60000")).body["output"]["ODNO"]
    answer = await kis.call("order_rvsecncl", **{**CANCEL, "ORGN_ODNO": number, **changes})
    assert answer.code == code
    assert [order["state"] for order in await orders(kis)] == ["working"]


@pytest.mark.parametrize(("tr_id", "code"), [("TTTC0013U", "APBK0346"), ("VTTC0013U", "40330000")])
async def test_cancelling_a_filled_order_says_nothing_is_left(kis, tr_id, code):
    environment = "paper" if tr_id.startswith("V") else "real"
    number = (await kis.order("VTTC0012U" if environment == "paper" else "TTTC0012U")).body["output"]["ODNO"]
    answer = await kis.call("order_rvsecncl", tr_id, environment=environment, ORGN_ODNO=number, **CANCEL)
    assert answer.code == code


async def test_part_cancellation_leaves_the_rest_open(kis):
    await hold_price(kis, 71000)
    number = (await kis.order(ORD_DVSN="00", ORD_UNPR="60000")).body["output"]["ODNO"]
    part = {**CANCEL, "QTY_ALL_ORD_YN": "N", "ORD_QTY": "4"}
    assert (await kis.call("order_rvsecncl", ORGN_ODNO=number, **part)).body["rt_cd"] == "0"
    given = {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0"}
    (row,) = (await kis.call("inquire_psbl_rvsecncl", **given)).body["output"]
    assert (row["odno"], row["psbl_qty"], row["excg_id_dvsn_cd"]) == (number, "6", "KRX")


async def test_history_spells_the_exchange_with_a_capital_c(kis):
    await kis.order()
    (row,) = (await kis.call("inquire_daily_ccld", **HISTORY)).body["output1"]
    assert row["excg_id_dvsn_Cd"] == "KRX"
    assert "excg_id_dvsn_cd" not in row


async def test_history_is_split_at_three_months(kis):
    await kis.order()
    for tr_id, rows in (("TTTC0081R", 1), ("TTTC8001R", 1), ("CTSC9215R", 0), ("CTSC9115R", 0)):
        answer = await kis.call("inquire_daily_ccld", tr_id, **HISTORY)
        assert len(answer.body["output1"]) == rows, tr_id
    kis.simulators.clock.advance(100 * 86400)
    kis.tokens.clear()
    assert (await kis.call("inquire_daily_ccld", "TTTC0081R", **HISTORY)).body["output1"] == []
    assert len((await kis.call("inquire_daily_ccld", "CTSC9215R", **HISTORY)).body["output1"]) == 1


async def read_pages(kis, name, output, environment, **given):
    """Follow tr_cont as the documents say; the keys go back unchanged."""
    pages, conts, keys = [], [], {}
    while True:
        answer = await kis.call(
            name,
            next(
                tr
                for tr in {"inquire_balance": ("TTTC8434R", "VTTC8434R")}.get(
                    name, ("TTTC0081R", "VTTC0081R")
                )
                if tr.startswith("V") == (environment == "paper")
            ),
            environment=environment,
            tr_cont="N" if pages else "",
            **given,
            **keys,
        )
        pages.append(answer.body[output])
        conts.append(answer.headers["tr_cont"])
        keys = {f"CTX_AREA_{n}100": answer.body[f"ctx_area_{n.lower()}100"] for n in ("FK", "NK")}
        assert {len(value) for value in keys.values()} == {100}
        if conts[-1] not in ("F", "M"):
            return pages, conts


@pytest.mark.parametrize(("environment", "size"), [("real", 50), ("paper", 20)])
async def test_balance_pages(kis, environment, size):
    tr_id = "TTTC0012U" if environment == "real" else "VTTC0012U"
    symbols = [
        item.symbol
        for item in kis.simulators.market.instruments
        if item.exchange == "KRX" and not item.suspended
    ]
    for symbol in symbols:
        assert (await kis.order(tr_id, PDNO=symbol, ORD_QTY="1")).body["rt_cd"] == "0"
    pages, conts = await read_pages(kis, "inquire_balance", "output1", environment, **BALANCE)
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert sorted(row["pdno"] for page in pages for row in page) == sorted(symbols)
    assert (conts[0], conts[-1]) == ("F", "E")
    assert set(conts[1:-1]) <= {"M"}


@pytest.mark.parametrize(("environment", "size"), [("real", 100), ("paper", 15)])
async def test_execution_pages(kis, environment, size):
    tr_id = "TTTC0012U" if environment == "real" else "VTTC0012U"
    for _ in range(size + 1):
        await kis.order(tr_id, ORD_QTY="1")
    pages, conts = await read_pages(kis, "inquire_daily_ccld", "output1", environment, **HISTORY)
    assert [len(page) for page in pages] == [size, 1]
    assert conts == ["F", "E"]
    assert len({row["odno"] for page in pages for row in page}) == size + 1


async def test_keys_without_the_header_give_the_first_page_again(kis):
    for _ in range(16):
        await kis.order("VTTC0012U", ORD_QTY="1")
    first = await kis.call("inquire_daily_ccld", "VTTC0081R", environment="paper", **HISTORY)
    keys = {f"CTX_AREA_{n}100": first.body[f"ctx_area_{n.lower()}100"] for n in ("FK", "NK")}
    again = await kis.call("inquire_daily_ccld", "VTTC0081R", environment="paper", **HISTORY, **keys)
    assert again.body["output1"] == first.body["output1"]


async def test_balance_settles_two_business_days_later(kis):
    await hold_price(kis, 70000)
    await kis.order(ORD_DVSN="00", ORD_UNPR="70100")
    answer = await kis.call("inquire_balance", **BALANCE)
    (totals,) = answer.body["output2"]
    paid = 10 * 70100 + int(701000 * 0.000140527)
    assert (totals["dnca_tot_amt"], totals["prvs_rcdl_excc_amt"]) == ("10000000000", str(10**10 - paid))
    (row,) = answer.body["output1"]
    assert (row["hldg_qty"], row["pchs_avg_pric"], row["thdt_buyqty"]) == ("10", "70100.0000", "10")
    kis.simulators.clock.advance(4 * 86400)
    kis.tokens.clear()
    (totals,) = (await kis.call("inquire_balance", **BALANCE)).body["output2"]
    assert totals["dnca_tot_amt"] == str(10**10 - paid)


async def test_full_sale_leaves_a_row_of_zero_that_day(kis):
    await kis.order()
    await kis.order("TTTC0011U")
    (row,) = (await kis.call("inquire_balance", **BALANCE)).body["output1"]
    assert (row["hldg_qty"], row["thdt_sll_qty"]) == ("0", "10")
    kis.simulators.clock.advance(86400 - 60)
    assert (await kis.call("inquire_balance", **BALANCE)).body["output1"] == []


async def test_buyable_with_and_without_margin_credit(kis):
    given = {"PDNO": "005930", "ORD_UNPR": "70000", "CMA_EVLU_AMT_ICLD_YN": "N", "OVRS_ICLD_YN": "N"}
    limit = (await kis.call("inquire_psbl_order", ORD_DVSN="00", **given)).body["output"]
    market = (await kis.call("inquire_psbl_order", ORD_DVSN="01", **given)).body["output"]
    assert limit["max_buy_amt"] == limit["nrcvb_buy_amt"]
    assert int(market["max_buy_amt"]) > int(market["nrcvb_buy_amt"])
    assert int(market["psbl_qty_calc_unpr"]) > int(limit["psbl_qty_calc_unpr"]) == 70000
    most = limit["nrcvb_buy_qty"]
    over = str(int(most) + 1)
    assert (await kis.order(ORD_DVSN="00", ORD_UNPR="70000", ORD_QTY=over)).code == "APBK0952"
    assert (await kis.order(ORD_DVSN="00", ORD_UNPR="70000", ORD_QTY=most)).body["rt_cd"] == "0"


@pytest.mark.parametrize(
    ("tr_id", "changes", "accepted"),
    [
        ("TTTT1002U", {}, True),
        ("TTTT1002U", {"ORD_DVSN": "34"}, True),
        ("TTTT1002U", {"ORD_DVSN": "01"}, False),
        ("TTTT1002U", {"OVRS_EXCG_CD": "SEHK", "PDNO": "00700", "ORD_QTY": "100"}, False),
        ("TTTT1002U", {"OVRS_ORD_UNPR": "900.001"}, False),
        ("TTTS1002U", {"OVRS_EXCG_CD": "SEHK", "PDNO": "00700", "ORD_QTY": "100"}, True),
        ("TTTS1002U", {"OVRS_EXCG_CD": "SEHK", "PDNO": "00700", "ORD_QTY": "150"}, False),
        ("VTTT1002U", {}, True),
        ("VTTT1002U", {"ORD_DVSN": "34"}, False),
        ("VTTT1006U", {}, False),
    ],
)
async def test_overseas_orders_by_market_and_environment(kis, tr_id, changes, accepted):
    environment = "paper" if tr_id.startswith("V") else "real"
    answer = await kis.call("overseas_order", tr_id, environment=environment, **{**US_ORDER, **changes})
    assert (answer.body["rt_cd"] == "0") is accepted, answer.body


@pytest.mark.parametrize("tr_id", ["TTTS1003U", "TTTT1004U"])
async def test_hong_kong_cancel_by_its_own_tr_and_by_the_american_one(kis, tr_id):
    hong_kong = {"OVRS_EXCG_CD": "SEHK", "PDNO": "00700", "ORD_QTY": "100", "OVRS_ORD_UNPR": "100"}
    number = (await kis.call("overseas_order", "TTTS1002U", **{**US_ORDER, **hong_kong})).body["output"][
        "ODNO"
    ]
    cancel = {"ORGN_ODNO": number, "RVSE_CNCL_DVSN_CD": "02", **hong_kong, "OVRS_ORD_UNPR": "0"}
    assert (await kis.call("overseas_order_rvsecncl", tr_id, **cancel)).body["rt_cd"] == "0"
    assert (await orders(kis))[0]["state"] == "cancelled"


async def test_paper_overseas_history_may_not_filter(kis):
    given = {"ORD_STRT_DT": "20261101", "ORD_END_DT": "20261130", "CCLD_NCCS_DVSN": "00", "OVRS_EXCG_CD": ""}
    await kis.call("overseas_order", "VTTT1002U", environment="paper", **US_ORDER)
    for side, rows in (("00", 1), ("02", None)):
        answer = await kis.call(
            "overseas_inquire_ccnl", "VTTS3035R", environment="paper", PDNO="", SLL_BUY_DVSN=side, **given
        )
        assert (answer.body["rt_cd"] == "0") is (rows is not None)
        assert rows is None or len(answer.body["output"]) == rows


async def test_nasd_means_the_whole_us_for_a_real_key_only(kis):
    spy = {"OVRS_EXCG_CD": "AMEX", "PDNO": "SPY", "ORD_QTY": "1"}
    for environment, buy, balance, rows in (
        ("real", "TTTT1002U", "TTTS3012R", 2),
        ("paper", "VTTT1002U", "VTTS3012R", 1),
    ):
        for changes in ({}, spy):
            order = {**US_ORDER, **changes}
            answer = await kis.call("overseas_order", buy, environment=environment, **order)
            assert answer.body["rt_cd"] == "0"
        given = {"OVRS_EXCG_CD": "NASD", "TR_CRCY_CD": "USD"}
        answer = await kis.call("overseas_inquire_balance", balance, environment=environment, **given)
        assert len(answer.body["output1"]) == rows


async def test_markets_close_when_hours_are_kept(kis):
    kis.simulators.market.hours = True
    kis.simulators.clock.advance(6 * 3600 - 60)
    assert (await kis.order()).code == "APBK0919"
    assert (await kis.call("overseas_order", "TTTT1002U", **US_ORDER)).code == "APBK1664"
    kis.simulators.clock.advance(60)
    assert (await kis.order()).code == "APBK3013", "after-market since 2026-09-14"
    assert (await kis.order(ORD_DVSN="44")).body["rt_cd"] == "0"
