"""The test broker's own affairs: deleting what our programs leave there, its users and virtual hosts."""

from __future__ import annotations

import re
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

import pika
import requests
from pika.exceptions import AMQPError, ChannelClosedByBroker

OURS = re.compile(r"tasks|tasks\..+|sapi-kiwoom|replies\..+|broker\..+|test\..+")
"""Names that our programs and tests use; ``test.`` is for a test's own queues."""

_VENDORS = ("kis", "kiwoom", "koscom")
_ENVIRONMENTS = ("simulated", "paper", "real")
_KNOWN_QUEUES = (
    *("tasks", "tasks.orders", "tasks.rejected", "tasks.expired", "replies.unroutable", "sapi-kiwoom"),
    *(f"tasks.{vendor}" for vendor in _VENDORS),
    *(f"tasks.{vendor}.orders" for vendor in _VENDORS),
    *(f"tasks.{vendor}.default" for vendor in _VENDORS),
    *(f"tasks.{vendor}.default.orders" for vendor in _VENDORS),
    *(f"broker.environment.{environment}" for environment in _ENVIRONMENTS),
    *(
        f"broker.journal.{environment}.{vendor}.default"
        for environment in _ENVIRONMENTS
        for vendor in _VENDORS
    ),
)
_KNOWN_EXCHANGES = ("broker.realtime", "broker.events", "broker.control", "tasks.rejected", "tasks.expired")


class AddUser(Protocol):
    """Adds a user to the test broker; returns the URL for that user."""

    def __call__(self, name: str, password: str, *, configure: str = ".*") -> str:
        """Add one, who may configure what the expression matches."""


class ManagementApi:
    """The management plugin of the test broker.

    Args:
        address: Where it answers, for example ``http://127.0.0.1:15672``.
        broker_url: The AMQP URL, for the login and the virtual host.
    """

    def __init__(self, address: str, broker_url: str) -> None:
        parts = urlsplit(broker_url)
        self._address = address
        self._login = (unquote(parts.username or "guest"), unquote(parts.password or "guest"))
        self._vhost = quote(unquote(parts.path[1:]) or "/", safe="")

    def names(self, kind: str) -> list[str]:
        """The names of all ``queues`` or ``exchanges`` of the virtual host."""
        answer = self._call("GET", f"{kind}/{self._vhost}?columns=name")
        return [row["name"] for row in answer.json()]

    def add_virtual_host(self, name: str) -> None:
        """Add a virtual host that the login of this API may use."""
        self._call("PUT", f"vhosts/{quote(name, safe='')}", {})
        self._permit(name, self._login[0], ".*")

    def delete_virtual_host(self, name: str) -> None:
        """Delete a virtual host with everything in it."""
        self._call("DELETE", f"vhosts/{quote(name, safe='')}")

    def add_user(self, name: str, password: str, *, configure: str = ".*") -> None:
        """Add a user of the virtual host, who may configure what the expression matches."""
        self._call("PUT", f"users/{quote(name, safe='')}", {"password": password, "tags": ""})
        self._permit(unquote(self._vhost), name, configure)

    def delete_user(self, name: str) -> None:
        """Delete a user."""
        self._call("DELETE", f"users/{quote(name, safe='')}")

    def _permit(self, virtual_host: str, user: str, configure: str) -> None:
        rights = {"configure": configure, "write": ".*", "read": ".*"}
        self._call("PUT", f"permissions/{quote(virtual_host, safe='')}/{quote(user, safe='')}", rights)

    def _call(self, verb: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        answer = requests.request(
            verb, f"{self._address}/api/{path}", json=body, auth=self._login, timeout=60
        )
        answer.raise_for_status()
        return answer


def clean(broker_url: str, management: ManagementApi | None) -> None:
    """Delete every queue and exchange of ours.

    Without the management plugin names cannot be listed, so the known ones are deleted; a test that
    makes others deletes them itself.
    """
    if management is not None:
        queues = [name for name in management.names("queues") if OURS.fullmatch(name)]
        exchanges = [name for name in management.names("exchanges") if OURS.fullmatch(name)]
    else:
        queues, exchanges = list(_KNOWN_QUEUES), list(_KNOWN_EXCHANGES)
    connection = pika.BlockingConnection(pika.URLParameters(broker_url))
    try:
        for name in queues:
            _delete(connection, "queue_delete", name)
        for name in exchanges:
            _delete(connection, "exchange_delete", name)
    finally:
        connection.close()


def _delete(connection: pika.BlockingConnection, operation: str, name: str) -> None:
    channel = connection.channel()
    try:
        getattr(channel, operation)(name)
        channel.close()
    except ChannelClosedByBroker as closed:
        # An exclusive queue of a connection that is just ending goes with that connection.
        if closed.reply_code not in (404, 405):
            raise
    except AMQPError:
        raise
