"""The OpenAPI+ way on the machine that the control is installed on."""

from __future__ import annotations

import sys
from typing import Protocol

from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.openapi_plus.backend import OpenApiPlusBackend
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.prerequisites import NOT_WINDOWS, HostNotFit, ensure_fit
from broker_server.vendors.kiwoom.openapi_plus.states import OnNotice


class MakeBackend(Protocol):
    """Makes the backend with a control of its choice."""

    def __call__(
        self, config: OpenApiPlusConfig, *, clock: Clock, on_notice: OnNotice
    ) -> OpenApiPlusBackend: ...


def windows_backend(config: OpenApiPlusConfig, *, clock: Clock, on_notice: OnNotice) -> OpenApiPlusBackend:
    """The backend with the real control; it makes the control when it logs in.

    Raises:
        HostNotFit: This machine or process cannot have the control; the text is one line.
    """
    if sys.platform != "win32":
        raise HostNotFit(NOT_WINDOWS)
    from broker_server.vendors.kiwoom.openapi_plus.activex import ControlHost, this_host
    from broker_server.vendors.kiwoom.openapi_plus.windows_pump import WindowsPump

    ensure_fit(this_host())
    host = ControlHost()
    pump = WindowsPump(closing=host.release)
    return OpenApiPlusBackend(config, host.make, pump=pump, clock=clock, on_notice=on_notice)
