"""``broker-server gateway``: prices by HTTP and WebSocket, in this process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib.util import find_spec

from broker_server.gateway_settings import GatewaySettings
from broker_server.journal.database import DatabaseError
from broker_server.logs import configure_logs
from broker_server.settings import SettingsError
from broker_server.wiring.candles import candle_store, stored_history
from broker_server.wiring.clock import utc_now

OTHER_PORTS = 20
_EXTRA = ("fastapi", "itsdangerous", "uvicorn")


def require_gateway_extra() -> None:
    """Say in one line what installs the gateway, if it is not there.

    Raises:
        SettingsError: A package is missing.
    """
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"the gateway needs {' and '.join(missing)}: python -m pip install 'sapi-broker[gateway]'"
        )


def run_gateway(settings: GatewaySettings, *, simulated: bool, watch_stdin: bool = False) -> int:
    """Serve until SIGTERM or SIGINT; prints a line that starts with ``ready`` once requests are taken.

    Args:
        simulated: The workers' market is simulated: its candles are in a file of their own.
        watch_stdin: End when stdin is closed, as it is when the parent process ends.

    Returns:
        The exit code: 0 after an orderly end, 2 with one line on stderr when it cannot serve.
    """
    configure_logs(settings.log_format, settings.log_level, settings.secrets())
    try:
        require_gateway_extra()
        broker_url = settings.broker()
        from broker_server.gateway.serving import GatewayContext, serve_gateway

        url = settings.candles_url(simulated=simulated)
        with candle_store(url, settings.market_sessions_file) as store:
            context = GatewayContext(
                broker_url=broker_url,
                history=stored_history(store),
                closed_at=store.calendar.closed_at,
                clock=utc_now,
            )
            if watch_stdin:
                threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
            # Somebody who tries it out has not chosen the port, so another one will do.
            chosen = not simulated or "gateway_port" in settings.model_fields_set
            return serve_gateway(
                settings, context, on_ready=_announce, other_ports=0 if chosen else OTHER_PORTS
            )
    except (SettingsError, DatabaseError) as error:
        sys.stderr.write(f"broker-server: {error}\n")
        return 2


def _announce(address: str) -> None:
    sys.stdout.write(f"ready gateway={address}\n")
    sys.stdout.flush()


def _end_with_stdin() -> None:
    # From the file descriptor: a buffered reader in a daemon thread can abort the exit of Python.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
