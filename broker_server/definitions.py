"""RabbitMQ's users, rights and policies as code: what ``broker-server definitions`` prints.

RabbitMQ checks a regular expression per user and kind of right: *configure* (declare, delete), *write*
(publish to an exchange, bind a queue) and *read* (consume, get, purge, bind to an exchange). Publishing to a
queue is writing to the default exchange, ``amq.default``, whichever queue it is: no permission can tell
queues apart there (RabbitMQ, "Access Control").
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broker_client.address import REPLY_QUEUES, reply_prefix
from broker_client.protocol import DEFAULT_REPLY_QUEUE, EVENTS_EXCHANGE, REALTIME_EXCHANGE, TASKS_QUEUE
from broker_server.amqp.topology import (
    CONTROL_EXCHANGE,
    HOST_PREFIX,
    OWNER_PREFIX,
    REJECTED_QUEUE,
    UNROUTABLE_QUEUE,
)

HASHING = "rabbit_password_hashing_sha256"
SALT_BYTES = 4
"""The salt's length is part of the format (RabbitMQ, "Passwords")."""

DEFAULT_EXCHANGE = "amq.default"
NAMED_BY_THE_BROKER = r"amq\.gen-.+"
"""Exclusive queues of one connection, with names that cannot be guessed."""
NOTHING = "^$"

CLIENT_CONNECTIONS = 200
CLIENT_CHANNELS = 5_000
UNUSED_MILLISECONDS = 86_400_000
MOST_REPLIES = 100_000
MOST_REPLY_BYTES = 256 * 1024 * 1024

