"""Answers about instruments: what they are, what they cost now, who moves most."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from broker_server.simulator.candles import parse_date
from broker_server.simulator.instruments import KRX
from broker_server.simulator.kiwoom_control.answer import Answer, Inputs, MakeAnswer, instrument_of
from broker_server.simulator.kiwoom_control.tables import trs
from broker_server.simulator.kiwoom_control.text import change, directed, hhmmss, rate, symbol
from broker_server.simulator.market import Market


class StockAnswers:
    """Answers about instruments.

    Args:
        market: Where they come from.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self.by_code: Mapping[str, MakeAnswer] = {
            "OPT10001": self._stock,
            "OPT10004": self._order_book,
            "OPT10014": self._short_sales,
            "OPT10017": self._movers,
            "OPT10087": self._after_hours,
        }

    def _stock(self, inputs: Inputs) -> Answer:
        instrument = instrument_of(self._market, inputs)
        quote = self._market.quote(instrument)
        base = quote.base
        return Answer(
            {
                "종목코드": instrument.symbol,
                "종목명": instrument.name,
                "액면가": str(instrument.par_value),
                "상장주식": str(instrument.shares // 1000),
                "시가총액": str(instrument.shares * quote.price // 100_000_000),
                "EPS": str(instrument.eps),
                "BPS": str(instrument.bps),
                "시가": directed(quote.open, base),
                "고가": directed(quote.high, base),
                "저가": directed(quote.low, base),
                "상한가": f"+{quote.upper}",
                "하한가": f"-{quote.lower}",
                "기준가": str(base),
                "현재가": directed(quote.price, base),
                "대비기호": symbol(quote.price, base),
                "전일대비": change(quote.price, base),
                "등락율": rate(quote.price, base),
                "거래량": str(quote.volume),
                "거래대비": rate(quote.volume, quote.previous_volume),
            }
        )

    def _order_book(self, inputs: Inputs) -> Answer:
        instrument = instrument_of(self._market, inputs)
        book, base = self._market.order_book(instrument), self._market.quote(instrument).base
        row = {"호가잔량기준시간": hhmmss(self._market.clock.now())}
        for name, levels in (("매도", book.asks), ("매수", book.bids)):
            for place in range(1, 11):
                level = levels[place - 1] if place <= len(levels) else None
                price = directed(level.price, base) if level else "0"
                quantity = str(level.quantity) if level else "0"
                if place == 1:
                    row |= {f"{name}최우선호가": price, f"{name}최우선잔량": quantity}
                    row[f"{name}1차선잔량대비"] = "0"
                    continue
                # Kiwoom's own names: one word differs at the sixth level.
                price_word = "우선" if (name, place) == ("매수", 6) else "차선"
                quantity_word = "우선" if place == 6 else "차선"
                row[f"{name}{place}{price_word}호가"] = price
                row[f"{name}{place}{quantity_word}잔량"] = quantity
                row[f"{name}{place}차선잔량대비"] = "0"
            row[f"총{name}잔량"] = str(sum(level.quantity for level in levels))
            row[f"총{name}잔량직전대비"] = "0"
            row |= {f"시간외{name}잔량": "0", f"시간외{name}잔량대비": "0"}
        return Answer(row)

    def _after_hours(self, inputs: Inputs) -> Answer:
        instrument = instrument_of(self._market, inputs)
        quote = self._market.quote(instrument)
        row = dict.fromkeys(trs()["OPT10087"].single, "0")
        row["호가잔량기준시간"] = hhmmss(self._market.clock.now())
        row["시간외단일가_현재가"] = directed(quote.price, quote.base)
        row["시간외단일가_전일대비기호"] = symbol(quote.price, quote.base)
        row["시간외단일가_전일대비"] = change(quote.price, quote.base)
        row["시간외단일가_등락률"] = rate(quote.price, quote.base)
        row["시간외단일가_누적거래량"] = str(quote.volume // 200)
        return Answer(row)

    def _movers(self, inputs: Inputs) -> Answer:
        wanted = inputs.get("상하한구분", "1").strip()
        segment = {"001": "KOSPI", "101": "KOSDAQ"}.get(inputs.get("시장구분", "000").strip())
        rows = []
        for instrument in self._market.instruments:
            if instrument.exchange != KRX or segment not in (None, instrument.segment):
                continue
            quote = self._market.quote(instrument)
            moves = symbol(quote.price, quote.base)
            at_limit = {quote.upper: "1", quote.lower: "4"}.get(quote.price)
            if wanted not in ({"2": "2", "3": "3", "5": "5"}[moves], at_limit):
                continue
            book = self._market.order_book(instrument)
            ask, bid = (book.asks or (None,))[0], (book.bids or (None,))[0]
            rows.append(
                {
                    "종목코드": instrument.symbol,
                    "종목정보": "0",
                    "종목명": instrument.name,
                    "현재가": directed(quote.price, quote.base),
                    "전일대비기호": moves,
                    "전일대비": change(quote.price, quote.base),
                    "등락률": rate(quote.price, quote.base),
                    "거래량": str(quote.volume),
                    "전일거래량": str(quote.previous_volume),
                    "매도잔량": str(ask.quantity) if ask else "0",
                    "매도호가": directed(ask.price, quote.base) if ask else "0",
                    "매수호가": directed(bid.price, quote.base) if bid else "0",
                    "매수잔량": str(bid.quantity) if bid else "0",
                    "횟수": "1",
                }
            )
        return Answer(rows=rows)

    def _short_sales(self, inputs: Inputs) -> Answer:
        instrument = instrument_of(self._market, inputs)
        today = self._market.local_date(instrument)
        first = parse_date(inputs.get("시작일자", "")) or today - timedelta(days=100)
        last = parse_date(inputs.get("종료일자", "")) or today
        rows = []
        for bar in reversed(self._market.daily_bars(instrument, first, last)):
            short = bar.volume // 50
            rows.append(
                {
                    "일자": f"{bar.day:%Y%m%d}",
                    "종가": directed(bar.close, bar.base),
                    "전일대비기호": symbol(bar.close, bar.base),
                    "전일대비": change(bar.close, bar.base),
                    "등락율": rate(bar.close, bar.base),
                    "거래량": str(bar.volume),
                    "공매도량": str(short),
                    "매매비중": "+2.00",
                    "공매도거래대금": str(short * bar.close // 1000),
                    "공매도평균가": str(bar.close),
                    "누적공매도량": str(short * 3),
                }
            )
        return Answer(rows=rows)
