"""Whoever gives up asking the broker leaves no channel behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pika
import pytest

from broker_server.amqp.channels import AsyncChannel
from broker_server.amqp.connection import connect
from broker_server.amqp.topology import consumer_count
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until_async

QUESTIONS = 10


async def lowest_number(connection: pika.adapters.asyncio_connection.AsyncioConnection) -> int:
    """Of a new channel: 1 when there is no other."""
    channel = await AsyncChannel.open(connection)
    number = channel.raw.channel_number
    channel.close()
    return int(number)


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_a_question_that_is_given_up_leaves_no_channel(clean_broker: str, steps: int) -> None:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as proxy:
        login, name = clean_broker.rpartition("@")[0], clean_broker.rpartition("/")[2]
        connection = await connect(f"{login}@127.0.0.1:{proxy.port}/{name}", name="test", heartbeat=60)
        if steps < 2:
            proxy.pause()  # nothing is answered: given up while the channel opens
        asked = [asyncio.ensure_future(consumer_count(connection, "tasks")) for _ in range(QUESTIONS)]
        for _ in range(steps):  # else at some later moment
            await asyncio.sleep(0.002)
        for each in asked:
            each.cancel()
        await asyncio.wait(asked)
        proxy.resume()

        async def none_left() -> bool:
            return await lowest_number(connection) == 1

        await wait_until_async(none_left, what="the end of the channels of questions that were given up")
        connection.close()


class OpensAtOnce:
    """A connection, and its channel."""

    is_open = True

    def __init__(self) -> None:
        self.closed = False

    def channel(self, on_open_callback: Callable[[OpensAtOnce], None]) -> OpensAtOnce:
        self.opened = on_open_callback
        return self

    def add_on_close_callback(self, _: object) -> None:
        pass

    def close(self) -> None:
        self.closed = True


async def test_a_channel_that_opens_in_the_moment_of_giving_up_is_closed() -> None:
    connection = OpensAtOnce()
    opening = asyncio.ensure_future(AsyncChannel.open(connection))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    connection.opened(connection)
    opening.cancel()  # before the task has seen it
    await asyncio.wait({opening})
    assert opening.cancelled()
    assert connection.closed
