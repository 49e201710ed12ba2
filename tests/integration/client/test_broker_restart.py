"""Both clients across a restart of the broker."""

from __future__ import annotations

import asyncio

import pytest

from broker_client import AsyncClient, Client
from broker_server.amqp.private_node import PrivateNode
from tests.integration.client.echo_worker import EchoWorker
from tests.integration.client.stream_script import Event
from tests.support.waiting import wait_until_async


async def test_calls_in_flight_survive_a_restart_of_the_broker(private_node: PrivateNode) -> None:
    url = private_node.url
    EchoWorker(url).stop()  # its queues stay
    async with AsyncClient(url, timeout=90) as asynchronous:
        with Client(url, timeout=90) as blocking:
            before = [blocking.send("echo.get-it", n=1), blocking.send("kis.buy-order", n=2)]
            before_asynchronous = asynchronous.send("echo.get-it", n=3)
            await asyncio.to_thread(private_node.restart)
            during = blocking.send("echo.get-it", n=4)
            with EchoWorker(url) as worker:
                for task in (*before, during):
                    assert (await asyncio.wrap_future(task)).task_id == task.task_id
                assert (await before_asynchronous).first["parameters"] == {"n": 3}
                assert (await asynchronous.call("echo.get-it", n=5)).first["parameters"] == {"n": 5}
                assert worker.runs == {before[1].task_id: 1}


@pytest.mark.chaos  # another node of its own
async def test_streams_go_on_after_a_restart_of_the_broker(private_node: PrivateNode) -> None:
    url = private_node.url
    method = "kis.subscribe-realtime-price"
    async with AsyncClient(url, timeout=90) as asynchronous:
        with Client(url, timeout=90) as blocking:
            with EchoWorker(url) as worker:
                stream = blocking.stream(method).open()
                other = await asynchronous.stream(method).open()
                for each in (stream, other):
                    worker.emit(each.subscription, Event(1))
                assert (stream.get(60).missed, (await other.get(60)).missed) == (0, 0)
            await asyncio.to_thread(private_node.restart)
            with EchoWorker(url) as worker:
                await wait_until_async(lambda: len(worker.subscriptions) == 2, what="both subscribe again")
                for each in (stream, other):
                    worker.emit(each.subscription, Event(1, epoch="e2"), Event(2, epoch="e2"))
                for event in (stream.get(60), await other.get(60)):
                    assert (event.epoch, event.sequence, event.missed) == ("e2", 1, None)
                assert (stream.get(60).missed, (await other.get(60)).missed) == (0, 0)
                stream.close()
                await other.close()
                assert worker.subscriptions == {}
