"""OpenAPI+ in a trial: the adapter as it is, over a control that the simulator gives."""

from __future__ import annotations

from typing import cast

from broker_server.core.instruments import Instruments
from broker_server.simulator.kiwoom_control.board import PATH
from broker_server.simulator.kiwoom_control.remote import NoControl, RemoteMessages
from broker_server.vendors.clock import Clock, SystemClock
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.config import KiwoomConfig
from broker_server.vendors.kiwoom.openapi_plus import make_backend
from broker_server.vendors.kiwoom.openapi_plus.backend import OpenApiPlusBackend
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.control import ControlEvents, KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.states import OnNotice


def simulated_backend(
    config: KiwoomConfig, order_timeout: float, instruments: Instruments | None = None
) -> Backend:
    """The OpenAPI+ way over a control of the simulator at ``config.rest_url``.

    Args:
        config: Its environment says which server the simulated login is on; ``rate_limit`` takes the place
            of the windows that queries are kept to.
        order_timeout: Seconds for the whole exchange of an order.
        instruments: Measure and trace the calls.

    Raises:
        ValueError: The simulator gives no control.
    """
    server = "mock" if config.paper else "real"
    address = (config.rest_url or "").replace("http://", "ws://", 1)
    try:
        messages = RemoteMessages(f"{address}{PATH}?server={server}")
    except NoControl as error:
        raise ValueError(f"KIWOOM_REST_URL: {error}") from None

    def make_control(events: ControlEvents) -> KiwoomControl:
        return cast("KiwoomControl", messages.make(events))

    def make(config: OpenApiPlusConfig, *, clock: Clock, on_notice: OnNotice) -> OpenApiPlusBackend:
        return OpenApiPlusBackend(
            config,
            make_control,
            pump=messages,
            clock=clock,
            on_notice=on_notice,
            remote=lambda: messages.waited,
        )

    return make_backend(
        config,
        clock=SystemClock(),
        order_timeout=order_timeout,
        instruments=instruments,
        make=make,
        queries=None if config.rate_limit is None else ((config.rate_limit, 1.0),),
    )
