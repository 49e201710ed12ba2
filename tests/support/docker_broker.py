"""A RabbitMQ container for the tests, where a Docker engine answers."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests

from tests.support.waiting import wait_until

IMAGE = os.environ.get("TEST_RABBITMQ_IMAGE", "rabbitmq:4-management")
"""Where no registry can be reached, ``docker/rabbitmq_image.sh`` builds one."""


def docker_answers() -> bool:
    """Whether a Docker engine answers at ``DOCKER_HOST``, or at the usual socket."""
    address = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    family = socket.AF_UNIX if address.scheme == "unix" else socket.AF_INET
    where = address.path if address.scheme == "unix" else (address.hostname, address.port or 2375)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(where)
            if address.scheme == "unix":
                probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in probe.recv(256)
        except OSError:
            return False
    return True


@contextmanager
def rabbitmq_container() -> Iterator[tuple[str, str]]:
    """Run RabbitMQ with its management plugin; yields the AMQP URL and the management address."""
    # The helper container that testcontainers would add needs an image of its own.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    with warnings.catch_warnings():
        # Its own decorator is deprecated, which is told at the import.
        warnings.simplefilter("ignore", DeprecationWarning)
        from testcontainers.community.rabbitmq import RabbitMqContainer

    # All of it said: testcontainers would take what is missing from RABBITMQ_… of the caller.
    container = RabbitMqContainer(IMAGE, port=5672, username="guest", password="guest", vhost="/")
    with container.with_exposed_ports(5672, 15672):
        host = container.get_container_host_ip()
        amqp, management = container.get_exposed_port(5672), container.get_exposed_port(15672)
        address = f"http://{host}:{management}"
        wait_until(lambda: _answers(address), what="RabbitMQ's management, which starts after AMQP")
        yield f"amqp://guest:guest@{host}:{amqp}/%2F", address


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/api/overview", auth=("guest", "guest"), timeout=10).ok
    except requests.ConnectionError:
        return False
