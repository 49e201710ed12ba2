"""What a worker is measured and traced with."""

from __future__ import annotations

import os
import socket

from broker_client.protocol import Environment
from broker_server.core.instruments import Instruments
from broker_server.settings import Settings, SettingsError


def make_instruments(settings: Settings, environment: Environment) -> Instruments:
    """The meter, and with ``TRACING`` the tracer: only then OpenTelemetry is imported.

    Raises:
        SettingsError: It is not installed.
    """
    if not settings.tracing:
        return Instruments()
    try:
        from broker_server.observing.traces import OpenTelemetryTracer
    except ImportError as error:
        raise SettingsError(
            f"TRACING: {error.name} is not installed; pip install 'sapi-broker[tracing]', or TRACING=false"
        ) from None
    return Instruments(tracer=OpenTelemetryTracer(f"{socket.gethostname()}-{os.getpid()}", environment))
