"""A worker of a few lines, to hold the clients to the wire contract."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import pika
from pika.exceptions import ChannelClosedByBroker

from broker_client.errors import (
    InvalidParameters,
    NotSubscribed,
    OrderOutcomeIsUnknown,
    TaskFailed,
    UnknownMethod,
    VendorRejected,
)
from broker_client.protocol import (
    ORDERS_QUEUE,
    TASKS_QUEUE,
    TaskRequest,
    decode_request,
    encode_reply,
)
from tests.integration.client.stream_script import Line

QUORUM = {"x-queue-type": "quorum"}

METHODS = [
    {
        "name": "broker.ping",
        "vendor": "broker",
        "kind": "read",
        "summary": "Answer with the time.",
        "parameters": {"type": "object", "properties": {}},
        "example": {},
    },
    {
        "name": "kis.get-current-price",
        "vendor": "kis",
        "kind": "read",
        "summary": "The last price.",
        "parameters": {
            "type": "object",
            "properties": {"ticker": {"type": "string", "description": "KRX short code"}},
            "required": ["ticker"],
        },
        "example": {"ticker": "005930"},
    },
]


class EchoWorker:
    """Answers on a thread of its own.

    Methods: ``echo.get-*`` and ``kis.get-*`` answer with what was received; ``fail.get-*`` fails with a
    vendor's refusal; ``ignore.get-*`` never answers; ``twice.get-*`` answers twice; ``late.get-*`` answers at
    `release`; ``page.get-*`` reports progress first; an order is run once per task_id and replayed after
    that, and waits for `release` while ``hold_orders`` is set. While ``lose_orders`` is set an order is of
    unknown outcome until `settle`. ``broker.get-order`` and ``broker.list-orders`` answer from ``records``;
    ``odd.get-*`` warns. A ``subscribe`` is acknowledged, then `script` follows if it is the first of its
    task_id; `emit` says more.

    Attributes:
        received: Every task with its AMQP properties, in order of arrival.
        runs: How often each order was really run, by task_id.
        records: What is on record of each order, by task_id; newest last.
        subscriptions: The reply queue of each subscription, by task_id.
        script: What follows the acknowledgement.
        refusal: Why nothing can be subscribed.
        mute: Subscriptions are not answered.
    """

    def __init__(self, url: str, *, queues: tuple[str, ...] = (TASKS_QUEUE, ORDERS_QUEUE)) -> None:
        self.received: list[tuple[TaskRequest, Any]] = []
        self.runs: dict[str, int] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.hold_orders = False
        self.lose_orders = False
        self.subscriptions: dict[str, str] = {}
        self.script: list[Line] = []
        self.refusal: TaskFailed | None = None
        self.mute = False
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._held: list[Callable[[], None]] = []
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._channel.basic_qos(prefetch_count=200)
        for queue in queues:
            self._channel.queue_declare(queue, durable=True, arguments=QUORUM)
            self._channel.basic_consume(queue, self._on_task)
        self._thread = threading.Thread(target=self._run, name="echo worker", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def methods_received(self) -> list[str]:
        """The methods that arrived so far."""
        return [request.method for request, _ in self.received]

    def release(self) -> None:
        """Answer what was held back."""
        self._connection.add_callback_threadsafe(self._release)

    def settle(self, task_id: str, error: TaskFailed | None = None) -> None:
        """Answer an order of unknown outcome once more, to the address that it first came with."""
        request, properties = next(pair for pair in self.received if pair[0].task_id == task_id)
        rows = [] if error else [{"order_no": "9"}]

        def answer() -> None:
            self._reply(request, properties, rows, error=error, extra={"replayed": True})

        self._connection.add_callback_threadsafe(answer)

    def emit(self, task_id: str, *lines: Line) -> None:
        """Say something on a stream."""
        self._connection.add_callback_threadsafe(lambda: self._emit(task_id, lines))

    def stop(self) -> None:
        """Stop consuming; what was not taken stays in the queues."""
        self._connection.add_callback_threadsafe(self._channel.stop_consuming)
        self._thread.join(60)
        self._connection.close()

    def _run(self) -> None:
        self._channel.start_consuming()

    def _release(self) -> None:
        held, self._held = self._held, []
        for answer in held:
            answer()

    def _on_task(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        request = decode_request(body)
        self.received.append((request, properties))
        channel.basic_ack(method.delivery_tag)
        kind = request.method.partition(".")[0]
        if method.routing_key == ORDERS_QUEUE:
            self._order(request, properties)
        elif ".subscribe" in request.method:
            self._subscribe(request, properties)
        elif ".unsubscribe" in request.method:
            self._unsubscribe(request, properties)
        elif kind == "late":
            self._held.append(lambda: self._echo(request, properties))
        elif kind == "fail":
            self._reply(
                request,
                properties,
                [],
                error=VendorRejected(
                    "refused", vendor="kis", vendor_code="40310000", vendor_message="주문 수량 초과"
                ),
            )
        elif kind == "twice":
            self._echo(request, properties)
            self._echo(request, properties)
        elif kind == "page":
            for done in (1, 2):
                progress = {"type": "progress", "done": done, "total": 2}
                self._reply(request, properties, [progress], kind="status")
            self._reply(request, properties, [{"no": 1}, {"no": 2}], extra={"truncated": "page limit"})
        elif request.method == "broker.ping":
            self._reply(request, properties, [{"time": self.clock().isoformat(), "worker": "echo"}])
        elif request.method == "broker.list-methods":
            self._reply(request, properties, METHODS)
        elif request.method == "broker.get-status":
            status = {"worker": "echo", "environment": "simulated", "time": self.clock().isoformat()}
            self._reply(request, properties, [status])
        elif request.method in ("broker.get-order", "broker.list-orders"):
            self._look_up(request, properties)
        elif request.method in ("broker.halt-orders", "broker.resume-orders"):
            self._reply(request, properties, [{"reason": request.parameters["reason"]}])
        elif kind == "odd":
            self._reply(request, properties, [{"n": 1}], extra={"warnings": ["the market is closed", "시장"]})
        elif kind == "echo" or request.method.startswith("kis.get-"):
            self._echo(request, properties)
        elif kind != "ignore":
            self._reply(request, properties, [], error=UnknownMethod(f"no method {request.method}"))

    def _subscribe(self, request: TaskRequest, properties: Any) -> None:
        script, refusal = self.script, self.refusal  # before a test sees the answer, and may change them
        if self.mute:
            return
        if refusal is not None:
            self._reply(request, properties, [], error=refusal)
            return
        first = request.task_id not in self.subscriptions
        self.subscriptions[request.task_id] = properties.reply_to
        ack = {"subscription": request.task_id, "mode": "realtime", **request.parameters}
        self._reply(request, properties, [ack], kind="ack")
        if first:
            self._emit(request.task_id, script)

    def _unsubscribe(self, request: TaskRequest, properties: Any) -> None:
        if self.subscriptions.pop(request.task_id, None) is None:
            self._reply(request, properties, [], error=NotSubscribed("no such subscription"))
        else:
            self._reply(request, properties, [{"ended": 1}])

    def _emit(self, task_id: str, lines: Iterable[Line]) -> None:
        for line in lines:
            self._channel.basic_publish(
                "",
                self.subscriptions[task_id],
                line.encode(task_id, self.clock()),
                pika.BasicProperties(delivery_mode=1, expiration=line.expiration),
            )

    def _order(self, request: TaskRequest, properties: Any) -> None:
        hold = self.hold_orders  # before a test sees the order in `runs`, and may change it
        replayed = request.task_id in self.runs
        if not replayed:
            self.runs[request.task_id] = 1
        row = {"order_no": str(len(self.runs)), "parameters": request.parameters}

        def answer() -> None:
            if self.lose_orders:
                unknown = OrderOutcomeIsUnknown("nobody knows yet")
                self._reply(request, properties, [], error=unknown, extra={"replayed": replayed})
            else:
                self._reply(request, properties, [row], extra={"replayed": replayed})

        if hold:
            self._held.append(answer)
        else:
            answer()

    def _look_up(self, request: TaskRequest, properties: Any) -> None:
        if request.method == "broker.list-orders":
            limit = request.parameters.get("limit", 100)
            extra = {"truncated": f"only the newest {limit} are shown"} if limit < len(self.records) else None
            self._reply(request, properties, [*self.records.values()][::-1][:limit], extra=extra)
            return
        key = next(iter(request.parameters))
        row = next((row for row in self.records.values() if row[key] == request.parameters[key]), None)
        if row is None:
            error = InvalidParameters(f"{key}: no order {request.parameters[key]} is on record")
            self._reply(request, properties, [], error=error)
        else:
            self._reply(request, properties, [row])

    def _echo(self, request: TaskRequest, properties: Any) -> None:
        self._reply(request, properties, [{"method": request.method, "parameters": request.parameters}])

    def _reply(
        self,
        request: TaskRequest,
        properties: Any,
        result: list[Any],
        *,
        error: TaskFailed | None = None,
        kind: Any = "reply",
        extra: dict[str, Any] | None = None,
    ) -> None:
        self._channel.basic_publish(
            "",
            properties.reply_to,
            encode_reply(
                request.task_id,
                result,
                now=self.clock(),
                environment="simulated",
                error=error,
                kind=kind,
                extra=extra,
            ),
            pika.BasicProperties(
                correlation_id=properties.correlation_id, delivery_mode=pika.DeliveryMode.Persistent
            ),
        )


def queue_exists(url: str, name: str) -> bool:
    """Whether the broker has that queue."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        connection.channel().queue_declare(name, passive=True)
    except ChannelClosedByBroker:
        return False
    finally:
        connection.close()
    return True


def delete_queue(url: str, name: str) -> None:
    """Delete a queue, whoever uses it."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    connection.channel().queue_delete(name)
    connection.close()


def queue_length(url: str, name: str) -> int:
    """How many messages are ready in it."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        return int(connection.channel().queue_declare(name, passive=True).method.message_count)
    finally:
        connection.close()
