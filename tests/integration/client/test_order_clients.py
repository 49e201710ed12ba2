"""Orders through both clients and a real broker: who sent them, and what becomes of them later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from broker_client import (
    AsyncClient,
    Client,
    InvalidParameters,
    OrderNotSettled,
    OrderOutcomeIsUnknown,
    OrderOutcomeUnknown,
    TaskResult,
    VendorRejected,
)
from broker_client.signatures import Signatures
from tests.integration.client.echo_worker import EchoWorker
from tests.support.broker_cleaning import AddUser
from tests.support.order_rows import order_row
from tests.support.waiting import wait_until

Call = Callable[..., TaskResult]
ORDER = "kis.buy-order"


def call_blocking(url: Any, method: str, **parameters: Any) -> TaskResult:
    with Client(url) as client:
        return client.call(method, **parameters)


def call_async(url: Any, method: str, **parameters: Any) -> TaskResult:
    async def run() -> TaskResult:
        async with AsyncClient(url) as client:
            return await client.call(method, **parameters)

    return asyncio.run(run())


@pytest.fixture(params=[call_blocking, call_async], ids=["blocking", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    chosen: Call = request.param
    return chosen


def users_of(worker: EchoWorker) -> list[tuple[str, str | None]]:
    return [(request.method, properties.user_id) for request, properties in worker.received]


def test_an_order_names_its_user_and_a_read_does_not(
    clean_broker: str, worker: EchoWorker, call: Call
) -> None:
    login = urlsplit(clean_broker).username or "guest"
    call(clean_broker, ORDER, ticker="005930")
    call(clean_broker, "broker.halt-orders", reason="a test")
    call(clean_broker, "echo.get-it")
    assert users_of(worker) == [(ORDER, login), ("broker.halt-orders", login), ("echo.get-it", None)]


def test_the_user_of_the_url_without_one_is_guest(clean_broker: str, worker: EchoWorker, call: Call) -> None:
    parts = urlsplit(clean_broker)
    if (parts.username or "guest") != "guest" or parts.hostname not in ("127.0.0.1", "localhost"):
        pytest.skip("guest may not log in there")
    call(f"amqp://{parts.hostname}:{parts.port}{parts.path}", ORDER, ticker="005930")
    assert users_of(worker) == [(ORDER, "guest")]


def test_names_with_signs_and_urls_with_different_users(clean_broker: str, add_user: AddUser) -> None:
    users = ["트레이더@krx", "a+b/c%d"]
    urls = [add_user(user, "secret") for user in users]
    wrong = urls[0].replace(":secret@", ":wrong@")
    with EchoWorker(clean_broker) as worker:
        for call in (call_blocking, call_async):
            call(urls[0], ORDER, ticker="005930")
            call([wrong, urls[1]], ORDER, ticker="005930")
    assert users_of(worker) == [(ORDER, users[0]), (ORDER, users[1])] * 2


def test_an_order_whose_user_the_broker_refuses_is_sent_once_more_without(
    clean_broker: str,
    worker: EchoWorker,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As with a client certificate: the broker knows this connection by another name than the URL."""
    honest = Signatures.user
    monkeypatch.setattr(
        Signatures, "user", lambda self, url, login: honest(self, url, login) and "somebody-else"
    )
    with caplog.at_level(logging.WARNING, "broker_client"):
        result = call(clean_broker, ORDER, ticker="005930", task_id="signed")
    assert result.first["order_no"] == "1"
    assert users_of(worker) == [(ORDER, None)]
    assert worker.runs == {"signed": 1}
    assert sum("ORDER_USERS" in message for message in caplog.messages) == 1


def test_warnings_reach_the_caller(clean_broker: str, worker: EchoWorker, call: Call) -> None:
    assert call(clean_broker, "odd.get-it").warnings == ("the market is closed", "시장")


def test_a_late_outcome_reaches_a_waiting_resume_and_nobody_else(
    clean_broker: str, worker: EchoWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.lose_orders = True
    with (
        Client(clean_broker) as client,
        ThreadPoolExecutor() as pool,
        caplog.at_level(logging.INFO, "broker_client"),
    ):
        for task_id in ("accepted", "rejected", "unattended"):
            with pytest.raises(OrderOutcomeIsUnknown):
                client.call(ORDER, task_id=task_id, ticker="005930")
        worker.hold_orders = True
        accepted, rejected = (pool.submit(client.resume, task_id) for task_id in ("accepted", "rejected"))
        wait_until(lambda: len(worker.received) == 5, what="both repeats at the worker")
        caplog.clear()
        worker.settle("unattended")
        worker.settle("accepted")
        worker.settle("rejected", VendorRejected("no cash"))
        assert accepted.result().first == {"order_no": "9"}
        assert accepted.result().replayed
        with pytest.raises(VendorRejected):
            rejected.result()
        assert caplog.messages == []
        worker.hold_orders = worker.lose_orders = False
        assert client.resume("unattended").replayed


def test_an_order_is_looked_up_and_waited_for(clean_broker: str, worker: EchoWorker) -> None:
    worker.hold_orders = True
    with Client(clean_broker) as client:
        with pytest.raises(OrderOutcomeUnknown):
            client.call(ORDER, task_id="slow", timeout=1, ticker="005930")
        with pytest.raises(InvalidParameters, match="no order slow is on record"):
            client.order("slow")
        with pytest.raises(OrderNotSettled, match="no order slow is on record"):
            client.wait_settled("slow", timeout=1)
        worker.records["slow"] = order_row("slow", state="UNKNOWN", status=None)
        assert client.order("slow").state == "UNKNOWN"
        asked = len(worker.received)
        waiting = asyncio.run(_settle_while_waiting(client, worker, asked))
    assert (waiting.state, waiting.status, waiting.order_no) == ("ACCEPTED", "filled", "0000001007")


async def _settle_while_waiting(client: Client, worker: EchoWorker, asked: int) -> Any:
    waiting = asyncio.create_task(asyncio.to_thread(client.wait_settled, "slow", timeout=60))
    await asyncio.to_thread(wait_until, lambda: len(worker.received) >= asked + 2, what="it asks twice")
    worker.records["slow"] = order_row("slow")
    return await waiting


async def test_the_asynchronous_client_looks_up_and_waits_too(clean_broker: str, worker: EchoWorker) -> None:
    worker.records["o-1"] = order_row("o-1", state="SENDING", status=None)
    async with AsyncClient(clean_broker) as client:
        assert (await client.order("o-1")).state == "SENDING"
        waiting = asyncio.create_task(client.wait_settled("o-1", timeout=60))
        await asyncio.to_thread(wait_until, lambda: len(worker.received) >= 3, what="it asks twice")
        worker.records["o-1"] = order_row("o-1", state="REJECTED", status=None)
        assert (await waiting).state == "REJECTED"
        with pytest.raises(OrderNotSettled):
            await client.wait_settled("never", timeout=0.5)


def test_a_callback_of_the_client_cannot_wait_for_it(clean_broker: str, worker: EchoWorker) -> None:
    failures: list[BaseException] = []
    with Client(clean_broker) as client:

        def look(_: object) -> None:
            try:
                client.order("o-1")
            except RuntimeError as error:
                failures.append(error)

        client.call("page.get-it", on_progress=look)
    assert len(failures) == 2
