"""Orders as blocking calls: what `SendOrder` is given, and the wait for its verdict."""

from __future__ import annotations

import threading
from collections.abc import Callable

from broker_client.errors import InvalidParameters, OrdersDisabled, TaskFailed, Unsupported
from broker_server.core.methods import Lane, TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.backend import OrderRequest
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.errors import VENDOR, order_unknown, unavailable
from broker_server.vendors.kiwoom.openapi_plus.life import NAP, ControlLife
from broker_server.vendors.kiwoom.openapi_plus.orders import OrderCall, OrderNotTaken, OrderSlot
from broker_server.vendors.kiwoom.openapi_plus.timing import deadline_of

_PATIENCE = 10.0
"""An order ends by itself so soon after its last timer."""
_ORDER_TYPES = {
    ("new", "buy"): 1,
    ("new", "sell"): 2,
    ("cancel", "buy"): 3,
    ("cancel", "sell"): 4,
    ("modify", "buy"): 5,
    ("modify", "sell"): 6,
}


class OrderDesk:
    """Sends the orders of one login.

    Args:
        life: The control.
        config: The login.
        clock: The time.
        slot_taken: Told how long an order waited for the rate limit.
    """

    def __init__(
        self,
        life: ControlLife,
        config: OpenApiPlusConfig,
        clock: Clock,
        slot_taken: Callable[[Lane, float | None], None],
    ) -> None:
        self._life = life
        self._config = config
        self._clock = clock
        self._slot_taken = slot_taken
        self._mine = threading.local()

    def ready_for_order(self, order: OrderRequest, context: TaskContext) -> None:
        """See `Backend.ready_for_order`."""
        self._mine.has_slot = False
        session = self._life.ready_session(context)
        call = self._order_call(order, context)
        slot = OrderSlot(lane=call.lane, deadline=deadline_of(context, self._clock))
        self._life.post(lambda: session.orders.submit(slot))
        try:
            self._life.wait(slot.future, context)
        except OrderNotTaken as untaken:
            raise untaken.error from untaken
        finally:
            self._slot_taken(slot.lane, slot.waited)
        self._mine.has_slot = True

    def send_order(self, order: OrderRequest, context: TaskContext) -> str:
        """See `Backend.send_order`."""
        try:
            call = self._order_call(order, context)
        except TaskFailed:
            context.not_taken()
            raise
        call.has_slot, self._mine.has_slot = getattr(self._mine, "has_slot", False), False
        session = self._life.session
        if session is None:
            context.not_taken()
            raise unavailable("the order was not sent: there is no control")
        self._life.post(lambda: session.orders.submit(call))
        try:
            number = self._wait_for_verdict(call)
            self._life.password_missing = False
            return number
        except OrderNotTaken as untaken:
            context.not_taken()
            raise untaken.error from untaken
        finally:
            self._slot_taken(call.lane, call.waited)

    def account(self) -> str:
        """The account that trades.

        Raises:
            InvalidParameters: The login does not have it, or has several and none is configured.
        """
        accounts = () if self._life.logged_in is None else self._life.logged_in.accounts
        wanted = self._config.account
        if wanted is None:
            if len(accounts) == 1:
                return accounts[0]
            raise InvalidParameters(
                f"the login has {len(accounts)} accounts; name the one to trade in the settings",
                vendor=VENDOR,
            )
        plain = wanted.replace("-", "")
        if plain not in accounts:
            raise InvalidParameters("the account of the settings is not one of this login's", vendor=VENDOR)
        return plain

    def is_own(self, account: str) -> bool:
        """Whether an account is the one that trades; news without an account count as its own."""
        try:
            return not account or self.account() == account
        except TaskFailed:
            return False

    def _wait_for_verdict(self, call: OrderCall) -> str:
        """An order ends by itself, unless a window of the control holds its thread up."""
        timing = self._config.timing
        give_up = (
            self._clock.monotonic() + timing.order + timing.order_message + min(_PATIENCE, timing.held_up)
        )
        while True:
            try:
                return call.future.result(NAP)
            except TimeoutError:
                if self._life.is_alive and self._clock.monotonic() < give_up:
                    continue
                if call.future.cancel():
                    error = unavailable(
                        "the order was not sent: the control's thread is held up or has ended"
                    )
                    raise OrderNotTaken(error) from None
                if call.future.done():
                    continue
                raise order_unknown("the control's thread is held up or has ended") from None

    def _order_call(self, order: OrderRequest, context: TaskContext) -> OrderCall:
        session, logged_in = self._life.session, self._life.logged_in
        if session is None or logged_in is None or not session.is_ready:
            raise unavailable(
                f"the order was not sent: {self._life.notice.state}: {self._life.notice.reason}"
            )
        if logged_in.live and self._config.mock_expected and not self._config.simulated:
            raise OrdersDisabled(
                "the settings say mock trading, and this login is on the server of real trading",
                vendor=VENDOR,
            )
        if order.venue != "KRX":
            raise Unsupported(
                f"orders for {order.venue} are not offered through OpenAPI+; use the REST backend",
                vendor=VENDOR,
            )
        return OrderCall(
            account=self.account(),
            order_type=_ORDER_TYPES[order.action, order.side],
            ticker=order.ticker,
            quantity=order.quantity,
            price=0 if order.action == "cancel" else order.price,
            kind=order.kind.zfill(2),
            original=order.original or "",
            lane=Lane.CANCEL if order.action == "cancel" else Lane.ORDER,
            deadline=self._order_deadline(context),
        )

    def _order_deadline(self, context: TaskContext) -> float:
        """Nothing of an order leaves later than its exchange may take."""
        latest, deadline = (
            self._clock.monotonic() + self._config.timing.order,
            deadline_of(context, self._clock),
        )
        return latest if deadline is None else min(latest, deadline)
