"""Notices of futures and options, which no simulated market stands behind: sent when a test orders them."""

from __future__ import annotations

from datetime import datetime

from broker_server.simulator.kis.domestic_orders import BRANCH
from broker_server.simulator.kis.realtime.notices import ACCOUNT_NAME
from broker_server.simulator.kis.realtime.tables import RealtimeTr
from broker_server.simulator.kis.text import hhmmss, yyyymmdd

_VALUES = {
    "ACNT_NO": "1234567803",
    "ACCT_NO": "1234567808",
    "ODER_NO": "0000000101",
    "ODNO": "0000000101",
    "SELN_BYOV_CLS": "02",
    "SLL_BUY_DVSN_CD": "02",
    "RCTF_CLS": "0",
    "RVSE_CNCL_DVSN_CD": "00",
    "ODER_KIND2": "0",
    "STCK_SHRN_ISCD": "101W09",
    "SERIES": "1OZQ25",
    "CNTG_QTY": "0000000002",
    "ODER_QTY": "000000002",
    "CNTG_UNPR": "000036730",
    "ORDER_PRC": "000036730",
    "RFUS_YN": "0",
    "CNTG_YN": "2",
    "ACPT_YN": "2",
    "BRNC_NO": BRANCH,
    "ACNT_NAME": ACCOUNT_NAME,
    "CNTG_ISNM": "F 202612",
    "CRCY_CD": "USD",
    "CCNO": "0000000201",
    "API_CCNO": "0000000201",
    "ORD_MDIA_ONLINE_YN": "Y",
}


def invented_notice(tr: RealtimeTr, hts_id: str, at: datetime) -> list[str]:
    """A notice of an execution that never was.

    Args:
        tr: Of futures or options.
        hts_id: Whose registration it is for.
        at: The simulated time.
    """
    by_type = {"int": "2", "decimal": "402.50", "date": yyyymmdd(at), "time": hhmmss(at), "str": ""}
    moment = {"ORD_DTL_DTIME": yyyymmdd(at) + hhmmss(at), "OPRT_DTL_DTIME": yyyymmdd(at) + hhmmss(at)}
    known = _VALUES | moment
    return [hts_id, *(known.get(field.name, by_type[field.type]) for field in tr.fields[1:])]
