"""Kiwoom by OpenAPI+: the ActiveX control KHOPENAPI, on 32-bit Windows.

::

    threads of tasks ──┐                     ┌── the one control thread (sta.py) ──────────────┐
    event loop of      ├── backend.py ─post─▸│ session.py: login, requests, orders, registrar  │
    live data (feed.py)┘      ▲              │      │ calls                ▲ events            │
                              └──futures─────│ KiwoomControl (control.py) ── ControlEvents     │
                                             └──── activex.py, or a simulated control ─────────┘

Everything but `activex` and `windows_pump` runs anywhere. The control's rules that shape it all: it is
called on one thread, its data can be read only inside its events, its inputs are kept per control and not per
request, and whoever asks too often must log in again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from broker_server.core.instruments import Instruments
    from broker_server.vendors.clock import Clock
    from broker_server.vendors.kiwoom.backend import Backend
    from broker_server.vendors.kiwoom.config import KiwoomConfig
    from broker_server.vendors.kiwoom.openapi_plus.windows import MakeBackend


def make_backend(
    config: KiwoomConfig,
    *,
    clock: Clock,
    order_timeout: float,
    instruments: Instruments | None = None,
    make: MakeBackend | None = None,
    queries: Sequence[tuple[int, float]] | None = None,
) -> Backend:
    """Make the way to Kiwoom, which logs in when it is first used.

    A worker that stands by does not: it would end the login of the one that serves.

    Args:
        config: The account, and what is expected of the login.
        clock: The time.
        order_timeout: Seconds for the whole exchange of an order.
        instruments: Measure and trace the calls.
        make: Makes the backend with another control than that of Windows.
        queries: How many of them in how many seconds; what Kiwoom bears when ``None``.

    Raises:
        ValueError: This machine or process cannot have the control; the text is one line.
    """
    from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
    from broker_server.vendors.kiwoom.openapi_plus.host import tell_supervisor
    from broker_server.vendors.kiwoom.openapi_plus.prerequisites import HostNotFit
    from broker_server.vendors.kiwoom.openapi_plus.timing import QUERY_WINDOWS, Timing
    from broker_server.vendors.kiwoom.openapi_plus.windows import windows_backend

    own = OpenApiPlusConfig(
        account=config.account_digits,
        simulated=config.simulated,
        mock_expected=config.paper,
        timing=Timing(order=order_timeout, queries=tuple(queries or QUERY_WINDOWS)),
    )
    try:
        backend = (make or windows_backend)(own, clock=clock, on_notice=tell_supervisor)
    except HostNotFit as error:
        raise ValueError(str(error)) from None
    if instruments is not None:
        backend.instruments = instruments
    return backend
