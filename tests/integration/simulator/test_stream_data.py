"""What the simulated WebSocket sends: prices that agree with REST, and notices of orders."""

from __future__ import annotations

from itertools import pairwise

import pytest

from broker_server.vendors.kis.codec import decode_records
from broker_server.vendors.kis.frames import DataFrame, parse_frame
from tests.support.waiting import wait_until_async

CHANGE = {
    "KRX_FWDG_ORD_ORGNO": "06010",
    "ORD_DVSN": "00",
    "ORD_QTY": "0",
    "ORD_UNPR": "0",
    "QTY_ALL_ORD_YN": "Y",
    "EXCG_ID_DVSN_CD": "KRX",
}
US_ORDER = {"OVRS_EXCG_CD": "NASD", "PDNO": "AAPL", "ORD_SVR_DVSN_CD": "0", "ORD_DVSN": "00"}


def read(frame: str) -> list[dict]:
    """The records of a frame as our codec reads them."""
    parsed = parse_frame(frame)
    assert isinstance(parsed, DataFrame)
    found = decode_records(parsed)
    assert found.quarantined == []
    return [record.fields for record in found.records]


async def test_trades_and_books_agree_with_rest(streaming):
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        await client.register("H0STASP0", "005930")
        await client.frames("H0STCNT0", 2)
        await client.frames("H0STASP0", 1)
        streaming.simulators.clock.freeze()

        async def settled() -> bool:
            # A tick that was under way when the clock stopped may come yet.
            rest = (await streaming.price()).body["output"]
            trade = read((await client.frames("H0STCNT0"))[-1])[-1]
            if trade["STCK_CNTG_HOUR"] is None or str(trade["ACML_VOL"]) != rest["acml_vol"]:
                return False
            assert str(trade["STCK_PRPR"]) == rest["stck_prpr"]
            assert str(trade["ACML_TR_PBMN"]) == rest["acml_tr_pbmn"]
            return True

        await wait_until_async(settled, what="the last trade")
        book = read((await client.frames("H0STASP0"))[-1])[-1]
        answer = await streaming.call(
            "inquire_asking_price_exp_ccn", FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD="005930"
        )
        rest = answer.body["output1"]
        for n in range(1, 11):
            assert (str(book[f"ASKP{n}"]), str(book[f"BIDP{n}"])) == (rest[f"askp{n}"], rest[f"bidp{n}"])
            assert str(book[f"ASKP_RSQN{n}"]) == rest[f"askp_rsqn{n}"]
        assert str(book["TOTAL_ASKP_RSQN"]) == rest["total_askp_rsqn"]


async def test_the_volume_has_no_gaps_over_a_session(streaming):
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        await client.register("HDFSCNT0", "DNASAAPL")
        frames = await client.frames("H0STCNT0", 20)
        trades = [trade for frame in frames for trade in read(frame)]
        for before, after in pairwise(trades):
            assert after["ACML_VOL"] == before["ACML_VOL"] + after["CNTG_VOL"]
        assert any("|002|" in frame or "|003|" in frame for frame in frames), "bursts have several records"
        assert (await client.values("HDFSCNT0"))[0] == "DNASAAPL"


async def test_a_time_that_is_moved_ahead_is_one_jump(streaming):
    streaming.simulators.clock.freeze()
    await streaming.control("POST", "/stream", {"burst_every": 0})
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        await streaming.control("POST", "/clock", {"advance": 3600})
        [trade] = read((await client.frames("H0STCNT0"))[0])
        assert trade["STCK_CNTG_HOUR"] == "110000"
        assert trade["CNTG_VOL"] > 100_000
        assert len(client.data) == 1, "the clock stands still again"


async def test_suspended_instruments_have_no_trades(streaming):
    async with await streaming.client() as client:
        await client.register("H0STMKO0", "091990")
        await client.register("H0STCNT0", "091990")
        await client.register("H0STCNT0", "005930")
        await client.frames("H0STCNT0", 5)
        assert {frame.split("|")[3].split("^")[0] for frame in client.data if "H0STCNT0" in frame} == {
            "005930"
        }


async def test_a_filled_order_is_notified_received_and_filled(streaming):
    async with await streaming.client() as client:
        assert await client.register("H0STCNI0", "SimReal01") == "OPSP0000"
        answer = (await streaming.order()).body
        number = answer["output"]["ODNO"]
        received, filled = await client.notices("H0STCNI0", 2)
        assert [len(record) for record in (received, filled)] == [26, 26]
        assert received[:10] == [
            "SimReal01",
            "1234567801",
            number,
            "",
            "02",
            "0",
            "01",
            "0",
            "005930",
            "0000000010",
        ]
        assert received[12:16] == ["0", "1", "1", "06010"]
        assert filled[2] == number
        assert filled[12:15] == ["0", "2", "2"]
        assert (filled[9], filled[16]) == ("0000000010", "000000010")
        order = (await streaming.control("GET", "/orders")).body[0]
        assert order["filled_quantity"] == 10
        assert (filled[17], filled[24]) == ("모의고객", "삼성전자")


