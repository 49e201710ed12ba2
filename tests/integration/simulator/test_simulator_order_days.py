"""Order numbers begin anew with the day; lists and changes tell orders of equal number apart."""

from __future__ import annotations

from tests.support.simulated_orders import CANCEL, HISTORY, US_ORDER, hold_price, orders

RESTING = {"ORD_DVSN": "00", "ORD_UNPR": "60000"}
OVERSEAS_RESTING = {**US_ORDER, "OVRS_ORD_UNPR": "1.00"}
OVERSEAS_HISTORY = {
    "ORD_STRT_DT": "20261101",
    "ORD_END_DT": "20261130",
    "SLL_BUY_DVSN": "00",
    "CCLD_NCCS_DVSN": "00",
    "OVRS_EXCG_CD": "",
    "PDNO": "",
    "SORT_SQN": "DS",
}
FRIDAY, SATURDAY = "20261120", "20261121"
ENOUGH = 12
"""Orders after which two days have numbers in common: numbers are up to seven apart."""


async def set_clock(kis, moment):
    answer = await kis.control("POST", "/clock", {"set": moment})
    assert answer.status == 200, answer.body


async def place(kis, count=1, tr_id="TTTC0012U"):
    """Orders that are not filled; their numbers."""
    answers = [await kis.order(tr_id, **RESTING) for _ in range(count)]
    return [answer.body["output"]["ODNO"] for answer in answers]


async def place_abroad(kis, count=1):
    answers = [await kis.call("overseas_order", "TTTT1002U", **OVERSEAS_RESTING) for _ in range(count)]
    return [answer.body["output"]["ODNO"] for answer in answers]


async def states(kis, number, market="domestic"):
    """The state of every order of that number, by date."""
    return {
        order["date"]: order["state"]
        for order in await orders(kis)
        if (order["order_no"], order["market"]) == (number, market)
    }


async def two_days(kis):
    """Orders on Friday and, after midnight, on Saturday; a number that both days have."""
    await hold_price(kis, 71000)
    friday = await place(kis, ENOUGH)
    await set_clock(kis, "2026-11-21T00:00:00+09:00")
    saturday = await place(kis, ENOUGH)
    return friday, saturday, next(number for number in saturday if number in friday)


async def test_numbers_begin_anew_at_midnight(kis):
    friday, saturday, _ = await two_days(kis)
    assert friday == sorted(friday)
    assert saturday == sorted(saturday)
    assert 1000 < int(friday[0]) <= 1007
    assert 1000 < int(saturday[0]) <= 1007
    dates = {(order["date"], order["order_no"]) for order in await orders(kis)}
    assert dates == {("2026-11-20", each) for each in friday} | {("2026-11-21", each) for each in saturday}


async def test_list_of_several_days_shows_both_orders_of_a_number(kis):
    friday, saturday, shared = await two_days(kis)
    rows = (await kis.call("inquire_daily_ccld", **HISTORY)).body["output1"]
    assert [(row["ord_dt"], row["odno"]) for row in rows] == [
        *((FRIDAY, number) for number in friday),
        *((SATURDAY, number) for number in saturday),
    ]
    chosen = (await kis.call("inquire_daily_ccld", **HISTORY, ODNO=shared)).body["output1"]
    assert [row["ord_dt"] for row in chosen] == [FRIDAY, SATURDAY]
    today = {**HISTORY, "INQR_STRT_DT": SATURDAY, "INQR_END_DT": SATURDAY}
    assert len((await kis.call("inquire_daily_ccld", **today, ODNO=shared)).body["output1"]) == 1


async def test_cancel_by_number_hits_the_order_of_today(kis):
    _, _, shared = await two_days(kis)
    assert await states(kis, shared) == {"2026-11-20": "expired", "2026-11-21": "working"}
    answer = await kis.call("order_rvsecncl", ORGN_ODNO=shared, **CANCEL)
    assert answer.body["rt_cd"] == "0"
    assert await states(kis, shared) == {"2026-11-20": "expired", "2026-11-21": "cancelled"}
    assert (await kis.call("order_rvsecncl", ORGN_ODNO=shared, **CANCEL)).code == "APBK0346"


