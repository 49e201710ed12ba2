"""Under which names KIS's records are published."""

from __future__ import annotations

import pytest

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.overseas_keys import OverseasKey, exchange_names, parse_overseas_key
from broker_server.vendors.kis.stream_names import newest_only, stream_name, stream_trs


@pytest.mark.parametrize(
    ("code", "key", "name"),
    [
        ("H0STCNT0", "005930", "trade.005930"),
        ("H0NXCNT0", "005930", "trade.005930.NXT"),
        ("H0UNCNT0", "005930", "trade.005930.UNIFIED"),
        ("H0STOUP0", "005930", "trade.005930"),
        ("H0STANC0", "005930", "expected_trade.005930"),
        ("H0NXANC0", "005930", "expected_trade.005930.NXT"),
        ("H0UNANC0", "005930", "expected_trade.005930.UNIFIED"),
        ("H0STOAC0", "005930", "expected_trade.005930"),
        ("H0STASP0", "005930", "order_book.005930"),
        ("H0NXASP0", "005930", "order_book.005930.NXT"),
        ("H0UNASP0", "005930", "order_book.005930.UNIFIED"),
        ("H0STOAA0", "005930", "order_book.005930"),
        ("H0STMKO0", "005930", "market_status.005930"),
        ("H0NXMKO0", "005930", "market_status.005930.NXT"),
        ("H0UNMKO0", "005930", "market_status.005930.UNIFIED"),
        ("H0UPCNT0", "0001", "index.0001"),
        ("H0UPANC0", "0001", "expected_index.0001"),
        ("HDFSCNT0", "DNASAAPL", "trade.AAPL.NASD"),
        ("HDFSCNT0", "RBAQAAPL", "trade.AAPL.NASD"),
        ("HDFSCNT0", "DHKS00003", "trade.00003.SEHK.delayed"),
        ("HDFSCNT0", "RHKS00003", "trade.00003.SEHK"),
        ("HDFSASP0", "DNYSIBM", "order_book.IBM.NYSE"),
        ("HDFSASP1", "DTSE7203", "order_book.7203.TKSE.delayed"),
        ("H0STCNI0", "Seoul7Login", "execution.default"),
        ("H0STCNI9", "Seoul7Login", "execution.default"),
        ("H0GSCNI0", "Seoul7Login", "execution.default"),
        ("H0GSCNI9", "Seoul7Login", "execution.default"),
        ("H0IFCNI0", "Seoul7Login", "H0IFCNI0.default"),
        ("HDFFF2C0", "Seoul7Login", "HDFFF2C0.default"),
        ("H0STMBC0", "005930", "H0STMBC0.005930"),
        ("H0NXPGM0", "005930", "H0NXPGM0.005930"),
        ("H0IFCNT0", "101S12", "H0IFCNT0.101S12"),
        ("H0BJCNT0", "KR2033022D33", "H0BJCNT0.KR2033022D33"),
    ],
)
def test_names(code: str, key: str, name: str) -> None:
    assert ".".join(stream_name(Registration(code, key))) == name


def test_no_trade_and_no_notice_is_ever_skipped() -> None:
    for code, tr in stream_trs().items():
        if tr.channel in ("trade", "execution", "market_status") or tr.key == "notice":
            assert not newest_only(code)
        if "ASP" in code:
            assert newest_only(code)
        if "CNT" in code and code not in ("H0UPCNT0", "H0BICNT0"):  # indices
            assert not newest_only(code)


def test_a_key_is_read_as_it_is_written() -> None:
    for exchange in set(exchange_names().values()):
        american = OverseasKey(exchange=exchange, symbol="X").american
        for day_market, paid in ((False, False), (american, not american)):
            key = OverseasKey(exchange=exchange, symbol="BRK/B", day_market=day_market, paid=paid)
            assert parse_overseas_key(key.text) == key
            assert key.delayed == (not american and not paid)


@pytest.mark.parametrize("text", ["", "D", "DNAS", "XNASAAPL", "DXXXAAPL", "DBAQAAPL", "RNASAAPL", "AAPL"])
def test_what_is_no_key(text: str) -> None:
    assert parse_overseas_key(text) is None