async def test_modifications_and_cancellations_are_received_and_confirmed(streaming):
    price = int((await streaming.price()).body["output"]["stck_llam"])
    async with await streaming.client() as client:
        await client.register("H0STCNI0", "SimReal01")
        body = (await streaming.order(ORD_DVSN="00", ORD_UNPR=str(price))).body
        first = body["output"]["ODNO"]
        changed = await streaming.call(
            "order_rvsecncl",
            "TTTC0013U",
            **{**CHANGE, "ORGN_ODNO": first, "RVSE_CNCL_DVSN_CD": "01", "ORD_UNPR": str(price + 100)},
        )
        second = changed.body["output"]["ODNO"]
        cancelled = await streaming.call(
            "order_rvsecncl", "TTTC0013U", **{**CHANGE, "ORGN_ODNO": second, "RVSE_CNCL_DVSN_CD": "02"}
        )
        third = cancelled.body["output"]["ODNO"]
        records = await client.notices("H0STCNI0", 5)
        told = [(record[2], record[3], record[5], record[13], record[14]) for record in records]
        assert told == [
            (first, "", "0", "1", "1"),
            (second, first, "1", "1", "1"),
            (second, first, "1", "1", "2"),
            (third, second, "2", "1", "1"),
            (third, second, "2", "1", "2"),
        ]


async def test_resting_orders_are_filled_and_notified_without_being_looked_at(streaming):
    price = int((await streaming.price()).body["output"]["stck_prpr"])
    async with await streaming.client() as client:
        await client.register("H0STCNI0", "SimReal01")
        await streaming.order(ORD_DVSN="00", ORD_UNPR=str(price - 500), ORD_QTY="3")
        assert len(await client.notices("H0STCNI0", 1)) == 1
        await streaming.control("POST", "/market", {"ticker": "005930", "price": price - 500})
        records = await client.notices("H0STCNI0", 2)
        assert (records[1][13], records[1][10]) == ("2", f"{price - 500:09d}")


async def test_what_ioc_leaves_over_is_told(streaming):
    await streaming.control("POST", "/market", {"ticker": "005930", "liquidity": 1})
    price = int((await streaming.price()).body["output"]["stck_prpr"])
    async with await streaming.client() as client:
        await client.register("H0STCNI0", "SimReal01")
        await streaming.order(ORD_DVSN="11", ORD_UNPR=str(price + 100), ORD_QTY="5")
        records = await client.notices("H0STCNI0", 3)
        assert [(record[13], record[14], int(record[9])) for record in records] == [
            ("1", "1", 5),
            ("2", "2", 1),
            ("1", "3", 4),
        ]


async def test_an_overseas_fill_has_25_values_and_implied_decimals(streaming):
    async with await streaming.client() as client:
        await client.register("H0GSCNI0", "SimReal01")
        await streaming.control("POST", "/market", {"ticker": "AAPL", "exchange": "NASD", "price": "230.50"})
        answer = await streaming.call(
            "overseas_order", "TTTT1002U", **US_ORDER, ORD_QTY="2", OVRS_ORD_UNPR="230.51"
        )
        assert answer.body["rt_cd"] == "0", answer.body
        received, filled = await client.notices("H0GSCNI0", 2)
        assert (len(received), len(filled)) == (25, 25)
        assert (received[12], received[15], received[9]) == ("1", "", "002305100")
        assert (filled[12], filled[13], filled[7], filled[8]) == ("2", "2", "AAPL", "0000000002")
        assert (filled[9], filled[15], filled[18]) == ("002305100", "000000002", "6")


@pytest.mark.parametrize(("environment", "tr_id"), [("real", "H0STCNI0"), ("paper", "H0STCNI9")])
async def test_notices_are_for_the_accounts_of_their_own_key(streaming, environment, tr_id):
    names = {"real": "SimReal01", "paper": "SimPaper01"}
    async with await streaming.client(environment) as client:
        await client.register(tr_id, names[environment])
        await streaming.order("TTTC0012U", ORD_QTY="1")
        await streaming.order("VTTC0012U", ORD_QTY="1")
        records = await client.notices(tr_id, 2)
        account = streaming.key(environment).account.replace("-", "")
        assert {record[1] for record in records} == {account}
        assert await client.register(tr_id, names[environment], "2") == "OPSP0001"
        assert len(client.data) == 2


async def test_a_rejected_order_is_taken_and_then_not(streaming):
    await streaming.fault("reject", symbol="005930")
    async with await streaming.client() as client:
        await client.register("H0STCNI0", "SimReal01")
        assert (await streaming.order()).body["rt_cd"] == "0"
        _, rejected = await client.notices("H0STCNI0", 2)
        assert (rejected[12], rejected[13], int(rejected[9])) == ("1", "1", 10)
        assert (await streaming.control("GET", "/orders")).body[0]["state"] == "rejected"
        day = {
            "INQR_STRT_DT": "20261120",
            "INQR_END_DT": "20261120",
            "SLL_BUY_DVSN_CD": "00",
            "CCLD_DVSN": "00",
            "INQR_DVSN": "00",
            "INQR_DVSN_1": "",
            "INQR_DVSN_3": "00",
            "PDNO": "",
            "ORD_GNO_BRNO": "",
            "ODNO": "",
            "EXCG_ID_DVSN_CD": "KRX",
            "CTX_AREA_FK100": "",
            "CTX_AREA_NK100": "",
        }
        [row] = (await streaming.call("inquire_daily_ccld", "TTTC0081R", **day)).body["output1"]
        assert (row["rjct_qty"], row["tot_ccld_qty"], row["rmn_qty"]) == ("10", "0", "0")
