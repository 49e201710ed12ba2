"""The checks that an order passes before it is recorded, in the order of the policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from broker_client.errors import (
    InvalidParameters,
    OrderGuard,
    OrdersDisabled,
    TaskExpired,
    VendorNotConfigured,
)
from broker_client.validation import describe_validation_error
from broker_server.account_errors import unknown_account
from broker_server.core.accounts import AccountKey
from broker_server.core.guards import Limits, broken_limit, needs_price
from broker_server.core.methods import TaskContext
from broker_server.core.orders import Order, OrderDetails
from broker_server.core.vendor import Vendor
from broker_server.journal.halts import Halts
from broker_server.journal.order_rows import KST, trading_day
from broker_server.journal.orders import OrderJournal
from broker_server.orders.task import OrderTask
from broker_server.orders.users import ensure_user

CLOCK_SKEW = timedelta(seconds=2)
FUTURE = timedelta(seconds=5)
LONGEST_DAY = timedelta(hours=20)
"""Longer than any trading day: the American one, with what comes before and after, is 16 hours."""
SessionRule = Callable[[OrderDetails, datetime], str | None]
"""Says what is odd about the time of an order, or raises `OrderGuard`."""
DayRule = Callable[[Order, datetime], bool]
"""Says whether the trading day of an order is over at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRules:
    """What this worker allows.

    Attributes:
        environment: The worker's.
        refused: Why it takes no orders at all, if it does not.
        max_age: Older orders are not executed.
        zone: Of a ``request_time`` without an offset.
        allow_live: Orders that move real money may leave.
        users: The only AMQP users that may send, settle and resume orders; ``None`` for any.
        limits: See `broker_server.core.guards`; of each account by itself.
        limits_of: Those of the accounts that have others.
        session_rule: Order type against market session.
        day_over: Whether the market cannot fill an order any more, since its trading day is over.
    """

    environment: str
    refused: str | None = None
    max_age: timedelta = timedelta(seconds=60)
    zone: ZoneInfo = KST
    allow_live: bool = False
    users: frozenset[str] | None = None
    limits: Limits = field(default_factory=Limits)
    limits_of: Mapping[AccountKey, Limits] = field(default_factory=dict)
    session_rule: SessionRule = lambda details, now: None
    day_over: DayRule = lambda order, now: False


