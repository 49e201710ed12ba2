"""The blocking client over a connection that is cut."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from broker_client import AsyncClient, BrokerUnreachable, Client, OrderOutcomeUnknown, aio_link, link
from broker_client.results import TaskResult
from tests.integration.client.echo_worker import EchoWorker
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until


def test_a_call_that_waits_gets_its_answer_after_a_cut(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    with Client(proxied_url) as client:
        tasks = [client.send("late.get-it", n=n) for n in range(20)]
        wait_until(lambda: len(worker.received) == 20, what="all of them at the worker")
        assert proxy.cut() == 1
        worker.release()
        assert [task.result().first["parameters"]["n"] for task in tasks] == list(range(20))
        last = client.call("echo.get-it")
    assert {request.task_id for request, _ in worker.received} == {
        *(task.task_id for task in tasks),
        last.task_id,
    }


@pytest.fixture
def silent_url() -> Iterator[str]:
    """A host whose system takes connections, and that never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"amqp://guest:guest@127.0.0.1:{listener.getsockname()[1]}/%2F"


def test_a_host_that_says_nothing_is_given_up_for_the_next(
    silent_url: str, clean_broker: str, worker: EchoWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = f"{silent_url},{clean_broker}"
    monkeypatch.setattr(link, "NEXT_HOST_SECONDS", 1.0)
    with Client(hosts, timeout=8) as client:  # less than the library's own patience
        assert client.call("echo.get-it").first
    monkeypatch.setattr(aio_link, "NEXT_HOST_SECONDS", 1.0)

    async def call() -> None:
        async with AsyncClient(hosts, timeout=8) as client:
            assert (await client.call("echo.get-it")).first

    asyncio.run(call())


def test_calls_made_while_the_broker_is_away_are_sent_when_it_is_back(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    with Client(proxied_url) as client:
        proxy.refuse()
        read = client.send("echo.get-it")
        order = client.send("kis.buy-order", ticker="005930")
        wait_until(lambda: proxy.connections_seen >= 3, what="attempts to reconnect")
        assert worker.received == []
        proxy.resume()
        assert read.result().first
        assert order.result().first
    assert worker.runs == {order.task_id: 1}


def test_a_task_that_could_not_be_sent_in_time_never_is(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    with Client(proxied_url) as client:
        proxy.refuse()
        wait_until(lambda: proxy.connections_seen >= 2, what="the client notices the cut")
        with pytest.raises(BrokerUnreachable, match="not sent"):
            client.call("kis.buy-order", timeout=1, ticker="005930")
        proxy.resume()
        assert client.call("echo.get-it").first
    assert worker.methods_received() == ["echo.get-it"]


def test_a_publish_swallowed_by_a_silent_cut_is_repeated_under_the_same_task_id(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    with Client(proxied_url) as client:
        client.call("echo.get-it")
        proxy.pause()
        order = client.send("kis.buy-order", ticker="005930", quantity=1)
        proxy.cut()
        proxy.resume()
        assert order.result().task_id == order.task_id
    assert worker.runs == {order.task_id: 1}
    assert {request.task_id for request, _ in worker.received[1:]} == {order.task_id}


def test_a_silent_cut_is_noticed_by_the_heartbeat(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    with Client(f"{proxied_url}?heartbeat=1") as client:
        proxy.pause()
        with pytest.raises(OrderOutcomeUnknown):
            client.call("kis.buy-order", timeout=1, ticker="005930")
        wait_until(lambda: proxy.connections_seen >= 2, what="a second connection")
        proxy.resume()
        assert client.call("echo.get-it").first


def test_heartbeats_live_while_the_caller_computes(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    with Client(f"{proxied_url}?heartbeat=2") as client:
        client.call("echo.get-it")
        digest, end = b"", time.monotonic() + 6  # the broker gives up after two intervals
        while time.monotonic() < end:
            digest = hashlib.sha256(digest).digest()
        assert client.call("echo.get-it", digest=digest.hex()).first
    assert proxy.connections_seen == 1


def test_twenty_cuts_under_load_lose_no_call_and_run_no_order_twice(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    done = threading.Event()
    results: list[int] = []
    orders: list[str] = []

    def strategy(client: Client, number: int) -> None:
        while not done.is_set():
            results.append(client.call("echo.get-it", n=number).first["parameters"]["n"] == number)
            orders.append(client.call("kis.buy-order", ticker="005930", n=number).task_id)

    with Client(proxied_url, timeout=120) as client:
        threads = [threading.Thread(target=strategy, args=(client, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                enough = len(results) + 3
                wait_until(lambda enough=enough: len(results) >= enough, what="calls between two cuts")
                proxy.cut()
        finally:
            done.set()
            for thread in threads:
                thread.join(240)
    assert all(results)
    assert len(orders) == len(set(orders))
    assert sum(worker.runs.values()) == len(worker.runs) == len(orders)


def test_what_is_sent_while_a_connection_is_being_closed_goes_by_the_next(
    clean_broker: str, worker: EchoWorker, caplog: pytest.LogCaptureFixture
) -> None:
    sent: Future[Future[TaskResult]] = Future()

    def close_and_send() -> None:
        client._link._close_connection()
        sent.set_result(client.send("echo.get-it"))

    with Client(clean_broker) as client:
        client._link.later(0, close_and_send)
        assert sent.result(60).result().first
    assert "unexpectedly" not in caplog.text
