"""What is written into each field of a record, by KIS's name of the field.

KIS names the same thing alike in most TRs, with the product in front (``FUTS_``, ``OPTN_``, ``STCK_``) and
the level of an order book at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from broker_server.simulator.amounts import decimal
from broker_server.simulator.kis.realtime.invented_fields import invented
from broker_server.simulator.kis.realtime.tables import Field
from broker_server.simulator.kis.text import hhmmss, percent, sign, yyyymmdd
from broker_server.simulator.stream_facts import Facts

Writer = Callable[[Facts], str]
"""Writes one value."""

DEPTH_OF_MARKET = 10
_PRODUCT = re.compile(r"(?:FUTS|OPTN|STCK)_(?=ASKP|BIDP|PRPR|OPRC|HGPR|LWPR|PRDY_)")
_LEVEL = re.compile(r"(.+?)_?(\d+)")
_ONE_OF_A_BOOK: dict[str, Callable[[Facts, int], str]] = {
    "ASKP": lambda m, n: m.money(m.level("ask", n).price),
    "BIDP": lambda m, n: m.money(m.level("bid", n).price),
    "ASKP_RSQN": lambda m, n: str(m.level("ask", n).quantity),
    "BIDP_RSQN": lambda m, n: str(m.level("bid", n).quantity),
    "ASKP_CSNU": lambda m, n: str(-(-m.level("ask", n).quantity // 10)),
    "BIDP_CSNU": lambda m, n: str(-(-m.level("bid", n).quantity // 10)),
}
_SAME_IN_A_BOOK = {
    "PASK": "ASKP",
    "ASK_PRICE": "ASKP",
    "PBID": "BIDP",
    "BID_PRICE": "BIDP",
    "VASK": "ASKP_RSQN",
    "ASK_QNTT": "ASKP_RSQN",
    "VBID": "BIDP_RSQN",
    "BID_QNTT": "BIDP_RSQN",
    "ASK_NUM": "ASKP_CSNU",
    "BID_NUM": "BIDP_CSNU",
    "LP_ASKP_RSQN": "ASKP_RSQN",
    "LP_BIDP_RSQN": "BIDP_RSQN",
}


def _difference(m: Facts) -> str:
    return m.money(m.price - m.base)


def _rate(m: Facts) -> str:
    return percent(m.price - m.base, m.base)


def _sign(m: Facts) -> str:
    return sign(m.price, m.base, m.lower, m.upper)


def _key(m: Facts) -> str:
    return m.key


def _korean_time(m: Facts) -> str:
    return hhmmss(m.at)


def _korean_date(m: Facts) -> str:
    return yyyymmdd(m.at)


def _time_of(name: str) -> Writer:
    """Of the day's high or low: now, where the price stands there, else in the morning."""
    return lambda m: hhmmss(m.at if m.price == getattr(m, name) else m.opened)


def _since(name: str) -> tuple[Writer, Writer]:
    """The price against the day's open, high or low, and the sign; of an index, those against the base."""

    def points(m: Facts) -> tuple[int, int]:
        there: int = getattr(m, name)
        return (there, m.base) if m.is_index else (m.price, there)

    return (
        lambda m: m.money(points(m)[0] - points(m)[1]),
        lambda m: sign(*points(m)),
    )


def _expected(writer: Writer, otherwise: Writer) -> Writer:
    """In an order book: what the auction would end in, and the rest of the day something else."""
    return lambda m: writer(m) if m.auction else otherwise(m)


def _nothing(m: Facts) -> str:
    return "0"


