"""What the worker needs of a vendor adapter, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from broker_server.core.accounts import AccountKey
from broker_server.core.feeds import Streams
from broker_server.core.listed_orders import OrderList
from broker_server.core.methods import Method, TaskContext
from broker_server.core.orders import OrderDetails


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of ``broker-server check``.

    Attributes:
        item: What was tried, for example ``kis token``.
        passed: Whether it works.
        detail: What was seen, or what to do about it. Never a secret.
    """

    item: str
    passed: bool
    detail: str


class OrderAccess(Protocol):
    """What the order desk needs of a vendor besides the methods that send. Every method may block."""

    markets: Sequence[str]
    """The order lists that the vendor keeps."""
    rising: Collection[str]
    """Those of them whose order numbers only rise during a day in Korea."""
    cancel_methods: Mapping[str, str]
    """By market: the name of the method that cancels one order of it."""

    def list_orders(self, market: str, context: TaskContext, since: datetime | None = None) -> OrderList:
        """Every order of the account in that market whose trading day is not over.

        Args:
            since: In the vendor's clock: also every order that it received from then on.
        """

    def price_ceiling(self, details: OrderDetails, context: TaskContext) -> Decimal:
        """The most that one share of an order without a limit can cost, in its currency."""

    def clock_offset(self) -> timedelta:
        """The vendor's clock less ours, from its last answer; zero before the first."""


class Vendor(Protocol):
    """A vendor adapter for one account. Every method may block; the worker calls none on its event loop."""

    name: str
    account: str
    """The alias of its account."""
    orders: OrderAccess
    """With no market where it takes none."""
    streams: Streams | None
    """Its live data; ``None`` where there is none."""

    @property
    def live(self) -> bool | None:
        """Whether an order moves real money; ``None`` until a login has told.

        An adapter with such a login has it by the time it calls `TaskContext.before_send`.
        """

    def methods(self) -> Sequence[Method[Any]]:
        """The methods that this adapter serves."""

    def status(self) -> dict[str, Any]:
        """The adapter's part of ``broker.get-status``; JSON values, no secrets, returns at once."""

    def check(self) -> Sequence[CheckResult]:
        """Try the connection and the credentials."""

    def close(self) -> None:
        """Release sockets and threads."""


def key_of(vendor: Vendor) -> AccountKey:
    """The account of an adapter."""
    return AccountKey(vendor.name, vendor.account)


OnHostState = Callable[[Mapping[str, Any]], None]
"""Told of a host's state: ``state``, ``reason`` and more, nothing personal. It returns at once."""


@runtime_checkable
class HasHost(Protocol):
    """An adapter that lives in a program of the vendor's, which has states of its own."""

    def announce_to(self, listener: OnHostState) -> None:
        """Tell the state now, and each change of it from then on, on any thread."""
