"""Every published message meets exactly one fate, and a bad one takes nobody with it."""

from __future__ import annotations

from pika.spec import BasicProperties

from broker_server.amqp.channels import AsyncChannel
from broker_server.amqp.connection import connect
from broker_server.amqp.publisher import ConfirmedPublisher, Fate
from tests.support.waiting import wait_until_async


async def test_only_the_message_that_closes_the_channel_fails(clean_broker: str) -> None:
    connection = await connect(clean_broker, name="test")
    channel = await AsyncChannel.open(connection)
    await channel.declare_queue("test.publisher")
    await channel.declare_queue(
        "test.publisher.full", arguments={"x-max-length": 0, "x-overflow": "reject-publish"}
    )
    publisher = ConfirmedPublisher(connection, "test")
    await publisher.open()
    fates: list[list[Fate]] = []
    expected = []
    for number in range(60):
        kind = ("good", "nowhere", "forged", "good", "good", "full")[number % 6]
        queue = {"nowhere": "test.nowhere", "full": "test.publisher.full"}.get(kind, "test.publisher")
        # A user_id that is not the connection's closes the channel (406).
        properties = BasicProperties(user_id="somebody-else" if kind == "forged" else None)
        met: list[Fate] = []
        fates.append(met)
        publisher.publish(queue, str(number).encode(), properties, met.append)
        expected.append({"good": Fate.CONFIRMED, "nowhere": Fate.RETURNED}.get(kind, Fate.REFUSED))
    await wait_until_async(lambda: all(fates) and publisher.in_flight == 0)
    assert fates == [[fate] for fate in expected]
    connection.close()
    await wait_until_async(lambda: connection.is_closed)
