"""``broker-server supervise``: keeps a Kiwoom OpenAPI+ worker running, and tells how it stands while down."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Sequence

from broker_client.protocol import Environment
from broker_server.accounts_file import all_secrets
from broker_server.amqp.host_voice import HostVoice
from broker_server.logs import configure_logs
from broker_server.settings import Settings, SettingsError
from broker_server.vendors.kiwoom.openapi_plus.host import WORKER, log_notice, supervise
from broker_server.vendors.kiwoom.openapi_plus.maintenance import Maintenance
from broker_server.vendors.kiwoom.openapi_plus.states import Notice, told_of
from broker_server.vendors.kiwoom.openapi_plus.supervisor import Policy
from broker_server.wiring.clock import utc_now
from broker_server.wiring.vendors import worker_environment


def run_supervisor(
    settings: Settings,
    command: Sequence[str] | None = None,
    *,
    maintenance: Maintenance | None = None,
    policy: Policy | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Keep the worker running until ``stop`` is set or Ctrl-C.

    Args:
        settings: Of the worker; its broker is told of each state.
        command: What the worker is; this installation's own by default.
        maintenance: When it is down on purpose; Kiwoom's times by default.
        policy: The pauses.
        stop: Ends it.

    Returns:
        The exit code: 2 with one line on stderr when the settings are wrong, or the worker cannot start.
    """
    configure_logs(settings.log_format, settings.log_level, all_secrets(settings))
    try:
        simulated = "--simulate" in (command or ())
        environment: Environment = "simulated" if simulated else worker_environment(settings)
        if settings.broker_url is None:
            raise SettingsError("BROKER_URL: not set; name the RabbitMQ that the worker serves")
    except SettingsError as error:
        sys.stderr.write(f"broker-server: {error}\n")
        return 2
    voice = HostVoice(
        settings.broker_url.get_secret_value(),
        name=f"{socket.gethostname()}-{os.getpid()}-supervisor",
        environment=environment,
        vendor="kiwoom",
        clock=utc_now,
    )

    def told(notice: Notice) -> None:
        log_notice(notice)
        voice.tell(told_of(notice))

    try:
        return supervise(command or WORKER, maintenance=maintenance, policy=policy, on_notice=told, stop=stop)
    finally:
        voice.close()
