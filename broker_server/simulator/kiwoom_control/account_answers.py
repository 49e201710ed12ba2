"""Answers about the account: its orders, its money, its holdings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from broker_server.simulator.candles import parse_date
from broker_server.simulator.clock import KST
from broker_server.simulator.kiwoom_control.answer import VENDOR, Answer, Inputs, MakeAnswer, Row
from broker_server.simulator.kiwoom_control.text import hhmmss, order_number, rate
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, Side


class AccountAnswers:
    """Answers about the account.

    Args:
        exchange: The market and the accounts.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._market = exchange.market
        self.by_code: Mapping[str, MakeAnswer] = {
            "OPT10075": self._open_orders,
            "OPW00001": self._deposit,
            "OPW00007": self._orders_of_a_day,
            "OPW00018": self._balance,
        }

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


def _filled(number: int) -> str:
    return f"{number:015d}" if number >= 0 else f"-{-number:014d}"


def _today(now: datetime) -> date:
    return now.date()