async def test_nothing_is_left_of_an_order_of_yesterday(kis):
    friday, saturday, _ = await two_days(kis)
    old = next(number for number in friday if number not in saturday)
    for kind in ("01", "02"):
        change = {**CANCEL, "RVSE_CNCL_DVSN_CD": kind, "ORD_UNPR": "61000"}
        assert (await kis.call("order_rvsecncl", ORGN_ODNO=old, **change)).code == "APBK0346"


async def test_pages_go_on_where_they_ended_though_numbers_come_twice(kis):
    await hold_price(kis, 71000)
    friday = await place(kis, 60, "VTTC0012U")
    await set_clock(kis, "2026-11-21T00:00:00+09:00")
    saturday = await place(kis, 60, "VTTC0012U")
    placed = [*((FRIDAY, number) for number in friday), *((SATURDAY, number) for number in saturday)]
    ends = placed[14::15]
    assert any(day == SATURDAY and number in friday for day, number in ends), "a page ends with such a number"
    placed += [(SATURDAY, number) for number in await place(kis, 1, "VTTC0012U")]
    listed, keys, more = [], {}, ""
    while more in ("", "F", "M") and len(listed) <= len(placed):
        answer = await kis.call(
            "inquire_daily_ccld",
            "VTTC0081R",
            environment="paper",
            tr_cont="N" if keys else "",
            **HISTORY,
            **keys,
        )
        listed += [(row["ord_dt"], row["odno"]) for row in answer.body["output1"]]
        keys = {f"CTX_AREA_{n}100": answer.body[f"ctx_area_{n.lower()}100"] for n in ("FK", "NK")}
        more = answer.headers["tr_cont"]
    assert listed == placed


async def test_markets_count_apart_and_each_cancel_is_for_its_own(kis):
    await hold_price(kis, 71000)
    domestic, overseas = await place(kis, ENOUGH), await place_abroad(kis, ENOUGH)
    shared = next(number for number in overseas if number in domestic)
    cancel = {**OVERSEAS_RESTING, "RVSE_CNCL_DVSN_CD": "02", "OVRS_ORD_UNPR": "0", "ORGN_ODNO": shared}
    answer = await kis.call("overseas_order_rvsecncl", "TTTT1004U", **cancel)
    assert answer.body["rt_cd"] == "0", answer.body
    assert await states(kis, shared) == {"2026-11-20": "working"}
    assert await states(kis, shared, "overseas") == {"2026-11-19": "cancelled"}
    assert (await kis.call("order_rvsecncl", ORGN_ODNO=shared, **CANCEL)).body["rt_cd"] == "0"
    assert await states(kis, shared) == {"2026-11-20": "cancelled"}


async def test_overseas_numbers_begin_anew_at_midnight_of_the_exchange(kis):
    first = await place_abroad(kis, ENOUGH)
    await set_clock(kis, "2026-11-20T13:59:00+09:00")
    evening = await place_abroad(kis)
    assert evening[0] > first[-1]
    await set_clock(kis, "2026-11-20T14:00:00+09:00")
    second = await place_abroad(kis, ENOUGH)
    shared = next(number for number in second if number in first)
    answer = await kis.call("overseas_inquire_ccnl", "TTTS3035R", **OVERSEAS_HISTORY)
    rows = [row for row in answer.body["output"] if row["odno"] == shared]
    assert [(row["ord_dt"], row["dmst_ord_dt"]) for row in rows] == [("20261119", FRIDAY), (FRIDAY, FRIDAY)]
    cancel = {**OVERSEAS_RESTING, "RVSE_CNCL_DVSN_CD": "02", "OVRS_ORD_UNPR": "0", "ORGN_ODNO": shared}
    assert (await kis.call("overseas_order_rvsecncl", "TTTT1004U", **cancel)).body["rt_cd"] == "0"
    assert await states(kis, shared, "overseas") == {"2026-11-19": "expired", "2026-11-20": "cancelled"}
