"""What is listed: ``ka10099``, ``ka10100``, ``ka10101``."""

from __future__ import annotations

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kiwoom.calls import Answer, Call
from broker_server.simulator.kiwoom.codes import code_of, find
from broker_server.simulator.kiwoom.errors import failure
from broker_server.simulator.market import Market

MARKETS = {
    "0": "거래소",
    "10": "코스닥",
    "30": "K-OTC",
    "50": "코넥스",
    "60": "ETN",
    "70": "손실제한 ETN",
    "80": "금현물",
    "90": "변동성 ETN",
    "2": "인프라투융자",
    "3": "ELW",
    "4": "뮤추얼펀드",
    "5": "신주인수권",
    "6": "리츠",
    "7": "신주인수권증서",
    "8": "ETF",
    "9": "하이일드펀드",
}
_MARKET_OF_KIND = {"etf": "8", "etn": "60"}
_SEGMENTS = {"0": "KOSPI", "10": "KOSDAQ"}
_LARGE, _MIDDLE = 10_000_000_000_000, 1_000_000_000_000
_SECTORS = {
    "0": (
        ("001", "종합(KOSPI)"),
        ("002", "대형주"),
        ("003", "중형주"),
        ("004", "소형주"),
        ("013", "전기/전자"),
    ),
    "1": (("101", "종합(KOSDAQ)"), ("138", "KOSDAQ 100"), ("139", "KOSDAQ MID 300"), ("140", "KOSDAQ SMALL")),
    "2": (("201", "KOSPI200"),),
    "4": (("207", "KOSPI100"),),
    "7": (("701", "KRX100"),),
}


class Listings:
    """The TRs of what there is.

    Args:
        market: What is listed.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def instruments(self, call: Call) -> Answer:
        """``ka10099``: one page with all of a market; 0 and 10 hold ETF and ETN too."""
        wanted = call.get("mrkt_tp")
        if wanted not in MARKETS:
            raise failure("1901")
        rows = [
            self._row(item)
            for item in self._market.instruments
            if item.country == "KR" and (_own_market(item) == wanted or item.segment == _SEGMENTS.get(wanted))
        ]
        return Answer({call.api.rows.key: rows})

    def instrument(self, call: Call) -> Answer:
        """``ka10100``: the same of one code."""
        return Answer(self._row(find(self._market, call.get("stk_cd")).instrument))

    def sectors(self, call: Call) -> Answer:
        """``ka10101``: some industry codes of a market."""
        market = call.choice("mrkt_tp", *_SECTORS)
        rows = [
            {"marketCode": market, "code": code, "name": name, "group": str(i)}
            for i, (code, name) in enumerate(_SECTORS[market])
        ]
        return Answer({call.api.rows.key: rows})

    def _row(self, item: Instrument) -> dict[str, str]:
        quote = self._market.quote(item)
        worth = item.shares * quote.base
        market = _own_market(item)
        size = "대형주" if worth >= _LARGE else "중형주" if worth >= _MIDDLE else "소형주"
        on_kospi = item.segment == "KOSPI" and item.kind in ("stock", "preferred")
        return {
            "code": code_of(item),
            "name": item.name,
            "listCount": f"{item.shares:016d}",
            "auditInfo": self._audit(item),
            "regDay": f"{item.listed_on:%Y%m%d}",
            "lastPrice": f"{quote.base:08d}",
            "state": self.state(item),
            "marketCode": market,
            "marketName": MARKETS[market],
            "upName": item.sector,
            "upSizeName": size if on_kospi else "",
            "companyClassName": "우량기업" if item.segment == "KOSDAQ" and item.kind == "stock" else "",
            "orderWarning": "0",
            "nxtEnable": "Y" if item.nxt else "N",
        }

    def state(self, item: Instrument) -> str:
        """The states of an instrument, with bars between."""
        return state_text(item, suspended=self._market.is_suspended(item))

    def _audit(self, item: Instrument) -> str:
        if self._market.is_suspended(item):
            return "거래정지"
        return "관리종목" if item.administrative else "정상"


def state_text(item: Instrument, *, suspended: bool) -> str:
    """The states of an instrument as Kiwoom writes them, with bars between."""
    if suspended:
        return "증거금100%|거래정지"
    if item.administrative:
        return "증거금100%|관리종목"
    return "증거금20%|담보대출|신용가능" if item.kind in ("stock", "preferred") else "증거금40%|담보대출"


def _own_market(item: Instrument) -> str:
    return _MARKET_OF_KIND.get(item.kind) or ("0" if item.segment == "KOSPI" else "10")
