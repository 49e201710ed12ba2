"""The answers of the simulated TRs, from the simulated market."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial

from broker_server.simulator.candles import Period, combine, parse_date, traded_value, unadjusted
from broker_server.simulator.clock import KST
from broker_server.simulator.instruments import KRX, Instrument
from broker_server.simulator.kiwoom_control.tables import trs
from broker_server.simulator.kiwoom_control.text import change, directed, hhmmss, rate, symbol
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, Side

VENDOR = "kiwoom"
_DAYS_OF_MINUTES = 60
_FIRST_DAY = date(2015, 1, 2)

Row = dict[str, str]
Inputs = Mapping[str, str]


class Refused(Exception):
    """The server refuses a query; the text is all that comes back."""


@dataclass(slots=True)
class Answer:
    """What a TR answers, all pages of it.

    Attributes:
        single: The record with one row.
        rows: The record with many.
    """

    single: Row = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


class Answers:
    """Answers TRs by their code.

    Args:
        exchange: The market and the accounts.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._market = exchange.market
        self._by_code: dict[str, Callable[[Inputs], Answer]] = {
            "OPT10001": self._stock,
            "OPT10004": self._order_book,
            "OPT10014": self._short_sales,
            "OPT10017": self._movers,
            "OPT10075": self._open_orders,
            "OPT10080": self._minutes,
            "OPT10081": self._days,
            "OPT10082": partial(self._periods, "week"),
            "OPT10083": partial(self._periods, "month"),
            "OPT10094": partial(self._periods, "year"),
            "OPT10087": self._after_hours,
            "OPW00001": self._deposit,
            "OPW00007": self._orders_of_a_day,
            "OPW00018": self._balance,
        }

    def answer(self, code: str, inputs: Inputs) -> Answer:
        """All pages of an answer.

        Raises:
            Refused: The text says why.
        """
        make = self._by_code.get(code)
        if make is None:
            raise Refused("[00Z112] 서비스되지 않는 TR 입니다.")
        found = make(inputs)
        items = trs()[code]
        found.single = {item: found.single.get(item, "") for item in items.single} if found.single else {}
        return found

    def _instrument(self, inputs: Inputs) -> Instrument:
        code = inputs.get("종목코드", "").strip()
        found = self._market.instruments.find(code) or self._market.instruments.find(f"Q{code}")
        if found is None:
            raise Refused("[571489] 종목코드를 확인하세요.")
        return found

    def _stock(self, inputs: Inputs) -> Answer:
        instrument = self._instrument(inputs)
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
        instrument = self._instrument(inputs)
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
        instrument = self._instrument(inputs)
        quote = self._market.quote(instrument)
        row = dict.fromkeys(trs()["OPT10087"].single, "0")
        row["호가잔량기준시간"] = hhmmss(self._market.clock.now())
        row["시간외단일가_현재가"] = directed(quote.price, quote.base)
        row["시간외단일가_전일대비기호"] = symbol(quote.price, quote.base)
        row["시간외단일가_전일대비"] = change(quote.price, quote.base)
        row["시간외단일가_등락률"] = rate(quote.price, quote.base)
        row["시간외단일가_누적거래량"] = str(quote.volume // 200)
        return Answer(row)

    def _days(self, inputs: Inputs) -> Answer:
        instrument = self._instrument(inputs)
        last = parse_date(inputs.get("기준일자", "")) or self._market.local_date(instrument)
        bars = self._market.daily_bars(instrument, _FIRST_DAY, last)
        if inputs.get("수정주가구분", "0").strip() != "1":
            bars = [unadjusted(instrument, bar) for bar in bars]
        rows: list[Row] = []
        for bar in reversed(bars):
            rows.append(
                {
                    "종목코드": "" if rows else instrument.symbol,
                    "현재가": str(bar.close),
                    "거래량": str(bar.volume),
                    "거래대금": str(traded_value(bar) // 1_000_000),
                    "일자": f"{bar.day:%Y%m%d}",
                    "시가": str(bar.open),
                    "고가": str(bar.high),
                    "저가": str(bar.low),
                }
            )
        return Answer(rows=rows)

    def _periods(self, period: Period, inputs: Inputs) -> Answer:
        instrument = self._instrument(inputs)
        last = parse_date(inputs.get("기준일자", "")) or self._market.local_date(instrument)
        bars = combine(self._market.daily_bars(instrument, _FIRST_DAY, last), period)
        return Answer(
            rows=[
                {
                    "현재가": str(bar.close),
                    "거래량": str(bar.volume),
                    "거래대금": str(traded_value(bar) // 1_000_000),
                    "일자": f"{bar.day:%Y%m%d}",
                    "시가": str(bar.open),
                    "고가": str(bar.high),
                    "저가": str(bar.low),
                }
                for bar in reversed(bars)
            ]
        )

    def _minutes(self, inputs: Inputs) -> Answer:
        instrument = self._instrument(inputs)
        interval = int(inputs.get("틱범위", "1").split(":")[0] or 1)
        base, day = self._market.quote(instrument).base, self._market.local_date(instrument)
        rows = []
        for _ in range(_DAYS_OF_MINUTES):
            rows += [
                {
                    "현재가": directed(bar.close, base),
                    "거래량": str(bar.volume),
                    "체결시간": f"{bar.time:%Y%m%d%H%M%S}",
                    "시가": directed(bar.open, base),
                    "고가": directed(bar.high, base),
                    "저가": directed(bar.low, base),
                }
                for bar in self._market.minute_bars(instrument, day, time(23, 59, 59), 1440, interval)
            ]
            day -= timedelta(days=1)
        return Answer(rows=rows)

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
        instrument = self._instrument(inputs)
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

    def _orders_of(self, inputs: Inputs) -> list[Order]:
        self._exchange.advance()
        orders = self._exchange.orders_of(VENDOR, inputs.get("계좌번호", "").strip())
        ticker, side = (
            inputs.get("종목코드", "").strip(),
            (inputs.get("매매구분") or inputs.get("매도수구분") or "0").strip(),
        )
        side = {"1": Side.SELL, "2": Side.BUY}.get(side, "")
        return [
            each
            for each in reversed(orders)
            if ticker in ("", each.request.instrument.symbol) and side in ("", each.request.side)
        ]

    def _open_orders(self, inputs: Inputs) -> Answer:
        kind = inputs.get("체결구분", "0").strip()
        orders = self._orders_of(inputs)
        if kind in ("1", "2"):
            orders = [each for each in orders if each.is_open == (kind == "1")]
        return Answer(rows=[self._order_row(each) for each in orders])

    def _orders_of_a_day(self, inputs: Inputs) -> Answer:
        day = parse_date(inputs.get("주문일자", "")) or _today(self._market.clock.now())
        return Answer(rows=[self._day_row(each) for each in self._orders_of(inputs) if each.day == day])

    def _order_row(self, order: Order) -> Row:
        request = order.request
        word = {"new": "", "modify": "정정", "cancel": "취소"}[order.kind]
        sign, side = ("+", "매수") if request.side is Side.BUY else ("-", "매도")
        return {
            "계좌번호": request.account,
            "주문번호": order_number(order.number),
            "종목코드": request.instrument.symbol,
            "종목명": request.instrument.name,
            "주문상태": "체결" if order.filled else "확인" if order.kind == "cancel" else "접수",
            "주문수량": str(request.quantity),
            "주문가격": str(order.price or 0),
            "미체결수량": str(order.remaining if order.is_open else 0),
            "체결누계금액": str(order.amount),
            "원주문번호": order_number(order.original),
            "주문구분": f"{sign}{side}{word}",
            "매매구분": "시장가" if request.code == "03" else "보통",
            "시간": hhmmss(order.time),
            "주문시간": hhmmss(order.time),
            "체결가": str(order.amount // order.filled) if order.filled else "",
            "체결량": str(order.filled) if order.filled else "",
            "현재가": str(self._market.quote(request.instrument).price),
            "단위체결가": str(order.fills[-1].price) if order.fills else "",
            "단위체결량": str(order.fills[-1].quantity) if order.fills else "",
            "거래소구분텍스트": request.venue,
            "SOR 여부값": "N",
        }

    def _day_row(self, order: Order) -> Row:
        request = order.request
        side = "현금매수" if request.side is Side.BUY else "현금매도"
        confirmed = order.cancelled if order.kind == "cancel" else order.removed
        return {
            "주문번호": order_number(order.number),
            "종목번호": f"A{request.instrument.symbol}",
            "매매구분": "시장가" if request.code == "03" else "보통",
            "주문수량": f"{request.quantity:010d}",
            "주문단가": f"{order.price or 0:010d}",
            "확인수량": f"{confirmed:010d}",
            "접수구분": "주문거부" if order.rejected else "접수",
            "주문시간": f"{order.time.astimezone(KST):%H:%M:%S}",
            "원주문": order_number(order.original),
            "종목명": request.instrument.name,
            "주문구분": side,
            "체결수량": f"{order.filled:010d}",
            "체결단가": f"{order.amount // order.filled if order.filled else 0:010d}",
            "주문잔량": f"{order.remaining if order.is_open else 0:010d}",
            "정정취소": {"new": "", "modify": "정정", "cancel": "취소"}[order.kind],
            "국내거래소구분": request.venue,
        }

    def _deposit(self, inputs: Inputs) -> Answer:
        self._exchange.advance()
        account = self._exchange.account(VENDOR, inputs.get("계좌번호", "").strip())
        today = _today(self._market.clock.now())
        return Answer(
            {
                "예수금": f"{account.deposit('KRW', today):015d}",
                "출금가능금액": f"{account.deposit('KRW', today):015d}",
                "주문가능금액": f"{account.free_cash('KRW'):015d}",
                "d+1추정예수금": f"{account.deposit('KRW', today + timedelta(days=1)):015d}",
                "d+2추정예수금": f"{account.cash.get('KRW', 0):015d}",
            }
        )

    def _balance(self, inputs: Inputs) -> Answer:
        self._exchange.advance()
        account = self._exchange.account(VENDOR, inputs.get("계좌번호", "").strip())
        rows, cost, worth = [], 0, 0
        for holding in account.holdings.values():
            if not holding.quantity:
                continue
            quote = self._market.quote(holding.instrument)
            value = quote.price * holding.quantity
            cost, worth = cost + holding.cost, worth + value
            rows.append(
                {
                    "종목번호": f"A{holding.instrument.symbol}",
                    "종목명": holding.instrument.name,
                    "평가손익": _filled(value - holding.cost),
                    "수익률(%)": rate(value, holding.cost),
                    "매입가": _filled(holding.cost // holding.quantity),
                    "전일종가": _filled(quote.base),
                    "보유수량": _filled(holding.quantity),
                    "매매가능수량": _filled(holding.sellable),
                    "현재가": _filled(quote.price),
                    "매입금액": _filled(holding.cost),
                    "평가금액": _filled(value),
                }
            )
        single = {
            "총매입금액": _filled(cost),
            "총평가금액": _filled(worth),
            "총평가손익금액": _filled(worth - cost),
            "총수익률(%)": rate(worth, cost) if cost else "0.00",
            "추정예탁자산": _filled(account.cash.get("KRW", 0) + worth),
        }
        return Answer(single, rows)


def order_number(number: int) -> str:
    """As Kiwoom writes it: seven digits."""
    return f"{number:07d}"


def _filled(number: int) -> str:
    return f"{number:015d}" if number >= 0 else f"-{-number:014d}"


def _today(now: datetime) -> date:
    return now.date()
