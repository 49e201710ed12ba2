"""Bodies of the simulated KIS's order calls, and what its control server says of orders."""

from __future__ import annotations

HISTORY = {
    "INQR_STRT_DT": "20260101",
    "INQR_END_DT": "20271231",
    "SLL_BUY_DVSN_CD": "00",
    "CCLD_DVSN": "00",
    "INQR_DVSN": "01",
    "INQR_DVSN_3": "00",
}
CANCEL = {
    "KRX_FWDG_ORD_ORGNO": "06010",
    "ORD_DVSN": "00",
    "RVSE_CNCL_DVSN_CD": "02",
    "ORD_QTY": "0",
    "ORD_UNPR": "0",
    "QTY_ALL_ORD_YN": "Y",
    "EXCG_ID_DVSN_CD": "KRX",
}
US_ORDER = {
    "OVRS_EXCG_CD": "NASD",
    "PDNO": "AAPL",
    "ORD_QTY": "5",
    "OVRS_ORD_UNPR": "900.00",
    "ORD_SVR_DVSN_CD": "0",
    "ORD_DVSN": "00",
}


async def hold_price(kis, price, **more):
    answer = await kis.control("POST", "/market", {"ticker": "005930", "price": price, **more})
    assert answer.status == 200, answer.body


async def orders(kis):
    return (await kis.control("GET", "/orders")).body
