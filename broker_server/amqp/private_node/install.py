"""Finding ``rabbitmq-server``, or installing it where that is possible."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from broker_client.errors import BrokerUnreachable
from broker_server.amqp.private_node.debian import NotInstalled, ensure_package

# The wrapper in /usr/sbin of Debian is not among them: it insists on the system's own rabbitmq user.
_PLACES = (
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "/usr/lib64/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "/opt/rabbitmq/sbin/rabbitmq-server",
    "/opt/rabbitmq_server-*/sbin/rabbitmq-server",
    "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
)


def find_rabbitmq_server(root: Path = Path("/")) -> Path | None:
    """Find the start script of an installed RabbitMQ.

    Args:
        root: Where the file system begins.

    Returns:
        The script, the newest one where several versions lie side by side; None when there is none.
    """
    home = os.environ.get("RABBITMQ_HOME")
    if home and os.access(Path(home) / "sbin" / "rabbitmq-server", os.X_OK):
        return Path(home) / "sbin" / "rabbitmq-server"
    for place in _PLACES:
        found = [path for path in root.glob(place.lstrip("/")) if os.access(path, os.X_OK)]
        if found:
            return max(found, key=_version)
    return None


def ensure_rabbitmq(ask: Callable[[str], bool] | None = None) -> Path:
    """Find ``rabbitmq-server``; where there is none, install Debian's package.

    Args:
        ask: Puts the question and tells whether the answer was yes. None: asks on the terminal.

    Raises:
        BrokerUnreachable: There is none and it cannot be installed; one line says what to do.
    """
    try:
        return ensure_package(
            find_rabbitmq_server,
            title="RabbitMQ",
            package="rabbitmq-server",
            otherwise="set BROKER_URL to a RabbitMQ that runs already",
            ask=ask,
        )
    except NotInstalled as error:
        raise BrokerUnreachable(str(error)) from None


def _version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.parts[-3])]
