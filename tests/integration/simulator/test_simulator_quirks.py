"""What the facts say of KIS's answers, one by one."""

from __future__ import annotations

import pytest

from broker_server.simulator.kis.tables import operations, published_fields

KRX = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
CHART = {"FID_INPUT_DATE_1": "20260101", "FID_INPUT_DATE_2": "20261120", "FID_PERIOD_DIV_CODE": "D"}
HISTORY = {
    "INQR_STRT_DT": "20261101",
    "INQR_END_DT": "20261130",
    "SLL_BUY_DVSN_CD": "00",
    "CCLD_DVSN": "00",
    "INQR_DVSN": "00",
    "INQR_DVSN_3": "00",
}
BALANCE = {
    "AFHR_FLPR_YN": "N",
    "INQR_DVSN": "02",
    "UNPR_DVSN": "01",
    "FUND_STTL_ICLD_YN": "N",
    "FNCG_AMT_AUTO_RDPT_YN": "N",
    "PRCS_DVSN": "00",
}
US = {"EXCD": "NAS", "SYMB": "AAPL"}
US_ORDER = {
    "OVRS_EXCG_CD": "NASD",
    "PDNO": "AAPL",
    "ORD_QTY": "5",
    "OVRS_ORD_UNPR": "1.00",
    "ORD_SVR_DVSN_CD": "0",
    "ORD_DVSN": "00",
}
CALLS = {
    "inquire_price": KRX,
    "inquire_asking_price_exp_ccn": KRX,
    "inquire_daily_itemchartprice": {**KRX, **CHART, "FID_ORG_ADJ_PRC": "0"},
    "inquire_time_itemchartprice": {**KRX, "FID_INPUT_HOUR_1": "153000", "FID_PW_DATA_INCU_YN": "N"},
    "inquire_time_dailychartprice": {**KRX, "FID_INPUT_HOUR_1": "153000", "FID_INPUT_DATE_1": "20261119"},
    "intstock_multprice": {"FID_COND_MRKT_DIV_CODE_1": "J", "FID_INPUT_ISCD_1": "005930"},
    "chk_holiday": {"BASS_DT": "20261120"},
    "search_stock_info": {"PRDT_TYPE_CD": "300", "PDNO": "015760"},
    "search_info": {"PRDT_TYPE_CD": "300", "PDNO": "015760"},
    "inquire_balance": BALANCE,
    "inquire_psbl_order": {
        "PDNO": "005930",
        "ORD_UNPR": "",
        "ORD_DVSN": "01",
        "CMA_EVLU_AMT_ICLD_YN": "N",
        "OVRS_ICLD_YN": "N",
    },
    "inquire_psbl_sell": {"PDNO": "005930"},
    "inquire_daily_ccld": HISTORY,
    "inquire_psbl_rvsecncl": {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0"},
    "overseas_price": US,
    "overseas_price_detail": US,
    "overseas_inquire_asking_price": US,
    "overseas_dailyprice": {**US, "GUBN": "0", "BYMD": "", "MODP": "0"},
    "overseas_inquire_time_itemchartprice": {**US, "NMIN": "1", "PINC": "1", "NREC": "120"},
    "overseas_inquire_balance": {"OVRS_EXCG_CD": "NASD", "TR_CRCY_CD": "USD"},
    "overseas_inquire_nccs": {"OVRS_EXCG_CD": "NASD", "SORT_SQN": "DS"},
    "overseas_inquire_ccnl": {
        "PDNO": "%",
        "ORD_STRT_DT": "20261101",
        "ORD_END_DT": "20261130",
        "SLL_BUY_DVSN": "00",
        "CCLD_NCCS_DVSN": "00",
        "OVRS_EXCG_CD": "%",
    },
    "overseas_inquire_psamount": {"OVRS_EXCG_CD": "NASD", "OVRS_ORD_UNPR": "200.00", "ITEM_CD": "AAPL"},
    "overseas_inquire_present_balance": {
        "WCRC_FRCR_DVSN_CD": "02",
        "NATN_CD": "000",
        "TR_MKET_CD": "00",
        "INQR_DVSN_CD": "00",
    },
}
ORDER_OPERATIONS = {"order_cash", "order_rvsecncl", "overseas_order", "overseas_order_rvsecncl"}


def rows(body):
    for name, output in body.items():
        if name.startswith("output"):
            yield from output if isinstance(output, list) else [output]


def test_every_operation_has_a_call_here():
    assert set(CALLS) | ORDER_OPERATIONS == {operation.name for operation in operations().values()}


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_answer_has_every_published_field_as_text(kis, name):
    await kis.order()
    await kis.order(ORD_DVSN="00", ORD_UNPR="60000")
    await kis.call("overseas_order", "TTTT1002U", **{**US_ORDER, "OVRS_ORD_UNPR": "900.00"})
    await kis.call("overseas_order", "TTTT1002U", **US_ORDER)
    answer = await kis.call(name, **CALLS[name])
    assert (answer.status, answer.body["rt_cd"]) == (200, "0")
    given = {field for row in rows(answer.body) for field in row}
    assert set(published_fields()[name]) <= given
    assert all(isinstance(value, str) for row in rows(answer.body) for value in row.values())


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_missing_parameter_is_named(kis, name):
    operation = next(item for item in operations().values() if item.name == name)
    given = {key: value for key, value in CALLS[name].items() if key != operation.required[-1]}
    answer = await kis.call(name, **given)
    assert answer.body["rt_cd"] == "2"
    assert operation.required[-1] in answer.body["msg1"]


async def test_unknown_domestic_symbol_costs_zero_and_succeeds(kis):
    answer = await kis.price("999999")
    assert (answer.body["rt_cd"], answer.body["output"]["stck_prpr"]) == ("0", "0")


async def test_unknown_overseas_symbol_is_blank_and_succeeds(kis):
    answer = await kis.call("overseas_price", EXCD="NAS", SYMB="NOSUCH")
    assert (answer.body["rt_cd"], answer.body["output"]["last"]) == ("0", "")


@pytest.mark.parametrize("market", ["J", "NX", "UN"])
async def test_three_market_codes(kis, market):
    answer = await kis.call("inquire_price", FID_COND_MRKT_DIV_CODE=market, FID_INPUT_ISCD="005930")
    assert int(answer.body["output"]["stck_prpr"]) > 0


async def test_wrong_market_code_is_a_business_error(kis):
    answer = await kis.call("inquire_price", FID_COND_MRKT_DIV_CODE="Z", FID_INPUT_ISCD="005930")
    assert (answer.status, answer.code) == (200, "OPSQ2001")


@pytest.mark.parametrize(("symbol", "price"), [("Q500001", None), ("00088K", None), ("091990", "0")])
async def test_odd_codes_are_known(kis, symbol, price):
    output = (await kis.price(symbol)).body["output"]
    assert int(output["stck_prpr"]) > 0
    assert (output["iscd_stat_cls_code"] == "58") == (symbol == "091990")
    assert price is None or output["acml_vol"] == price


async def test_daily_chart_is_newest_first_and_at_most_a_hundred_rows(kis):
    answer = await kis.call("inquire_daily_itemchartprice", **CALLS["inquire_daily_itemchartprice"])
    days = [row["stck_bsop_date"] for row in answer.body["output2"]]
    assert len(days) == 100
    assert days == sorted(days, reverse=True)
    assert days[0] == "20261120"
    assert answer.headers["tr_cont"] == ""


@pytest.mark.parametrize(
    ("name", "adjusted", "raw"),
    [("inquire_daily_itemchartprice", "0", "1"), ("overseas_dailyprice", "1", "0")],
)
async def test_adjustment_flag_has_opposite_polarity_abroad(kis, name, adjusted, raw):
    if name == "overseas_dailyprice":
        given = {"EXCD": "NAS", "SYMB": "NVDA", "GUBN": "0", "BYMD": "20240607"}
        ratio, flag, price = 10, "MODP", "clos"
    else:
        given = {**KRX, **CHART, "FID_INPUT_ISCD": "058470", "FID_INPUT_DATE_2": "20261007"}
        ratio, flag, price = 5, "FID_ORG_ADJ_PRC", "stck_clpr"
    after = (await kis.call(name, **given, **{flag: adjusted})).body["output2"][0]
    before = (await kis.call(name, **given, **{flag: raw})).body["output2"][0]
    assert float(before[price]) == pytest.approx(ratio * float(after[price]))


async def test_future_hour_gives_minutes_up_to_now(kis):
    given = {**KRX, "FID_INPUT_HOUR_1": "235959", "FID_PW_DATA_INCU_YN": "N"}
    bars = (await kis.call("inquire_time_itemchartprice", **given)).body["output2"]
    assert len(bars) == 30
    assert bars[0]["stck_cntg_hour"] == "100000"
    totals = [int(bar["acml_tr_pbmn"]) for bar in bars]
    assert totals == sorted(totals, reverse=True), "the money is cumulative"


async def test_past_minutes_come_in_120_rows(kis):
    answer = await kis.call("inquire_time_dailychartprice", **CALLS["inquire_time_dailychartprice"])
    bars = answer.body["output2"]
    assert len(bars) == 120
    assert {bar["stck_bsop_date"] for bar in bars} == {"20261119"}


async def test_minutes_add_up_to_the_day(kis):
    day: list[dict[str, str]] = []
    hour = "153000"
    while not day or day[-1]["stck_cntg_hour"] != "090000":
        given = {**KRX, "FID_INPUT_DATE_1": "20261119", "FID_INPUT_HOUR_1": hour}
        day += (await kis.call("inquire_time_dailychartprice", **given)).body["output2"]
        last = int(day[-1]["stck_cntg_hour"][:2]) * 60 + int(day[-1]["stck_cntg_hour"][2:4]) - 1
        hour = f"{last // 60:02d}{last % 60:02d}00"
    given = {**KRX, **CHART, "FID_INPUT_DATE_2": "20261119", "FID_ORG_ADJ_PRC": "0"}
    bar = (await kis.call("inquire_daily_itemchartprice", **given)).body["output2"][0]
    assert len(day) == 390
    assert sum(int(row["cntg_vol"]) for row in day) == int(bar["acml_vol"])
    assert max(int(row["stck_hgpr"]) for row in day) == int(bar["stck_hgpr"])
    assert min(int(row["stck_lwpr"]) for row in day) == int(bar["stck_lwpr"])
    assert (day[-1]["stck_oprc"], day[0]["stck_prpr"]) == (bar["stck_oprc"], bar["stck_clpr"])


async def test_holidays_use_keys_without_a_number(kis):
    answer = await kis.call("chk_holiday", BASS_DT="20261224")
    assert answer.headers["tr_cont"] == "F"
    assert {"ctx_area_fk", "ctx_area_nk"} <= set(answer.body)
    assert [row["opnd_yn"] for row in answer.body["output"][:5]] == ["Y", "N", "N", "N", "Y"]


@pytest.mark.parametrize(
    ("name", "tr_id"),
    [
        ("chk_holiday", "CTCA0903R"),
        ("search_stock_info", "CTPF1002R"),
        ("search_info", "CTPF1604R"),
        ("inquire_time_dailychartprice", "FHKST03010230"),
        ("inquire_psbl_sell", "VTTC8408R"),
        ("inquire_psbl_rvsecncl", "VTTC0084R"),
        ("inquire_balance", "TTTC8434R"),
        ("overseas_order", "VTTT1006U"),
    ],
)
async def test_paper_key_and_a_tr_that_paper_lacks(kis, name, tr_id):
    answer = await kis.call(name, tr_id, environment="paper", **CALLS.get(name, US_ORDER))
    assert (answer.status, answer.code) == (500, "EGW00213")


async def test_real_key_and_a_paper_tr(kis):
    answer = await kis.call("inquire_balance", "VTTC8434R", **BALANCE)
    assert answer.code == "OPSQ0002"


async def test_search_info_serves_foreign_products_too(kis):
    answer = await kis.call("search_info", PRDT_TYPE_CD="512", PDNO="AAPL")
    assert answer.body["output"]["prdt_name"] == "애플"


async def test_body_of_a_post_must_be_text_values(kis):
    answer = await kis.call("order_cash", "TTTC0012U", PDNO="005930", ORD_DVSN="01", ORD_QTY=1, ORD_UNPR="0")
    assert answer.body["rt_cd"] == "1"
    assert "ORD_QTY" in answer.body["msg1"]


async def test_date_header_follows_the_simulated_clock(kis):
    assert (await kis.price()).headers["Date"] == "Fri, 20 Nov 2026 01:00:00 GMT"
