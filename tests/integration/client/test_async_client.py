"""The asynchronous client against a real broker, plain and over a connection that is cut."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pika
import pytest

from broker_client import (
    AsyncClient,
    BrokerUnreachable,
    Client,
    ClientClosed,
    NoAnswer,
    OrderOutcomeUnknown,
    TaskQueueMissing,
    VendorRejected,
    WrongEnvironment,
)
from broker_client.protocol import TaskReply
from tests.integration.client.echo_worker import EchoWorker, delete_queue, queue_exists
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until_async


async def test_a_call_returns_the_result(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(clean_broker) as client:
        result = await client.call("echo.get-it", ticker="005930")
        ping = await client.ping()
    assert result.first["parameters"] == {"ticker": "005930"}
    assert ping.worker == "echo"


async def test_the_message_is_as_the_contract_says(clean_broker: str, worker: EchoWorker) -> None:
    before = datetime.now(UTC)
    shown: list[str] = []
    async with AsyncClient(
        clean_broker, timeout=20, on_task_id=lambda task_id, _: shown.append(task_id)
    ) as client:
        await client.call("echo.get-it")
        order = await client.call("kis.buy-order", ticker="005930")
    (_, of_read), (_, of_order) = worker.received
    for request, properties in worker.received:
        assert properties.delivery_mode == 2
        assert properties.content_type == "application/json"
        assert request.request_time is not None
        assert request.request_time >= before
        assert request.deadline == request.request_time + timedelta(seconds=20)
    assert of_read.expiration == "20000"
    assert of_order.expiration is None
    assert shown == [order.task_id]


async def test_a_success_of_another_environment_is_raised(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(clean_broker, expected_environment="real") as client:
        with pytest.raises(WrongEnvironment, match="environment simulated") as caught:
            await client.call("echo.get-it")
    assert caught.value.expected_environment == "real"


async def test_errors_are_typed(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(clean_broker) as client:
        with pytest.raises(VendorRejected):
            await client.call("fail.get-it")
        with pytest.raises(NoAnswer):
            await client.call("ignore.get-it", timeout=1)
        assert (await client.call("twice.get-it", n="1")).first["parameters"] == {"n": "1"}


async def test_progress_reaches_the_caller(clean_broker: str, worker: EchoWorker) -> None:
    seen: list[TaskReply] = []
    async with AsyncClient(clean_broker) as client:
        result = await client.call("page.get-rows", on_progress=seen.append)
    assert [status.result[0]["done"] for status in seen] == [1, 2]
    assert result.truncated == "page limit"


async def test_two_hundred_calls_in_flight_each_get_their_own_answer(
    clean_broker: str, worker: EchoWorker
) -> None:
    async with AsyncClient(clean_broker) as client:
        tasks = [client.send("late.get-it", n=n) for n in range(200)]
        await wait_until_async(lambda: len(worker.received) == 200, what="all of them at the worker")
        worker.release()
        results = await asyncio.gather(*tasks)
    assert [result.first["parameters"]["n"] for result in results] == list(range(200))


async def test_an_order_is_resumed_under_its_own_id_and_runs_once(
    clean_broker: str, worker: EchoWorker
) -> None:
    worker.hold_orders = True
    async with AsyncClient(clean_broker) as client:
        with pytest.raises(OrderOutcomeUnknown) as caught:
            await client.call("kis.buy-order", timeout=1, ticker="005930")
        await wait_until_async(lambda: worker.runs, what="the order at the worker")
        worker.hold_orders = False
        assert (await client.resume(caught.value.task_id)).replayed
        assert (await client.resume(caught.value.task_id, "kis.buy-order", ticker="005930")).replayed
    assert worker.runs == {caught.value.task_id: 1}


@pytest.mark.parametrize("method", ["echo.get-it", "kis.buy-order"])
async def test_a_missing_queue_is_a_clear_error(clean_broker: str, method: str) -> None:
    async with AsyncClient(clean_broker) as client:
        with pytest.raises(TaskQueueMissing, match="broker-server run"):
            await client.call(method)


async def test_closing_deletes_the_reply_queue_and_ends_waiting_calls(
    clean_broker: str, worker: EchoWorker
) -> None:
    client = AsyncClient(clean_broker)
    async with client:
        await client.call("echo.get-it")
        reply_queue = worker.received[0][1].reply_to
        assert queue_exists(clean_broker, reply_queue)
        waiting = client.send("late.get-it")
    with pytest.raises(ClientClosed):
        await waiting
    assert not queue_exists(clean_broker, reply_queue)
    with pytest.raises(ClientClosed):
        await client.call("echo.get-it")


async def test_a_cancelled_wait_leaves_the_client_whole(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(clean_broker) as client:
        waiting = client.send("late.get-it")
        await wait_until_async(lambda: worker.received, what="the task at the worker")
        waiting.cancel()
        worker.release()
        assert (await client.call("echo.get-it")).first


async def test_an_unreachable_broker_is_one_clear_line_without_the_password() -> None:
    client = AsyncClient("amqp://someone:secret-word@127.0.0.1:1/%2F", timeout=20)
    with pytest.raises(BrokerUnreachable) as caught:
        await client.connect()
    assert "127.0.0.1:1 (virtual host /)" in str(caught.value)
    assert "secret-word" not in str(caught.value)


async def test_the_second_url_is_used_when_the_first_is_down(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(["amqp://guest:guest@127.0.0.1:1/%2F", clean_broker], timeout=20) as client:
        assert (await client.call("echo.get-it")).first


async def test_with_several_hosts_its_queue_outlives_a_node(clean_broker: str, worker: EchoWorker) -> None:
    """A quorum queue: declaring it as another kind is refused."""
    for urls, kind in ((clean_broker, "classic"), ([clean_broker, "amqp://127.0.0.1:1"], "quorum")):
        async with AsyncClient(urls) as client:
            await client.call("echo.get-it")
            queue = worker.received[-1][1].reply_to
            refused = await asyncio.to_thread(refusal_of_another_kind, clean_broker, queue)
            assert f"'x-queue-type' for queue '{queue}'" in refused
            assert f"current is '{kind}'" in refused


def refusal_of_another_kind(url: str, queue: str) -> str:
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        for kind in ("classic", "quorum"):
            try:
                connection.channel().queue_declare(
                    queue, durable=True, arguments={"x-queue-type": kind, "x-expires": 300_000}
                )
            except pika.exceptions.ChannelClosedByBroker as refused:
                return refused.reply_text
    raise AssertionError("both kinds are accepted")


async def test_several_hosts_that_do_not_answer_are_all_named() -> None:
    urls = ["amqp://someone:secret-word@127.0.0.1:1/x", "amqp://someone:secret-word@127.0.0.1:2/x"]
    with pytest.raises(BrokerUnreachable) as caught:
        await AsyncClient(urls, timeout=20).connect()
    with pytest.raises(BrokerUnreachable) as also:
        Client(urls, timeout=20)
    for said in (str(caught.value), str(also.value)):
        assert "127.0.0.1:1 (virtual host x)" in said
        assert "127.0.0.1:2 (virtual host x)" in said
        assert "secret-word" not in said


async def test_a_deleted_reply_queue_is_declared_again(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(clean_broker) as client:
        await client.call("echo.get-it")
        await asyncio.to_thread(delete_queue, clean_broker, worker.received[0][1].reply_to)
        assert (await client.call("echo.get-it", n="2")).first["parameters"] == {"n": "2"}


async def test_calls_that_wait_get_their_answers_after_a_cut(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    async with AsyncClient(proxied_url) as client:
        tasks = [client.send("late.get-it", n=n) for n in range(20)]
        await wait_until_async(lambda: len(worker.received) == 20, what="all of them at the worker")
        assert await asyncio.to_thread(proxy.cut) == 1
        worker.release()
        results = await asyncio.gather(*tasks)
        assert [result.first["parameters"]["n"] for result in results] == list(range(20))
        assert (await client.call("echo.get-it")).first


async def test_calls_made_while_the_broker_is_away_are_sent_when_it_is_back(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    async with AsyncClient(proxied_url) as client:
        await asyncio.to_thread(proxy.refuse)
        read = client.send("echo.get-it")
        order = client.send("kis.buy-order", ticker="005930")
        await wait_until_async(lambda: proxy.connections_seen >= 3, what="attempts to reconnect")
        await asyncio.to_thread(proxy.resume)
        assert (await read).first
        assert (await order).first
    assert worker.runs == {order.task_id: 1}


async def test_a_silent_cut_is_noticed_by_the_heartbeat(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    async with AsyncClient(f"{proxied_url}?heartbeat=1") as client:
        await asyncio.to_thread(proxy.pause)
        with pytest.raises(OrderOutcomeUnknown):
            await client.call("kis.buy-order", timeout=1, ticker="005930")
        await wait_until_async(lambda: proxy.connections_seen >= 2, what="a second connection")
        await asyncio.to_thread(proxy.resume)
        assert (await client.call("echo.get-it")).first


async def test_twenty_cuts_under_load_lose_no_call_and_run_no_order_twice(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    done = asyncio.Event()
    results: list[bool] = []
    orders: list[str] = []

    async def strategy(client: AsyncClient, number: int) -> None:
        while not done.is_set():
            answer = await client.call("echo.get-it", n=number)
            results.append(answer.first["parameters"]["n"] == number)
            orders.append((await client.call("kis.buy-order", ticker="005930", n=number)).task_id)

    async with AsyncClient(proxied_url, timeout=120) as client, asyncio.TaskGroup() as strategies:
        for number in range(8):
            strategies.create_task(strategy(client, number))
        try:
            for _ in range(20):
                enough = len(results) + 3
                await wait_until_async(
                    lambda enough=enough: len(results) >= enough, what="calls between two cuts"
                )
                await asyncio.to_thread(proxy.cut)
        finally:
            done.set()
    assert all(results)
    assert len(orders) == len(set(orders))
    assert sum(worker.runs.values()) == len(worker.runs) == len(orders)
