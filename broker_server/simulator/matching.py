"""The simulated exchange: takes orders, matches them against the market, books the executions.

A marketable order takes what the order book shows at once. What rests is filled as the market trades at its
price or better, never with more shares than the market traded meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

from broker_server.simulator.accounts import Account
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.market import Market
from broker_server.simulator.order_rules import (
    check_left,
    check_open,
    money_needed,
    reaches,
    trades_at,
    validate,
    working_price,
)
from broker_server.simulator.orders import (
    Fill,
    Order,
    OrderEvent,
    OrderEventKind,
    OrderKey,
    OrderRefused,
    OrderRequest,
    OrderState,
    OrderType,
    Refusal,
    Side,
    TimeInForce,
)
from broker_server.simulator.quotes import OrderBook
from broker_server.simulator.sessions import end_of_day

SETTLEMENT_DAYS = 2
FIRST_NUMBER = 1_000
"""Each day's order numbers begin after it."""
_MAX_STEPS = 2_000


class Exchange:
    """Every account and order of the simulated world.

    Args:
        market: Where prices come from.
        number_step: How far the next order number is from the last; other clients' orders take the rest.

    Attributes:
        listeners: Told of everything that happens to an order, when it happens.
        rejects: Whether the exchange rejects an order that the vendor has taken.
    """

    def __init__(self, market: Market, number_step: Callable[[], int] = lambda: 1) -> None:
        self.market = market
        self.accounts: dict[tuple[str, str], Account] = {}
        self.orders: dict[OrderKey, Order] = {}
        self.listeners: list[Callable[[OrderEvent], None]] = []
        self.rejects: Callable[[Order], bool] = lambda order: False
        self._open: dict[OrderKey, Order] = {}
        self._reserved: dict[OrderKey, int] = {}
        self._last_number: dict[tuple[str, str, date], int] = {}
        self._number_step = number_step
        self._advanced = market.clock.now()
        self._taken: dict[tuple[tuple[str, str], Side, int], int] = {}
        self._taken_at = 0

    def account(self, vendor: str, number: str) -> Account:
        """The account, opened with the starting cash on first use."""
        key = (vendor, number)
        found = self.accounts.get(key)
        if found is None:
            found = self.accounts[key] = Account(vendor, number)
        return found

    def orders_of(self, vendor: str, account: str) -> list[Order]:
        """Every order and cancellation of an account, oldest first."""
        return [
            order
            for key, order in self.orders.items()
            if key.vendor == vendor and order.request.account == account
        ]

    def find(
        self, vendor: str, account: str, market: str, number: int, instrument: Instrument | None = None
    ) -> Order:
        """The order that an account means by a number: today's, else the last earlier one.

        Args:
            vendor: Whose client.
            account: Its account.
            market: ``domestic`` or ``overseas``.
            number: The order number.
            instrument: Of that instrument alone. Overseas it is needed: exchanges whose dates differ give the
                same number at the same time.

        Raises:
            OrderRefused: There is no such order.
        """
        for order in reversed(self.orders_of(vendor, account)):
            found = order.request.instrument
            if order.number == number and found.market == market and instrument in (None, found):
                return order
        raise OrderRefused(Refusal.UNKNOWN_ORDER)

    def place(self, request: OrderRequest) -> Order:
        """Take a new order, and fill what the book gives at once.

        Raises:
            OrderRefused: Nothing was booked.
        """
        self.advance()
        return self._place(request, original=0, kind="new")

    def cancel(self, original: Order, quantity: int | None = None) -> Order:
        """Take back an order's remaining shares, or some of them.

        Returns:
            The cancellation, an instruction with its own number.

        Raises:
            OrderRefused: Nothing of it is left, or less than that.
        """
        self.advance()
        check_left(original, quantity)
        check_open(self.market, original.request)
        taken = quantity or original.remaining
        self._remove(original, taken, OrderState.CANCELLED)
        original.cancelled += taken
        request = replace(original.request, quantity=taken)
        instruction = Order(
            0,
            request,
            *self._stamp(request),
            original.price,
            original=original.number,
            kind="cancel",
            state=OrderState.CANCELLED,
            removed=taken,
            cancelled=taken,
        )
        self._number(instruction)
        self._tell(OrderEventKind.RECEIVED, instruction, taken)
        return instruction

    def modify(
        self,
        original: Order,
        *,
        price: int | None,
        quantity: int | None = None,
        type: OrderType | None = None,
        time_in_force: TimeInForce = TimeInForce.DAY,
        code: str | None = None,
    ) -> Order:
        """Replace an order's remaining shares, or some of them, by a new order.

        Returns:
            The new order.

        Raises:
            OrderRefused: The original stays as it was.
        """
        self.advance()
        check_left(original, quantity)
        taken = quantity or original.remaining
        request = replace(
            original.request,
            quantity=taken,
            price=price,
            type=type or original.request.type,
            time_in_force=time_in_force,
            code=original.request.code if code is None else code,
        )
        validate(self.market, request)
        before = original.removed, original.state
        self._remove(original, taken, OrderState.REPLACED)
        try:
            return self._place(request, original=original.number, kind="modify")
        except OrderRefused:
            original.removed, original.state = before
            self._reserve(original)
            raise

    def advance(self) -> None:
        """Match resting orders against everything the market did since the last call."""
        now = self.market.clock.now()
        if self._open and now > self._advanced:
            gap = (now - self._advanced).total_seconds()
            width = max(1.0, gap if gap < 1 else 1.0 if gap <= 120 else 60.0, gap / _MAX_STEPS)
            moment = self._advanced
            while moment < now and self._open:
                before, moment = moment, min(now, moment + timedelta(seconds=width))
                traded: dict[tuple[str, str], int] = {}
                for order in list(self._open.values()):
                    self._step(order, before, moment, traded)
        self._advanced = now

    def restart_time(self) -> None:
        """Take up matching from the clock's present time, after it was set back."""
        self._advanced = min(self._advanced, self.market.clock.now())

    def _place(self, request: OrderRequest, *, original: int, kind: str) -> Order:
        validate(self.market, request)
        book = self.market.order_book(request.instrument)
        price = working_price(request, book)
        order = Order(0, request, *self._stamp(request), price, original=original, kind=kind)
        order.triggered = request.type is not OrderType.STOP_LIMIT
        needed = money_needed(self.market, order)
        account = self.account(request.vendor, request.account)
        if request.side is Side.BUY:
            account.reserve_cash(request.instrument.currency, needed)
        else:
            if account.sellable(request.instrument) < request.quantity:
                raise OrderRefused(Refusal.INSUFFICIENT_HOLDING)
            account.holding(request.instrument).reserved += request.quantity
        self._number(order)
        self._open[order.key] = order
        self._reserved[order.key] = needed if request.side is Side.BUY else request.quantity
        self._tell(OrderEventKind.RECEIVED, order, request.quantity)
        if self.rejects(order):
            order.rejected = order.remaining
            self._remove(order, order.remaining, OrderState.REJECTED)
            self._tell(OrderEventKind.REJECTED, order, order.rejected)
        else:
            self._match_now(order, book)
        return order

    def _tell(
        self, kind: OrderEventKind, order: Order, quantity: int, price: int = 0, at: datetime | None = None
    ) -> None:
        event = OrderEvent(kind, order, at or self.market.clock.now(), quantity, price)
        for listener in self.listeners:
            listener(event)

    def _stamp(self, request: OrderRequest) -> tuple[datetime, date]:
        now = self.market.clock.now()
        return now, self.market.local_date(request.instrument, now)

    def _number(self, order: Order) -> None:
        series = order.key[:-1]
        order.number = self._last_number.get(series, FIRST_NUMBER) + max(1, self._number_step())
        self._last_number[series] = order.number
        self.orders[order.key] = order

    def _match_now(self, order: Order, book: OrderBook) -> None:
        if not order.triggered:
            return
        now = self.market.clock.now()
        if int(now.timestamp()) != self._taken_at:
            self._taken_at, self._taken = int(now.timestamp()), {}
        request = order.request
        levels = book.asks if request.side is Side.BUY else book.bids
        offers = []
        for level in levels:
            if order.price is not None and not reaches(request.side, order.price, level.price):
                break
            key = (request.instrument.key, request.side, level.price)
            offers.append((level.price, level.quantity - self._taken.get(key, 0), key))
        if request.time_in_force is TimeInForce.FOK and sum(offer[1] for offer in offers) < order.remaining:
            self._kill(order)
            return
        for price, quantity, key in offers:
            taken = min(quantity, order.remaining)
            if taken > 0:
                self._taken[key] = self._taken.get(key, 0) + taken
                self._fill(order, price, taken, now)
        if order.is_open and request.time_in_force is not TimeInForce.DAY:
            self._kill(order)

    def _kill(self, order: Order) -> None:
        """Take back what IOC or FOK leaves over."""
        quantity = order.remaining
        self._remove(order, quantity, OrderState.CANCELLED, cancelled=True)
        self._tell(OrderEventKind.KILLED, order, quantity)

    def _step(
        self, order: Order, before: datetime, moment: datetime, traded: dict[tuple[str, str], int]
    ) -> None:
        request = order.request
        zone = self.market.session(request.instrument).zone
        if moment >= end_of_day(order.day, zone):
            self._close_of_day(order, before)
            return
        if self.market.is_suspended(request.instrument) or not trades_at(self.market, request, moment):
            return
        quote = self.market.quote(request.instrument, moment)
        if not order.triggered:
            trigger = request.trigger or 0
            order.triggered = quote.price >= trigger if request.side is Side.BUY else quote.price <= trigger
            if not order.triggered:
                return
        if order.price is None or reaches(request.side, order.price, quote.price):
            key, lot = request.instrument.key, request.instrument.lot
            if key not in traded:
                volume = self.market.traded_between(request.instrument, before, moment)
                traded[key] = max(lot, volume - volume % lot)
            quantity = min(order.remaining, traded[key])
            if quantity:
                traded[key] -= quantity
                self._fill(order, quote.price, quantity, moment)

    def _close_of_day(self, order: Order, moment: datetime) -> None:
        if order.request.type is OrderType.CONDITIONAL:
            quote = self.market.quote(order.request.instrument, moment)
            if order.price is not None and (order.request.side is Side.SELL or quote.price <= order.price):
                self._fill(order, quote.price, order.remaining, moment)
                return
        self._remove(order, order.remaining, OrderState.EXPIRED)

    def _fill(self, order: Order, price: int, quantity: int, moment: datetime) -> None:
        request = order.request
        account = self.account(request.vendor, request.account)
        session = self.market.session(request.instrument)
        day = self.market.local_date(request.instrument, moment)
        self._release(order)
        order.filled += quantity
        order.amount += price * quantity
        order.fills.append(Fill(moment, price, quantity))
        order.state = OrderState.PARTIALLY_FILLED if order.remaining else OrderState.FILLED
        account.book(
            request.instrument, request.side, quantity, price, day, session.calendar.add(day, SETTLEMENT_DAYS)
        )
        self._reserve(order)
        self._tell(OrderEventKind.FILLED, order, quantity, price, moment)

    def _remove(self, order: Order, quantity: int, state: OrderState, *, cancelled: bool = False) -> None:
        self._release(order)
        order.removed += quantity
        if cancelled:
            order.cancelled += quantity
        if order.remaining == 0:
            order.state = state
        self._reserve(order)

    def _release(self, order: Order) -> None:
        """Give back what the order had put aside."""
        amount = self._reserved.pop(order.key, 0)
        account = self.account(order.request.vendor, order.request.account)
        if order.request.side is Side.BUY:
            account.release_cash(order.request.instrument.currency, amount)
        else:
            account.holding(order.request.instrument).reserved -= amount
        self._open.pop(order.key, None)

    def _reserve(self, order: Order) -> None:
        """Put aside what the remaining shares need; it was free a moment ago."""
        if not order.is_open or order.remaining == 0:
            return
        account = self.account(order.request.vendor, order.request.account)
        self._open[order.key] = order
        if order.request.side is Side.BUY:
            amount = money_needed(self.market, order)
            account.reserved[order.request.instrument.currency] = (
                account.reserved.get(order.request.instrument.currency, 0) + amount
            )
        else:
            amount = order.remaining
            account.holding(order.request.instrument).reserved += amount
        self._reserved[order.key] = amount
