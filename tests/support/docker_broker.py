"""A RabbitMQ container for the tests, where a Docker engine answers."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

IMAGE = os.environ.get("TEST_RABBITMQ_IMAGE", "rabbitmq:4-management")


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
    from testcontainers.community.rabbitmq import RabbitMqContainer

    container = RabbitMqContainer(IMAGE).with_exposed_ports(5672, 15672)
    with container:
        host = container.get_container_host_ip()
        amqp, management = container.get_exposed_port(5672), container.get_exposed_port(15672)
        yield f"amqp://guest:guest@{host}:{amqp}/%2F", f"http://{host}:{management}"