def _session_value(m: Facts) -> str:
    return str(m.value // 1_000_000 if m.is_index else m.value // 10**m.decimals)


_WRITERS: dict[str, Writer] = {
    "SYMB": lambda m: m.symbol,
    "ZDIV": lambda m: str(m.places),
    "BOND_ISNM": lambda m: m.name,
    "PRPR": lambda m: m.money(m.price),
    "OPRC": lambda m: m.money(m.open),
    "HGPR": lambda m: m.money(m.high),
    "LWPR": lambda m: m.money(m.low),
    "PRDY_CLPR": lambda m: m.money(m.base),
    "PRDY_VRSS": _difference,
    "PRDY_CTRT": _rate,
    "PRDY_VRSS_SIGN": _sign,
    "DIFF": lambda m: m.money(abs(m.price - m.base)),
    "CNTG_VOL": lambda m: str(m.traded // 1000 if m.is_index else m.traded),
    "ACML_VOL": lambda m: str(m.volume // 1000 if m.is_index else m.volume),
    "ACML_TR_PBMN": _session_value,
    "PCAS_TR_PBMN": lambda m: str(m.traded * m.price // 10**m.decimals // 1_000_000),
    "PRDY_VOL": lambda m: str(m.previous_volume),
    "PRDY_VOL_VRSS_ACML_VOL_RATE": lambda m: percent(m.volume, m.previous_volume),
    "PRDY_SMNS_HOUR_ACML_VOL": lambda m: str(m.previous_volume // 3),
    "PRDY_SMNS_HOUR_ACML_VOL_RATE": lambda m: percent(m.volume, m.previous_volume / 3),
    "VOL_TNRT": lambda m: percent(m.volume, m.shares),
    "WGHN_AVRG_STCK_PRC": lambda m: (
        f"{m.value / m.volume / 10**m.decimals:.2f}" if m.volume else f"{m.price / 10**m.decimals:.2f}"
    ),
    "SELN_CNTG_SMTN": lambda m: str(m.sold),
    "SHNU_CNTG_SMTN": lambda m: str(m.bought),
    "SELN_CNTG_CSNU": lambda m: str(m.sold // 30),
    "SHNU_CNTG_CSNU": lambda m: str(m.bought // 30),
    "NTBY_CNTG_CSNU": lambda m: str(m.bought // 30 - m.sold // 30),
    "CTTR": lambda m: percent(m.bought, m.sold),
    "SHNU_RATE": lambda m: f"{m.bought / m.volume:.2f}" if m.volume else "0.00",
    "CCLD_DVSN": lambda m: "1" if m.rising else "5",
    "CNTG_TYPE_CLS_CODE": lambda m: "2",
    "OPRC_HOUR": lambda m: hhmmss(m.opened),
    "HGPR_HOUR": _time_of("high"),
    "LWPR_HOUR": _time_of("low"),
    "XYMD": lambda m: f"{m.local:%Y%m%d}",
    "TYMD": lambda m: f"{m.local:%Y%m%d}",
    "XHMS": lambda m: f"{m.local:%H%M%S}",
    "NEW_MKOP_CLS_CODE": lambda m: "20" if m.is_open else "31",
    "TRHT_YN": lambda m: "Y" if m.suspended else "N",
    "HOUR_CLS_CODE": _nothing,
    "MRKT_TRTM_CLS_CODE": lambda m: "",
    "MARKET_CLS_CODE": lambda m: m.session,
    "MTYP": lambda m: "1",
    "VI_STND_PRC": lambda m: m.money(m.open or m.base),
    "KMID_PRC": lambda m: decimal(
        (m.level("ask", 1).price + m.level("bid", 1).price) // 2, m.decimals, m.places
    ),
    "KMID_TOTAL_RSQN": _nothing,
    "KMID_CLS_CODE": _nothing,
    "NMID_PRC": _nothing,
    "NMID_TOTAL_RSQN": _nothing,
    "NMID_CLS_CODE": _nothing,
    "ANTC_EXCH_CLS_CODE": lambda m: "1",
    "ANTC_CNPR": _expected(lambda m: m.money(m.price), _nothing),
    "ANTC_CNQN": _expected(lambda m: str(m.traded), _nothing),
    "ANTC_VOL": _expected(lambda m: str(m.traded), _nothing),
    "ANTC_CNTG_VRSS": _expected(_difference, lambda m: m.money(-m.base)),
    "ANTC_CNTG_VRSS_SIGN": _expected(_sign, lambda m: "5"),
    "ANTC_CNTG_PRDY_CTRT": _expected(_rate, lambda m: "-100.00"),
    "ANTC_MKOP_CLS_CODE": lambda m: "311" if m.is_open else "112",
    "TR_SUSP_REAS_CNTT": lambda m: "(null)",
    "MKOP_CLS_CODE": lambda m: "",
    "DIVI_APP_CLS_CODE": lambda m: "",
    "ISCD_STAT_CLS_CODE": lambda m: "58" if m.suspended else "55",
    "VI_CLS_CODE": lambda m: "N",
    "OVTM_VI_CLS_CODE": lambda m: "N",
    "OVTM_TOTAL_ASKP_RSQN": _nothing,
    "OVTM_TOTAL_BIDP_RSQN": _nothing,
    "OVTM_TOTAL_ASKP_ICDC": _nothing,
    "OVTM_TOTAL_BIDP_ICDC": _nothing,
    "STCK_DEAL_CLS_CODE": _nothing,
    "DYNM_MXPR": lambda m: m.money(m.upper),
    "DYNM_LLAM": lambda m: m.money(m.lower),
    "DYNM_PRC_LIMT_YN": lambda m: "2",
    "HTS_THPR": lambda m: m.money(m.price),
    "PRDY_CLPR_VRSS_OPRC_RATE": lambda m: percent(m.open - m.base, m.base),
    "PRDY_CLPR_VRSS_HGPR_RATE": lambda m: percent(m.high - m.base, m.base),
    "PRDY_CLPR_VRSS_LWPR_RATE": lambda m: percent(m.low - m.base, m.base),
    "MRKT_OPEN_TIME": lambda m: "070000",
    "MRKT_CLOSE_TIME": lambda m: "060000",
    "ACTIVE_FLAG": lambda m: "1",
    "QUOTSIGN": lambda m: "1" if m.rising else "2",
    "RECV_TIME2": lambda m: f"{m.at.microsecond // 100:04d}",
}
for _name in ("OPRC", "HGPR", "LWPR"):
    _attribute = {"OPRC": "open", "HGPR": "high", "LWPR": "low"}[_name]
    for _middle in ("PRPR", "NMIX_PRPR"):
        _WRITERS[f"{_name}_VRSS_{_middle}"], _WRITERS[f"{_name}_VRSS_{_middle}_SIGN"] = _since(_attribute)
    _WRITERS[f"{_name}_VRSS_NMIX_SIGN"] = _WRITERS[f"{_name}_VRSS_PRPR_SIGN"]

_SAME = {
    "PRPR": (
        *("PRPR_NMIX", "LAST", "LAST_PRICE", "NAV", "TOTL_ERNN_NMIX", "CLEN_PRC_NMIX", "MRKT_PRC_NMIX"),
        *("BOND_CALL_RNVS_NMIX", "BOND_ZERO_RNVS_NMIX", "BOND_FUTS_THPR"),
        *("NMSC_FCTN_STPL_PRC", "FMSC_FCTN_STPL_PRC", "PRMM_VAL"),
    ),
    "OPRC": ("OPRC_NMIX", "OPEN", "OPEN_PRICE", "OPRC_NAV", "TOTL_ERNN_NMIX_OPRC"),
    "HGPR": ("NMIX_HGPR", "HIGH", "HIGH_PRICE", "HPRC_NAV", "TOTL_ERNN_NMIX_HGPR"),
    "LWPR": ("NMIX_LWPR", "LOW", "LOW_PRICE", "LPRC_NAV", "TOTL_ERNN_NMIX_LWPR"),
    "PRDY_CLPR": ("PREV_PRICE", "PRDY_TOTL_ERNN_NMIX", "PSTTL_PRICE", "STTL_PRICE"),
    "PRDY_VRSS": (
        *("BSTP_NMIX_PRDY_VRSS", "NAV_PRDY_VRSS", "PREV_DIFF_PRICE", "PSTTL_DIFF_PRICE"),
        *("TOTL_ERNN_NMIX_PRDY_VRSS", "TICK_VRSS"),
    ),
    "PRDY_CTRT": ("NAV_PRDY_CTRT", "RATE", "PREV_DIFF_RATE", "PSTTL_DIFF_RATE", "TOTL_ERNN_NMIX_PRDY_CTRT"),
    "PRDY_VRSS_SIGN": (
        *("NAV_PRDY_VRSS_SIGN", "SIGN", "PREV_SIGN", "PSTTL_SIGN", "TOTL_ERNN_NMIX_PRDY_VRSS_SIGN"),
    ),
    "CNTG_VOL": ("LAST_CNQN", "EVOL", "LAST_QNTT", "PCAS_VOL"),
    "ACML_VOL": ("TVOL", "VOL"),
    "ACML_TR_PBMN": ("TAMT",),
    "SELN_CNTG_SMTN": ("BIVL",),
    "SHNU_CNTG_SMTN": ("ASVL",),
    "CTTR": ("STRN",),
    "CCLD_DVSN": ("CNTG_CLS_CODE",),
}
for _name, _others in _SAME.items():
    for _other in _others:
        _WRITERS[_other] = _WRITERS[_name]

_COUNTS = {
    "UPLM_ISSU_CNT": "upper",
    "ASCN_ISSU_CNT": "rising",
    "STNR_ISSU_CNT": "flat",
    "DOWN_ISSU_CNT": "falling",
    "LSLM_ISSU_CNT": "lower",
}
_TOTALS = {
    "TOTAL_ASKP_RSQN": "ask",
    "TOTAL_BIDP_RSQN": "bid",
    "AVOL": "ask",
    "BVOL": "bid",
    "LP_TOTAL_ASKP_RSQN": "ask",
    "LP_TOTAL_BIDP_RSQN": "bid",
}


@cache
def writers(fields: tuple[Field, ...]) -> tuple[Writer, ...]:
    """How a record with these fields is written.

    Args:
        fields: In the order of the wire; the first is the key.
    """
    names = [_PRODUCT.sub("", field.name) for field in fields]
    depth = sum(_book_part(name)[0] == "ASKP" for name in names)
    depth = depth if depth > 1 or "AVOL" in names else DEPTH_OF_MARKET
    expects = any(name == "ANTC_CNPR" for name in names) and "ASKP1" not in names
    found = [_writer(name, field.type, depth) for name, field in zip(names, fields, strict=True)]
    if expects:  # a TR that tells of nothing but auctions
        for i, name in enumerate(names):
            if name == "ANTC_CNPR":
                found[i] = _WRITERS["PRPR"]
            elif name in ("ANTC_CNTG_VRSS", "ANTC_CNTG_VRSS_SIGN", "ANTC_CNTG_PRDY_CTRT"):
                same = {"VRSS": "PRDY_VRSS", "SIGN": "PRDY_VRSS_SIGN", "CTRT": "PRDY_CTRT"}
                found[i] = _WRITERS[same[name.rpartition("_")[2]]]
    return (_key, *found[1:])


def _writer(name: str, type_: str, depth: int) -> Writer:
    if name in _WRITERS:
        return _WRITERS[name]
    if name in _TOTALS:
        side = _TOTALS[name]
        return lambda m: str(m.total(side, depth))
    if name in ("TOTAL_ASKP_CSNU", "TOTAL_BIDP_CSNU"):
        side = "ask" if "ASKP" in name else "bid"
        return lambda m: str(sum(-(-m.level(side, n).quantity // 10) for n in range(1, depth + 1)))
    if name in _COUNTS:
        count = _COUNTS[name]
        return lambda m: str(m.counts.get(count, 0))
    stem, number = _book_part(name)
    if stem in _ONE_OF_A_BOOK:
        write = _ONE_OF_A_BOOK[stem]
        return lambda m: write(m, number)
    if type_ == "time":
        return _korean_time
    if type_ == "date":
        return _korean_date
    return invented(name, type_)


def _book_part(name: str) -> tuple[str, int]:
    """What of a level, and which level: the bonds' fifth is called 52 and 53."""
    if name in ("PASK", "PBID", "VASK", "VBID"):
        return _SAME_IN_A_BOOK[name], 1
    match = _LEVEL.fullmatch(name)
    if match is None:
        return "", 0
    number = int(match[2])
    return _SAME_IN_A_BOOK.get(match[1], match[1]), number // 10 if number > DEPTH_OF_MARKET else number