class OrderChecks:
    """The checks. Each raises the `TaskFailed` that answers the task.

    Args:
        rules: What this worker allows.
        vendors: The adapters of this worker, by account.
        journal: Counts the orders of the day.
        halts: The kill switch.
        clock: UTC.
    """

    def __init__(
        self,
        rules: OrderRules,
        vendors: Mapping[AccountKey, Vendor],
        journal: OrderJournal,
        halts: Halts,
        clock: Callable[[], datetime],
    ) -> None:
        self._rules = rules
        self._vendors = vendors
        self._journal = journal
        self._halts = halts
        self._clock = clock

    def ensure_not_halted(self, task: OrderTask) -> None:
        """The kill switch; it does not stop cancels.

        Raises:
            OrdersDisabled: Orders are halted.
        """
        if task.is_cancel:
            return
        halt = self._halts.current()
        if halt is not None:
            reason = f": {halt.reason}" if halt.reason else ""
            raise OrdersDisabled(
                f"orders are halted since {halt.at.isoformat()} by {halt.by}{reason}; "
                f"broker.resume-orders lets them through again"
            )

    def ensure_in_time(self, task: OrderTask) -> None:
        """Age and deadline; a cancel is never too late.

        Raises:
            InvalidParameters: It does not say when it was made, or names a time to come.
            TaskExpired: It is too old.
        """
        if task.is_cancel:
            return
        now, request = self._clock(), task.request
        made, assumed = request.request_time or task.stamped_at, ""
        if made is None:
            raise InvalidParameters(
                "request_time: an order must say when it was made, by request_time or the message's "
                "timestamp, so that a stale one is not executed"
            )
        if made.tzinfo is None:
            made = made.replace(tzinfo=self._rules.zone)
            assumed = f" (request_time has no offset and was read in {self._rules.zone.key}: TIMEZONE)"
        if made - now > FUTURE:
            ahead = (made - now).total_seconds()
            raise InvalidParameters(
                f"request_time: {made.isoformat()} is {ahead:.0f} s in the future{assumed}; "
                f"set the clocks by NTP"
            )
        if now - made > self._rules.max_age + CLOCK_SKEW:
            age = (now - made).total_seconds()
            raise TaskExpired(
                f"the order was made {age:.0f} s ago, more than ORDER_MAX_AGE "
                f"({self._rules.max_age.total_seconds():.0f} s){assumed}; nothing was sent"
            )
        if request.deadline is not None and now > request.deadline:
            late = (now - request.deadline).total_seconds()
            raise TaskExpired(
                f"the deadline {request.deadline.isoformat()} passed {late:.1f} s ago; nothing was sent"
            )

    def is_of_another_day(self, vendor: str, market: str, at: datetime) -> bool:
        """Whether the market's order numbers may have begun anew since a time."""
        now = self._clock()
        served = next((each for key, each in self._vendors.items() if key.vendor == vendor), None)
        if served is not None and market in served.orders.rising:
            return at < now and trading_day(at) != trading_day(now)
        return now - at > LONGEST_DAY

    def ensure_permitted(self, task: OrderTask) -> None:
        """Environment, user, and live trading; the last does not stop cancels.

        Raises:
            OrderGuard: Another environment is expected, or the user may not send orders.
            OrdersDisabled: This worker sends no such orders.
        """
        rules, request = self._rules, task.request
        if request.expected_environment not in (None, rules.environment):
            raise OrderGuard(
                f"expected_environment is {request.expected_environment}, this worker is "
                f"{rules.environment}; send it to a broker of that environment"
            )
        ensure_user(rules.users, task.user, "send orders")
        if task.is_cancel:
            return
        if rules.refused is not None:
            raise OrdersDisabled(rules.refused)
        # What a login has not told yet holds nothing up here: the order's way to the last gate waits for it.
        self._ensure_live_allowed(task, unknown=False)

    def ensure_live_allowed(self, task: OrderTask) -> None:
        """Live trading once more, right before the send: nobody knew before the login perhaps.

        Raises:
            OrdersDisabled: The order would move real money, or nobody knows that it would not.
        """
        if not task.is_cancel:
            self._ensure_live_allowed(task, unknown=True)

    def _ensure_live_allowed(self, task: OrderTask, *, unknown: bool) -> None:
        vendor = self._vendors.get(task.key)
        if vendor is None or self._rules.allow_live:
            return
        live = vendor.live
        if unknown if live is None else live:
            raise OrdersDisabled(
                "live trading is off: this worker sends orders to a real account only with "
                "ALLOW_LIVE_ORDERS=true"
            )

    def ensure_served(self, task: OrderTask) -> None:
        """Whether the account that it names is one of this worker's at all, leased or not.

        Raises:
            VendorNotConfigured: No vendor of that name is served here.
            InvalidParameters: The vendor has no such account.
        """
        known = self.accounts(task.vendor)
        if not known:
            raise VendorNotConfigured(f"vendor: this worker does not serve {task.vendor[:64]!r}")
        if task.key not in known:
            raise unknown_account(task.vendor, task.account, (key.account for key in known))

    def accounts(self, vendor: str) -> list[AccountKey]:
        """The accounts of a vendor that this worker may serve."""
        return [key for key in self._vendors if key.vendor == vendor]

    def validate(self, task: OrderTask) -> None:
        """Fill in `OrderTask.parameters` and `OrderTask.details`.

        Raises:
            InvalidParameters: The message names each field and what is wrong with it.
        """
        model = task.method.parameters
        try:
            task.parameters = model.model_validate(task.request.parameters)
        except ValidationError as error:
            raise InvalidParameters(describe_validation_error(error, known=model.model_fields)) from None
        if task.method.details is None:
            raise RuntimeError(f"{task.method.name} is an order method that does not say what it asks for")
        task.details = task.method.details(task.parameters)

    def ensure_within_limits(
        self, task: OrderTask, details: OrderDetails, context: TaskContext, *, complete: bool = False
    ) -> None:
        """The guards and the market session, on what is known of the order by now.

        Args:
            complete: Nothing more will be known of it.

        Raises:
            OrderGuard: The order breaks a limit, or its kind does not exist any more.
        """
        if details.is_cancel:
            return
        limits = self._rules.limits_of.get(task.key, self._rules.limits)
        unit_price = details.price
        if needs_price(details, limits) and None not in (details.ticker, details.currency):
            if task.ceiling is None or task.ceiling[0] != details:
                task.ceiling = details, self._vendors[task.key].orders.price_ceiling(details, context)
            unit_price = task.ceiling[1]
        sent = 0
        if limits.per_day is not None:
            sent = self._journal.sent_on(task.vendor, task.account, trading_day(self._clock()))
        broken = broken_limit(details, limits, unit_price=unit_price, sent_today=sent, complete=complete)
        if broken is not None:
            raise OrderGuard(f"{broken}; nothing was sent")
        if details.venue is not None:
            warning = self._rules.session_rule(details, self._clock())
            if warning is not None and warning not in task.warnings:
                task.warnings.append(warning)