_MARKERS = "broker.environment."
_PINS = "broker.journal."


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The users of one virtual host, by what they do.

    Attributes:
        worker: All workers of the virtual host: they trust each other by this name.
        gateway: The gateways; a client by its rights.
        monitoring: Reads the management API, and no queue.
        clients: Users of our own clients.
        original_clients: Users of clients of the original server, which read ``sapi-kiwoom`` too.
    """

    worker: str = "worker"
    gateway: str = "gateway"
    monitoring: str = "monitoring"
    clients: tuple[str, ...] = ("client",)
    original_clients: tuple[str, ...] = ()

    @property
    def users(self) -> tuple[str, ...]:
        """All of them.

        Raises:
            ValueError: A name is empty or not printable, or two roles have the same.
        """
        names = (self.worker, self.gateway, self.monitoring, *self.clients, *self.original_clients)
        if not all(names):
            raise ValueError("a user needs a name")
        if odd := next((name for name in names if not name.isprintable()), None):
            raise ValueError(f"{odd!r} cannot be the name of a user: a character in it cannot be printed")
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"the user {twice!r} has two roles; each needs a user of its own")
        return names


def definitions(
    roles: Roles, virtual_host: str, passwords: Mapping[str, str], salt: Callable[[int], bytes]
) -> dict[str, Any]:
    """The document that RabbitMQ loads (``load_definitions``, ``rabbitmqctl import_definitions``).

    Args:
        roles: The users.
        virtual_host: Of one environment.
        passwords: By user. Who has none cannot log in by a password.
        salt: Gives so many random bytes.

    Raises:
        ValueError: The names do not fit.
    """
    if not virtual_host:
        raise ValueError("the virtual host needs a name, such as /")
    readers = (roles.gateway, *roles.clients, *roles.original_clients)
    limits = {"max-connections": CLIENT_CONNECTIONS, "max-channels": CLIENT_CHANNELS}
    rights = {roles.worker: worker_rights(roles.worker), roles.monitoring: Rights(NOTHING, NOTHING, NOTHING)}
    for name in readers:
        rights[name] = client_rights(name, original=name in roles.original_clients)
    return {
        "vhosts": [{"name": virtual_host}],
        "users": [
            {
                "name": name,
                "password_hash": password_hash(passwords[name], salt) if name in passwords else "",
                "hashing_algorithm": HASHING,
                "tags": "monitoring" if name == roles.monitoring else "",
                "limits": limits if name in readers else {},
            }
            for name in roles.users
        ],
        "permissions": [
            {
                "user": name,
                "vhost": virtual_host,
                "configure": rights[name].configure,
                "write": rights[name].write,
                "read": rights[name].read,
            }
            for name in roles.users
        ],
        "topic_permissions": [
            {"user": name, "vhost": virtual_host, "exchange": exchange, "write": NOTHING, "read": ".*"}
            for name in readers
            for exchange in (REALTIME_EXCHANGE, EVENTS_EXCHANGE)
        ],
        "policies": [
            {
                "vhost": virtual_host,
                "name": "queues-of-clients",
                "pattern": f"^{re.escape(REPLY_QUEUES)}",
                "apply-to": "queues",
                "priority": 0,
                "definition": {
                    "expires": UNUSED_MILLISECONDS,
                    "max-length": MOST_REPLIES,
                    "max-length-bytes": MOST_REPLY_BYTES,
                    "overflow": "reject-publish",
                },
            }
        ],
    }


@dataclass(frozen=True, slots=True)
class Rights:
    """Three regular expressions."""

    configure: str
    write: str
    read: str


def worker_rights(user: str) -> Rights:
    """What a worker has to do, the supervisor of one on Windows, and what asks it under its own user.

    ``broker-server check``, the health check of its container and ``run --gateway`` are clients with the
    worker's URL: they have queues of their own, and the gateway hears live data.
    """
    tasks, waste = re.escape(TASKS_QUEUE), re.escape(REJECTED_QUEUE.removeprefix(f"{TASKS_QUEUE}."))
    kept = [rf"{re.escape(prefix)}.+" for prefix in (_MARKERS, _PINS, HOST_PREFIX)]
    exchanges = [re.escape(name) for name in (REALTIME_EXCHANGE, EVENTS_EXCHANGE, CONTROL_EXCHANGE)]
    own = (rf"{re.escape(reply_prefix(user))}.+", NAMED_BY_THE_BROKER)
    return Rights(
        configure=_any(
            rf"{tasks}(\..+)?",
            re.escape(DEFAULT_REPLY_QUEUE),
            re.escape(UNROUTABLE_QUEUE),
            *exchanges,
            rf"{re.escape(OWNER_PREFIX)}.+",
            *kept,
            *own,
        ),
        write=_any(re.escape(DEFAULT_EXCHANGE), *exchanges, rf"{re.escape(HOST_PREFIX)}.+", *own),
        read=_any(rf"{tasks}(\.(?!{waste}$).+)?", *exchanges, *kept, *own),
    )


def client_rights(user: str, *, original: bool = False) -> Rights:
    """What a client has to do: queues of its own, publishing tasks, listening to what all may hear.

    Args:
        original: It reads the reply queue that all clients of the original server share.
    """
    own = (rf"{re.escape(reply_prefix(user))}.+", NAMED_BY_THE_BROKER)
    exchanges = [re.escape(name) for name in (REALTIME_EXCHANGE, EVENTS_EXCHANGE)]
    shared = [re.escape(DEFAULT_REPLY_QUEUE)] if original else []
    return Rights(
        configure=_any(*own),
        write=_any(re.escape(DEFAULT_EXCHANGE), *own),
        read=_any(*own, *exchanges, *shared),
    )


def password_hash(password: str, salt: Callable[[int], bytes]) -> str:
    """As RabbitMQ keeps a password: a salt and SHA-256 of both, in base 64."""
    grain = salt(SALT_BYTES)
    return base64.b64encode(grain + hashlib.sha256(grain + password.encode()).digest()).decode()


def passwords_of(names: Sequence[str], files: Mapping[str, str]) -> dict[str, str]:
    """The passwords among the contents of files that are named like the users.

    Raises:
        ValueError: One is empty.
    """
    found = {name: files[name].rstrip("\r\n") for name in names if name in files}
    if empty := next((name for name, password in found.items() if not password), None):
        raise ValueError(f"the file of the user {empty!r} is empty")
    return found


def _any(*patterns: str) -> str:
    return f"^({'|'.join(patterns)})$"
