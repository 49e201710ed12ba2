"""``client.kis.get_current_price(…)`` on both clients."""

from __future__ import annotations

from decimal import Decimal

import pytest

from broker_client import AsyncClient, Client
from tests.integration.client.echo_worker import EchoWorker


def test_a_blocking_call_by_name_is_the_task_and_nothing_more(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client:
        client.kis.get_current_price(ticker="005930", timeout=20)
        client.kis.buy_overseas_order(
            ticker="AAPL", exchange="NASD", quantity=1, price=Decimal("230.10"), task_id="o-1"
        )
        with pytest.raises(AttributeError, match="did you mean get_current_price"):
            client.kis.get_curent_price(ticker="005930")  # type: ignore[attr-defined]
    read, order = (request for request, _ in worker.received)
    assert (read.method, read.parameters) == ("kis.get-current-price", {"ticker": "005930"})
    assert (order.method, order.task_id) == ("kis.buy-overseas-order", "o-1")
    assert order.parameters == {"ticker": "AAPL", "exchange": "NASD", "quantity": 1, "price": "230.10"}


def test_a_blocking_stream_by_name(clean_broker: str, worker: EchoWorker) -> None:
    with (
        Client(clean_broker) as client,
        client.kis.subscribe_realtime_price(ticker="005930", task_id="s-1") as stream,
    ):
        assert stream.method == "kis.subscribe-realtime-price"
        assert "s-1" in worker.subscriptions


async def test_an_asynchronous_call_and_stream_by_name(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(clean_broker) as client:
        result = await client.kis.get_order_book(ticker="005930")
        async with client.kis.subscribe_order_book(ticker="005930", task_id="s-2"):
            assert "s-2" in worker.subscriptions
    assert result.environment is not None
    assert worker.received[0][0].method == "kis.get-order-book"
