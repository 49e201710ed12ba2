"""Journals, and a way to the test broker that can be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest
from sqlalchemy import Engine

from broker_server.journal.database import open_database
from tests.support.tcp_proxy import TcpProxy

NewJournal = Callable[[str], Engine]


@pytest.fixture
def new_journal(tmp_path: Path) -> Iterator[NewJournal]:
    """Opens journals by name."""
    engines: list[Engine] = []

    def make(name: str) -> Engine:
        engines.append(open_database(f"sqlite:///{tmp_path / name}.sqlite3"))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def journal(new_journal: NewJournal) -> Engine:
    """The journal that owners share."""
    return new_journal("journal")


@pytest.fixture
def proxy(clean_broker: str) -> Iterator[TcpProxy]:
    """A proxy in front of the test broker."""
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as made:
        yield made


@pytest.fixture
def proxy_url(proxy: TcpProxy, clean_broker: str) -> str:
    """The broker by way of the proxy."""
    address = pika.URLParameters(clean_broker)
    login = f"{address.credentials.username}:{address.credentials.password}"
    return f"amqp://{login}@127.0.0.1:{proxy.port}/{clean_broker.rpartition('/')[2]}"
