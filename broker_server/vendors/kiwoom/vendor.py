"""The Kiwoom adapter as the worker sees it, whichever way it goes."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from broker_server.core.feeds import Streams
from broker_server.core.instruments import Instruments
from broker_server.core.methods import Method
from broker_server.core.vendor import CheckResult, OnHostState, OrderAccess
from broker_server.vendors.checks import context_without_deadline
from broker_server.vendors.clock import Clock, SystemClock
from broker_server.vendors.http import ORDER_TIMEOUT
from broker_server.vendors.kiwoom.account import Account
from broker_server.vendors.kiwoom.api_descriptions import describing_methods
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.charts import Charts
from broker_server.vendors.kiwoom.config import KiwoomConfig
from broker_server.vendors.kiwoom.order_access import KiwoomOrderAccess
from broker_server.vendors.kiwoom.orders import OrderBook
from broker_server.vendors.kiwoom.quotes import Quotes
from broker_server.vendors.kiwoom.request_tr import RequestTr
from broker_server.vendors.kiwoom.sapi_methods import SapiMethods
from broker_server.vendors.kiwoom.snapshots import Snapshots
from broker_server.vendors.kiwoom.stream_methods import StreamMethods
from broker_server.vendors.kiwoom.streams import KiwoomStreams
from broker_server.vendors.kiwoom.trading import Trading

_PACKAGES = {"rest": "rest", "openapi-plus": "openapi_plus"}


class KiwoomVendor:
    """Kiwoom. Safe to use from many threads; see `create`.

    Args:
        config: The account and the rules.
        backend: The way to it.
        clock: The machine's.

    Attributes:
        account: The alias of its account.
        orders: What the order desk needs besides the methods.
        streams: Its live data.
    """

    name = "kiwoom"

    def __init__(self, config: KiwoomConfig, backend: Backend, clock: Clock) -> None:
        self.account = config.alias
        self._backend = backend
        self._clock = clock
        kiwoom_clock = BackendClock(backend, clock)
        account, paper = config.account_digits, config.paper
        order_book = OrderBook(backend, account, kiwoom_clock)
        quotes = Quotes(backend, kiwoom_clock, paper=paper)
        self._parts = (
            SapiMethods(backend, compat=config.compat),
            quotes,
            Charts(backend, kiwoom_clock, paper=paper),
            Account(backend, account, order_book),
            Trading(backend, order_book, kiwoom_clock, paper=paper),
            RequestTr(backend),
            StreamMethods(backend, paper=paper, compat=config.compat, alias=config.alias),
        )
        self.streams: Streams | None = KiwoomStreams(
            backend, Snapshots(quotes, kiwoom_clock), clock, config.alias
        )
        self.orders: OrderAccess = KiwoomOrderAccess(backend, order_book, quotes, kiwoom_clock)

    @property
    def live(self) -> bool | None:
        """Whether an order moves real money; ``None`` until a login has told."""
        return self._backend.live

    def methods(self) -> Sequence[Method[Any]]:
        """All methods, the eleven of the original server included."""
        return [*(method for part in self._parts for method in part.methods()), *describing_methods()]

    def announce_to(self, listener: OnHostState) -> None:
        """Tell how the control stands, where there is one."""
        self._backend.announce_to(listener)

    def status(self) -> dict[str, Any]:
        """The way to Kiwoom, and what it says of itself."""
        return {"backend": self._backend.name, **self._backend.status()}

    def check(self) -> Sequence[CheckResult]:
        """What the way to Kiwoom has to check."""
        return self._backend.check(context_without_deadline("check", self._clock))

    def close(self) -> None:
        """Release what the way to Kiwoom holds."""
        self._backend.close()


class BackendClock:
    """Our clock, set by Kiwoom's.

    Args:
        backend: Knows how far they are apart.
        clock: Our own.
    """

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock

    def now(self) -> datetime:
        """Kiwoom's time, as far as it is known."""
        return self._clock.now() + self.offset()

    def offset(self) -> timedelta:
        """Kiwoom's clock less ours."""
        return self._backend.clock_offset()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._clock.monotonic()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Wait on a held condition."""
        self._clock.wait(condition, seconds)


def create(
    config: KiwoomConfig,
    *,
    backend: Backend | None = None,
    clock: Clock | None = None,
    order_timeout: float = ORDER_TIMEOUT,
    instruments: Instruments | None = None,
) -> KiwoomVendor:
    """Make the adapter; nothing is sent until the first task.

    Args:
        config: The account and the way to it.
        backend: Replaces that way.
        clock: The machine's when left out.
        order_timeout: Seconds for the whole exchange of an order or a cancel: nothing of it leaves later.
        instruments: Measure and trace the calls.
    """
    clock = clock or SystemClock()
    return KiwoomVendor(config, backend or make_backend(config, clock, order_timeout, instruments), clock)


def make_backend(
    config: KiwoomConfig, clock: Clock, order_timeout: float, instruments: Instruments | None = None
) -> Backend:
    """The way that the configuration names; only its own modules are imported.

    Raises:
        ValueError: This installation does not have it, or a setting is wrong.
    """
    package = f"{__package__}.{_PACKAGES[config.backend]}"
    try:
        make = importlib.import_module(package).make_backend
    except (ImportError, AttributeError) as error:
        raise ValueError(f"KIWOOM_BACKEND: {config.backend} is not available here: {error}") from None
    return cast("Backend", make(config, clock=clock, order_timeout=order_timeout, instruments=instruments))


def declared_methods() -> Sequence[Method[Any]]:
    """Every method of this version, for listings; nothing can be called."""
    config = KiwoomConfig(backend="openapi-plus", environment="real", simulated=False, cache_folder=Path())
    return KiwoomVendor(config, cast("Backend", None), SystemClock()).methods()
