"""Both clients across a restart of the broker."""

from __future__ import annotations

import asyncio

from broker_client import AsyncClient, Client
from broker_server.amqp.private_node import PrivateNode
from tests.integration.client.echo_worker import EchoWorker


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
