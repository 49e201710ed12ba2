"""KIS with the calls of a strategy that spoke to it directly; now over RabbitMQ, to the account's worker.

::

    from broker_client.kis import kis_client

    price = kis_client.get_current_price("005930")["price"]
    kis_client.buy_order("005930", quantity=10, price=52_000)

    await kis_client.connect_websocket()
    await kis_client.subscribe_realtime_price("005930")
    await kis_client.listen_realtime_data(on_event)

Everything else that a worker offers is on `KisClient.client`: see ``broker-client methods``.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from broker_client.errors import NotSubscribed

if TYPE_CHECKING:
    from broker_client.client import Client
    from broker_client.kis_live import KisLive

__all__ = ["KisClient", "kis_client"]

EventCallback = Callable[[dict[str, Any]], Awaitable[object] | object]


class KisClient:
    """Calls of KIS by name. It connects when it is first used.

    The plain methods block and can be used from several threads. The asynchronous ones belong to one event
    loop.

    Args:
        url: Of the broker, as for `Client`; without it ``BROKER_URL`` from the environment or ``.env``.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, url: str | Sequence[str] | None = None, *, timeout: float = 30.0) -> None:
        self._url = url
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._live: KisLive | None = None

    @property
    def client(self) -> Client:
        """The blocking client behind it; connects.

        Raises:
            BrokerUnreachable: RabbitMQ cannot be reached.
            ValueError: There is no URL.
        """
        from broker_client.client import Client  # an asynchronous program does without pika

        with self._lock:
            if self._client is None:
                self._client = Client(self._url, timeout=self._timeout, name="broker-client kis")
            return self._client

    def get_current_price(self, ticker: str, **parameters: Any) -> dict[str, Any]:
        """The last price, with today's open, high, low and volume.

        Args:
            ticker: The short code.
            **parameters: More of ``kis.get-current-price``.

        Raises:
            TaskFailed, NoAnswer, BrokerUnreachable: As `Client.call`, like all calls here.
        """
        return self._call("kis.get-current-price", ticker=ticker, **parameters)

    def get_order_book(self, ticker: str, **parameters: Any) -> dict[str, Any]:
        """Ten levels of bids and asks.

        Args:
            ticker: The short code.
            **parameters: More of ``kis.get-order-book``.
        """
        return self._call("kis.get-order-book", ticker=ticker, **parameters)

    def get_balance(self, **parameters: Any) -> dict[str, Any]:
        """Cash and positions of the account.

        Args:
            **parameters: Of ``kis.get-balance``.
        """
        return self._call("kis.get-balance", **parameters)

    def buy_order(
        self,
        ticker: str,
        quantity: int,
        price: int | Decimal | None = None,
        *,
        order_type: Literal["limit", "market"] = "limit",
        task_id: str | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Buy. Taken is not filled.

        Args:
            ticker: The short code.
            quantity: Shares.
            price: Won per share.
            order_type: ``market`` for an order without a price; nothing else makes one.
            task_id: The idempotency key; a new one, if absent.
            **parameters: More of ``kis.buy-order``.

        Raises:
            ValueError: The price or the quantity is missing, zero or negative; nothing was sent.
            OrderOutcomeUnknown, OrderOutcomeIsUnknown: It may have been placed. Never send a new one:
                ``client.wait_settled(error.task_id)``.
            TaskFailed, BrokerUnreachable: As `Client.call`.
        """
        return self._order("kis.buy-order", ticker, quantity, price, order_type, task_id, parameters)

    def sell_order(
        self,
        ticker: str,
        quantity: int,
        price: int | Decimal | None = None,
        *,
        order_type: Literal["limit", "market"] = "limit",
        task_id: str | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Sell; as `buy_order`."""
        return self._order("kis.sell-order", ticker, quantity, price, order_type, task_id, parameters)

    def cancel_order(self, order_no: str, *, task_id: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Cancel what is open of an order.

        Args:
            order_no: As its receipt said.
            task_id: The idempotency key; a new one, if absent.
            **parameters: More of ``kis.cancel-order``.

        Raises:
            ValueError: There is no number; nothing was sent.
            OrderOutcomeUnknown, OrderOutcomeIsUnknown, TaskFailed, BrokerUnreachable: As `buy_order`.
        """
        if not order_no:
            raise ValueError("order_no is missing: which order? Nothing was sent")
        return self._call("kis.cancel-order", task_id=task_id, order_no=order_no, **parameters)

    async def connect_websocket(self) -> None:
        """Connect for live data. The worker has the WebSocket; this side speaks AMQP.

        Raises:
            BrokerUnreachable: RabbitMQ cannot be reached.
        """
        await self._opened()

    async def subscribe_realtime_price(self, ticker: str, **parameters: Any) -> None:
        """Subscribe to the trades of an instrument; nothing happens if that is done already.

        Args:
            ticker: The short code.
            **parameters: More of ``kis.subscribe-realtime-price``, such as ``venue``.

        Raises:
            SubscriptionLimit: The worker has no room.
            TaskFailed, NoAnswer, BrokerUnreachable: As `AsyncClient.stream`.
        """
        live = await self._opened()
        await live.subscribe(ticker, parameters)

    async def unsubscribe_realtime_price(self, ticker: str) -> None:
        """End the subscription of an instrument.

        Raises:
            NotSubscribed: There is none.
        """
        if self._live is None:
            raise NotSubscribed(f"{ticker} is not subscribed here")
        await self._live.unsubscribe(ticker)

    async def listen_realtime_data(self, callback: EventCallback) -> None:
        """Call ``callback`` with each event, one after the other, until `close` or until it is cancelled.

        Args:
            callback: Gets the event as a dictionary; a coroutine function or a plain one. What it raises ends
                the listening.

        Raises:
            RuntimeError: Nothing is subscribed: `subscribe_realtime_price` comes first.
            StreamEnded: The worker dropped a subscription. Listening again goes on with the others.
            TaskFailed, WrongEnvironment: Subscribing again, after a reconnect or a silence, was refused.
        """
        live = await self._opened()
        await live.listen(callback)

    async def close(self) -> None:
        """Unsubscribe everything and disconnect; `listen_realtime_data` returns. Using it again connects."""
        live, self._live = self._live, None
        if live is not None:
            await live.close()
        await asyncio.to_thread(self._disconnect)

    def __enter__(self) -> KisClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disconnect()

    async def __aenter__(self) -> KisClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _disconnect(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _call(self, method: str, *, task_id: str | None = None, **parameters: Any) -> dict[str, Any]:
        task = self.client.send_parameters(method, parameters, task_id=task_id)
        row: dict[str, Any] = task.result().first or {}
        return row

    def _order(
        self,
        method: str,
        ticker: str,
        quantity: int,
        price: int | Decimal | None,
        order_type: str,
        task_id: str | None,
        parameters: dict[str, Any],
    ) -> dict[str, Any]:
        _refuse_unless_positive("quantity", quantity)
        if order_type == "market":
            if price is not None:
                raise ValueError("a market order takes no price; nothing was sent")
            parameters = {**parameters, "order_type": order_type}
        elif order_type == "limit":
            if price is None:
                raise ValueError(
                    'price is missing; nothing was sent. A market order is one by order_type="market" only'
                )
            _refuse_unless_positive("price", price)
            parameters = {**parameters, "order_type": order_type, "price": price}
        else:
            raise ValueError(f"order_type is limit or market here, not {order_type}; nothing was sent")
        return self._call(method, task_id=task_id, ticker=ticker, quantity=quantity, **parameters)

    async def _opened(self) -> KisLive:
        if self._live is None:
            from broker_client.kis_live import KisLive  # a blocking program does without aio-pika

            self._live = KisLive(self._url, timeout=self._timeout)
        live = self._live
        try:
            await live.connect()
        except BaseException:
            if self._live is live:
                self._live = None
            raise
        return live


def _refuse_unless_positive(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or not value > 0:
        raise ValueError(f"{name} must be a number above zero, not {value!r}; nothing was sent")


kis_client = KisClient()
