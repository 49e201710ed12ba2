"""Every published message meets exactly one fate, and a bad one takes nobody with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.spec import BasicProperties

from broker_server.amqp import publisher
from broker_server.amqp.channels import AsyncChannel
from broker_server.amqp.connection import connect
from broker_server.amqp.publisher import ConfirmedPublisher, Fate
from tests.support.refusing_proxy import RefusingProxy
from tests.support.waiting import wait_until_async


async def test_only_the_message_that_closes_the_channel_fails(clean_broker: str) -> None:
    connection = await connect(clean_broker, name="test")
    channel = await AsyncChannel.open(connection)
    await channel.declare_queue("test.publisher")
    await channel.declare_queue(
        "test.publisher.full", arguments={"x-max-length": 0, "x-overflow": "reject-publish"}
    )
    publishing = ConfirmedPublisher(connection, "test")
    await publishing.open()
    fates: list[list[Fate]] = []
    expected = []
    for number in range(60):
        kind = ("good", "nowhere", "forged", "good", "good", "full")[number % 6]
        queue = {"nowhere": "test.nowhere", "full": "test.publisher.full"}.get(kind, "test.publisher")
        # A user_id that is not the connection's closes the channel (406).
        properties = BasicProperties(user_id="somebody-else" if kind == "forged" else None)
        met: list[Fate] = []
        fates.append(met)
        publishing.publish(queue, str(number).encode(), properties, met.append)
        expected.append({"good": Fate.CONFIRMED, "nowhere": Fate.RETURNED}.get(kind, Fate.REFUSED))
    await wait_until_async(lambda: all(fates) and publishing.in_flight == 0)
    assert fates == [[fate] for fate in expected]
    connection.close()
    await wait_until_async(lambda: connection.is_closed)


QUEUE, FULL = "test.publisher", "test.publisher.full"


class Floor:
    """A publisher behind a proxy that turns confirms into refusals.

    Attributes:
        publishing: The channel that it publishes on at first.
    """

    def __init__(self, connection: AsyncioConnection, publishing: ConfirmedPublisher, proxy: RefusingProxy):
        self.connection = connection
        self.publisher = publishing
        self.proxy = proxy
        self.publishing = 0

    async def fate(self, queue: str, *, exchange: str = "") -> Fate:
        """Publish a message, and wait for what becomes of it."""
        met: list[Fate] = []
        self.publisher.publish(queue, b"{}", BasicProperties(), met.append, exchange=exchange)
        await wait_until_async(lambda: met)
        (fate,) = met
        return fate


@pytest.fixture
async def floor(clean_broker: str) -> AsyncIterator[Floor]:
    parts = urlsplit(clean_broker)
    with RefusingProxy(str(parts.hostname), parts.port or 5672) as proxy:
        place = f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}"
        connection = await connect(urlunsplit(parts._replace(netloc=place)), name="test")
        channel = await AsyncChannel.open(connection)
        await channel.declare_queue(QUEUE)
        await channel.declare_queue(FULL, arguments={"x-max-length": 0, "x-overflow": "reject-publish"})
        publishing = ConfirmedPublisher(connection, "test")
        await publishing.open()
        floor = Floor(connection, publishing, proxy)
        assert await floor.fate(QUEUE) is Fate.CONFIRMED
        (floor.publishing,) = proxy.published
        yield floor
        connection.close()
        await wait_until_async(lambda: connection.is_closed)


async def test_what_one_channel_had_refused_goes_by_another(floor: Floor) -> None:
    one = floor.publishing
    floor.proxy.refusing.add(one)
    assert await floor.fate(QUEUE) is Fate.CONFIRMED
    assert await floor.fate(QUEUE) is Fate.CONFIRMED
    first, refused, *others = floor.proxy.published
    assert (first, refused, len(others)) == (one, one, 2)
    assert one not in others
    await wait_until_async(lambda: floor.proxy.closed == [one], what="the channel is closed")


async def test_a_queue_that_stays_full_holds_up_one_message_only(floor: Floor) -> None:
    assert await floor.fate(FULL) is Fate.REFUSED
    tried = len(floor.proxy.published)
    assert tried > 2
    assert await floor.fate(FULL) is Fate.REFUSED
    assert len(floor.proxy.published) == tried + 1
    assert await floor.fate(QUEUE) is Fate.CONFIRMED


async def test_what_an_exchange_gave_to_some_queues_is_not_sent_again(floor: Floor) -> None:
    one = floor.publishing
    floor.proxy.refusing.add(one)
    assert await floor.fate(QUEUE, exchange="amq.fanout") is Fate.REFUSED
    assert floor.proxy.published == [one, one]
    assert await floor.fate(QUEUE) is Fate.CONFIRMED
    assert floor.proxy.published[2:] != [one]


async def test_what_cannot_be_written_takes_no_others_confirm(floor: Floor) -> None:
    fates: dict[str, Fate] = {}
    for queue in ("q" * 256, "test.nowhere", QUEUE):
        floor.publisher.publish(
            queue, b"{}", BasicProperties(), lambda fate, queue=queue: fates.update({queue: fate})
        )
    await wait_until_async(lambda: len(fates) == 3 and not floor.publisher.in_flight)
    assert [*fates.values()] == [Fate.REFUSED, Fate.RETURNED, Fate.CONFIRMED]


async def test_what_cannot_be_written_holds_up_nothing_when_the_channel_is_lost(floor: Floor) -> None:
    assert floor.publisher._line is not None
    floor.publisher._line.channel.close()
    met: list[Fate] = []
    floor.publisher.publish("q" * 256, b"{}", BasicProperties(), met.append)
    assert await floor.fate(QUEUE) is Fate.CONFIRMED
    assert met == [Fate.REFUSED]


async def test_a_queue_that_was_full_takes_the_next_message_by_another_channel(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_RETRY_DELAYS", (0.0,))
    monkeypatch.setattr(publisher, "_RENEW_SECONDS", 0.0)
    floor.proxy.refusing.update(range(1, 100))
    assert await floor.fate(QUEUE) is Fate.REFUSED
    used = floor.proxy.published[-1]
    floor.proxy.refusing.clear()
    floor.proxy.refusing.add(used)
    assert await floor.fate(QUEUE) is Fate.REFUSED
    assert await floor.fate(QUEUE) is Fate.CONFIRMED
