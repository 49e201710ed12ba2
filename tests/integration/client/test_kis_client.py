"""The calls of KIS by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from broker_client import BrokerUnreachable, NotSubscribed, StreamEnded, SubscriptionLimit
from broker_client.kis import KisClient, kis_client
from tests.integration.client.echo_worker import EchoWorker
from tests.integration.client.stream_script import Event, Status, events
from tests.support.waiting import wait_until, wait_until_async


def test_reads_give_the_row(clean_broker: str, worker: EchoWorker) -> None:
    with KisClient(clean_broker) as kis:
        assert kis.get_current_price("005930") == {
            "method": "kis.get-current-price",
            "parameters": {"ticker": "005930"},
        }
        assert kis.get_order_book("005930", raw=True)["parameters"] == {"ticker": "005930", "raw": True}
        assert kis.get_balance()["method"] == "kis.get-balance"
        assert kis.client.call("echo.get-it").first


def test_orders_are_sent_once_with_their_price(clean_broker: str, worker: EchoWorker) -> None:
    with KisClient(clean_broker) as kis:
        assert kis.buy_order("005930", quantity=10, price=52_000, task_id="b-1")["order_no"] == "1"
        assert kis.sell_order("005930", 3, Decimal("52500"))["order_no"] == "2"
        assert kis.sell_order("005930", 3, order_type="market")["order_no"] == "3"
        assert kis.cancel_order("0000000001", quantity=5)["order_no"] == "4"
    assert worker.received[0][0].task_id == "b-1"
    assert [(request.method, request.parameters) for request, _ in worker.received] == [
        ("kis.buy-order", {"ticker": "005930", "quantity": 10, "price": 52_000, "order_type": "limit"}),
        ("kis.sell-order", {"ticker": "005930", "quantity": 3, "price": "52500", "order_type": "limit"}),
        ("kis.sell-order", {"ticker": "005930", "quantity": 3, "order_type": "market"}),
        ("kis.cancel-order", {"order_no": "0000000001", "quantity": 5}),
    ]


@pytest.mark.parametrize(
    "order",
    [
        lambda kis: kis.buy_order("005930", quantity=10),
        lambda kis: kis.buy_order("005930", quantity=10, price=None),
        lambda kis: kis.buy_order("005930", quantity=10, price=0),
        lambda kis: kis.sell_order("005930", quantity=10, price=-1),
        lambda kis: kis.sell_order("005930", quantity=10, price=float("nan")),
        lambda kis: kis.sell_order("005930", quantity=10, price=True),
        lambda kis: kis.sell_order("005930", quantity=10, price="52000"),
        lambda kis: kis.buy_order("005930", quantity=0, price=52_000),
        lambda kis: kis.buy_order("005930", quantity=10, price=52_000, order_type="market"),
        lambda kis: kis.buy_order("005930", quantity=10, price=0, order_type="market"),
        lambda kis: kis.buy_order("005930", quantity=10, order_type="best"),
        lambda kis: kis.cancel_order(""),
    ],
)
def test_an_order_without_a_proper_price_is_refused_before_anything_is_sent(
    order: Callable[[KisClient], object],
) -> None:
    # It would raise BrokerUnreachable if it connected.
    with KisClient("amqp://127.0.0.1:1/%2F") as kis, pytest.raises(ValueError, match="othing was sent"):
        order(kis)


def test_a_broker_that_is_not_there_is_told_at_the_first_call() -> None:
    with KisClient("amqp://127.0.0.1:1/%2F") as kis, pytest.raises(BrokerUnreachable):
        kis.get_balance()
    assert isinstance(kis_client, KisClient)
    assert kis_client._client is None


@pytest.mark.parametrize("plain", [False, True])
async def test_live_prices_go_to_the_callback(clean_broker: str, worker: EchoWorker, plain: bool) -> None:
    seen: list[dict[str, Any]] = []

    async def on_event(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    kis = KisClient(clean_broker)
    await kis.connect_websocket()
    worker.script = events(1, 2)
    await kis.subscribe_realtime_price("005930")
    await kis.subscribe_realtime_price("005930")
    await kis.subscribe_realtime_price("000660", venue="NXT")
    listening = asyncio.create_task(kis.listen_realtime_data(seen.append if plain else on_event))
    await wait_until_async(lambda: len(seen) == 4, what="the events of both")
    assert [request.parameters for request, _ in worker.received] == [
        {"ticker": "005930"},
        {"ticker": "000660", "venue": "NXT"},
    ]
    await kis.unsubscribe_realtime_price("005930")
    assert len(worker.subscriptions) == 1
    with pytest.raises(NotSubscribed):
        await kis.unsubscribe_realtime_price("005930")
    await kis.close()
    await listening
    assert worker.subscriptions == {}
    assert seen[0]["price"] == 71_500


async def test_a_dropped_subscription_ends_the_listening_but_not_the_others(
    clean_broker: str, worker: EchoWorker
) -> None:
    seen: list[int] = []
    async with KisClient(clean_broker) as kis:
        worker.script = [Event(1), Status("dropped", "by hand")]
        await kis.subscribe_realtime_price("005930")
        worker.script = []
        await kis.subscribe_realtime_price("000660")
        with pytest.raises(StreamEnded, match="by hand"):
            await kis.listen_realtime_data(lambda event: seen.append(event["n"]))
        listening = asyncio.create_task(kis.listen_realtime_data(lambda event: seen.append(event["n"])))
        (other,) = (
            request.task_id for request, _ in worker.received if request.parameters == {"ticker": "000660"}
        )
        worker.emit(other, Event(7))
        await wait_until_async(lambda: seen == [1, 7], what="the event of the other")
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_listening_without_a_subscription_is_refused(clean_broker: str, worker: EchoWorker) -> None:
    seen: list[dict[str, Any]] = []
    async with KisClient(clean_broker) as kis:
        with pytest.raises(RuntimeError, match="subscribe_realtime_price"):
            await kis.listen_realtime_data(seen.append)
        worker.script = [Status("dropped", "by hand")]
        await kis.subscribe_realtime_price("005930")
        with pytest.raises(StreamEnded, match="by hand"):
            await kis.listen_realtime_data(seen.append)
        with pytest.raises(RuntimeError, match="subscribe_realtime_price"):
            await kis.listen_realtime_data(seen.append)
        worker.script = events(1)
        subscribing = asyncio.create_task(kis.subscribe_realtime_price("005930"))
        await wait_until_async(lambda: len(worker.received) >= 2, what="it is on its way")
        listening = asyncio.create_task(kis.listen_realtime_data(seen.append))
        await subscribing
        await wait_until_async(lambda: seen, what="its event")
    await listening


async def test_a_callback_that_fails_ends_the_listening(clean_broker: str, worker: EchoWorker) -> None:
    def fail(event: dict[str, Any]) -> None:
        raise ZeroDivisionError

    async with KisClient(clean_broker) as kis:
        worker.script = [Event(1)]
        await kis.subscribe_realtime_price("005930")
        with pytest.raises(ZeroDivisionError):
            await kis.listen_realtime_data(fail)


async def test_a_refused_subscription_is_raised_and_can_be_tried_again(
    clean_broker: str, worker: EchoWorker
) -> None:
    async with KisClient(clean_broker) as kis:
        worker.refusal = SubscriptionLimit("41 of 41 taken", vendor="kis")
        with pytest.raises(SubscriptionLimit):
            await kis.subscribe_realtime_price("005930")
        worker.refusal = None
        await kis.subscribe_realtime_price("005930")
        assert len(worker.subscriptions) == 1


async def test_it_connects_again_after_a_failure_and_after_close(
    clean_broker: str, worker: EchoWorker
) -> None:
    unreachable = KisClient("amqp://127.0.0.1:1/%2F")
    for _ in range(2):
        with pytest.raises(BrokerUnreachable):
            await unreachable.connect_websocket()
    with pytest.raises(NotSubscribed):
        await unreachable.unsubscribe_realtime_price("005930")
    kis = KisClient(clean_broker)
    for _ in range(2):
        await asyncio.gather(kis.connect_websocket(), kis.connect_websocket())
        await kis.subscribe_realtime_price("005930")
        await kis.close()
    wait_until(lambda: worker.subscriptions == {})
