"""What happens at the workers: the last events of ``broker.events``, and how each worker is."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import aio_pika
import orjson
import structlog
from aio_pika.abc import AbstractIncomingMessage
from aiormq.exceptions import AMQPError

from broker_client.address import url_list
from broker_client.aio import AsyncClient
from broker_client.errors import BrokerError
from broker_client.protocol import EVENTS_EXCHANGE
from broker_client.tls import tls_context
from broker_server.gateway.documents import timestamp

log = structlog.get_logger(__name__)

QUEUE_ARGUMENTS: dict[str, Any] = {"x-max-length": 1_000, "x-overflow": "drop-head"}
MOST_EVENTS = 200
MOST_ORDERS = 100
STATUS_SECONDS = 5.0
AGAIN_SECONDS = 3.0
STATUS_TIMEOUT = 5.0

_ORDER_FIGURES = (
    "task_id",
    "order_no",
    "vendor",
    "account",
    "action",
    "ticker",
    "side",
    "quantity",
    "price",
    "currency",
    "order_type",
    "state",
    "status",
    "filled_quantity",
    "average_price",
    "reason",
)


class Activity:
    """Listens to ``broker.events``, and asks the workers how they are, while it runs.

    Args:
        url: The broker; several hosts of a cluster with commas between them.
        client: Asks the workers.
        clock: UTC.
    """

    def __init__(self, url: str, client: AsyncClient, clock: Callable[[], datetime]) -> None:
        self._hosts = itertools.cycle(url_list(url))
        self._client = client
        self._clock = clock
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)
        self._orders: dict[str, dict[str, Any]] = {}
        self._workers: list[dict[str, Any]] = []
        self._asked_at: datetime | None = None
        self._answered_at: datetime | None = None
        self._knows_earlier_orders = False
        self._trouble: str | None = "the workers have not been asked yet"

    def document(self) -> dict[str, Any]:
        """As JSON has it; the newest first."""
        return {
            "events": list(reversed(self._events)),
            "orders": list(reversed(self._orders.values())),
            "workers": self._workers,
            "asked_at": None if self._asked_at is None else timestamp(self._asked_at),
            "answered_at": None if self._answered_at is None else timestamp(self._answered_at),
            "trouble": self._trouble,
        }

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._ask())

    def take(self, body: bytes) -> None:
        """One message of ``broker.events``."""
        try:
            event = orjson.loads(body)
        except orjson.JSONDecodeError:
            return
        if not isinstance(event, dict):
            return
        self._events.append(event)
        if event.get("type") == "order":
            name = _name(event)
            self._orders.pop(name, None)
            self._orders[name] = _shown(event, event.get("time"))
            while len(self._orders) > MOST_ORDERS:
                del self._orders[next(iter(self._orders))]

    def take_workers(self, statuses: list[Any]) -> None:
        """The answer of ``broker.get-status``."""
        self._workers = [each for each in statuses if isinstance(each, dict)]
        self._answered_at = self._clock()
        self._trouble = None

    def take_earlier(self, orders: list[Any]) -> None:
        """The answer of ``broker.list-orders``, the newest first: what was before the first event."""
        earlier = {}
        for order in reversed(orders):
            if isinstance(order, dict) and _name(order) not in self._orders:
                moments = (order.get(each) for each in ("settled_at", "sent_at", "received_at"))
                earlier[_name(order)] = _shown(order, next(filter(None, moments), None))
        room = max(0, MOST_ORDERS - len(self._orders))
        self._orders = dict(list(earlier.items())[-room:] if room else []) | self._orders

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (AMQPError, OSError, RuntimeError) as error:
                log.warning("broker.events cannot be read; once more", reason=str(error))
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen_once(self) -> None:
        connection = await aio_pika.connect(
            url := next(self._hosts),
            ssl_context=tls_context(url),
            client_properties={"connection_name": "broker-gateway events"},
        )
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True, auto_delete=True, arguments=QUEUE_ARGUMENTS)
            await queue.bind(EVENTS_EXCHANGE, "#")
            closed = asyncio.Event()
            channel.close_callbacks.add(lambda *_: closed.set())
            await queue.consume(self._on_message, no_ack=True)
            await closed.wait()

    async def _on_message(self, message: AbstractIncomingMessage) -> None:
        self.take(message.body)

    async def _ask(self) -> None:
        while True:
            try:
                answer = await self._client.call("broker.get-status", timeout=STATUS_TIMEOUT)
            except BrokerError as error:
                log.debug("no worker says how it is", reason=str(error))
                self._trouble = "no worker answers"
            else:
                self.take_workers(answer.result)
                await self._ask_for_earlier_orders()
            self._asked_at = self._clock()
            await asyncio.sleep(STATUS_SECONDS)

    async def _ask_for_earlier_orders(self) -> None:
        if self._knows_earlier_orders:
            return
        try:
            answer = await self._client.call("broker.list-orders", timeout=STATUS_TIMEOUT, limit=MOST_ORDERS)
        except BrokerError as error:
            log.debug("no worker lists its orders; once more", reason=str(error))
        else:
            self.take_earlier(answer.result)
            self._knows_earlier_orders = True


def _name(order: dict[str, Any]) -> str:
    return f"{order.get('vendor')} {order.get('task_id') or order.get('order_no')}"


def _shown(order: dict[str, Any], time: Any) -> dict[str, Any]:
    return {"time": time, **{key: order.get(key) for key in _ORDER_FIGURES}}
