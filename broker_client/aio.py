"""The asynchronous client: the blocking client's surface with ``await``."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from broker_client.address import url_list
from broker_client.aio_link import AsyncLink
from broker_client.aio_stream import AsyncStream
from broker_client.base import BaseClient, connection_name
from broker_client.base_stream import StatusCallback
from broker_client.call import Outcome, Progressed, failure
from broker_client.errors import BrokerError
from broker_client.order_records import OrderRecord, read_order
from broker_client.protocol import Environment
from broker_client.results import Ping, TaskResult, read_ping
from broker_client.settling import SETTLE_SECONDS, wait_settled_async
from broker_client.silence import STREAM_SILENCE
from broker_client.verbs import VerbsClient

__all__ = ["AsyncClient", "AsyncPendingTask"]


class AsyncPendingTask(asyncio.Future[TaskResult]):
    """A task in flight: await it for its `TaskResult`.

    It ends by itself at the time-out of the call. Cancelling it only stops the waiting: the task is at a
    worker, and an order may be placed.

    Attributes:
        task_id: Its id; for an order, what to resume.
        method: Its method.
        message: The reply message as it came, once there is one; also of a task that failed.
    """

    def __init__(self, task_id: str, method: str) -> None:
        super().__init__()
        self.task_id = task_id
        self.method = method
        self.message: bytes | None = None

    def _settle(self, outcome: Outcome) -> None:
        if self.done():
            return
        if isinstance(outcome, BrokerError):
            self.set_exception(outcome)
            return
        self.message = outcome.body
        error = failure(outcome)
        if error is None:
            self.set_result(TaskResult.from_reply(outcome.reply))
        else:
            self.set_exception(error)


class AsyncClient(BaseClient[AsyncPendingTask], VerbsClient[Awaitable[TaskResult], AsyncStream]):
    """An asynchronous client: many calls in flight over one connection, which is replaced when it is lost.

    Args:
        url: ``amqp://user:password@host:5672/%2F``, or several (in a list, or with commas between them) that
            are tried in turn. Without it: ``BROKER_URL`` from the environment or ``.env``; no default.
        timeout: Seconds to wait for an answer, at most 7 days, unless a call says otherwise. Travels as the
            ``deadline``: a worker does not start a task after it.
        name: Shown in RabbitMQ's list of connections.
        expected_environment: Sent with every task: a worker of another environment refuses it. A success
            from another environment all the same is raised as `WrongEnvironment`, not returned.
        on_task_id: Called with (task_id, method) of each order before it is sent. The id is logged too.
        stream_silence: Seconds without a message on a stream, after which it asks whether a worker still has
            the subscription.
        clock: The current time with an offset.
        new_id: Makes ids that were never used before.

    Raises:
        ValueError: There is no URL, not even in ``BROKER_URL``, or one is no amqp URL; or ``timeout`` or
            ``stream_silence`` is out of range; or ``name`` is longer than 255 bytes.

    Example::

        async with AsyncClient() as client:
            price, book = await asyncio.gather(
                client.call("kis.get-current-price", ticker="005930"),
                client.kis.get_order_book(ticker="005930"),  # the same, and typed
            )
    """

    def __init__(
        self,
        url: str | Sequence[str] | None = None,
        *,
        timeout: float = 30.0,
        name: str | None = None,
        expected_environment: Environment | None = None,
        on_task_id: Callable[[str, str], None] | None = None,
        stream_silence: float = STREAM_SILENCE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        urls = url_list(url)
        super().__init__(
            urls=urls,
            timeout=timeout,
            expected_environment=expected_environment,
            on_task_id=on_task_id,
            stream_silence=stream_silence,
            clock=clock,
            new_id=new_id,
        )
        self._link: AsyncLink = AsyncLink(
            urls,
            reply_queue=self._reply_queue,
            book=self._book,
            name=connection_name(name),
        )

    async def __aenter__(self) -> AsyncClient:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Connect; ``async with`` does it too.

        Raises:
            BrokerUnreachable: No URL can be reached, or the login is refused.
        """
        await self._link.start(self._timeout)

    @property
    def trouble(self) -> str | None:
        """Why there is no connection now, as far as it is known; ``None`` while there is one."""
        return self._link.trouble

    async def close(self) -> None:
        """End every call in flight and every stream, delete their queues and close the connection."""
        self._book.close()
        self._end_streams()
        await self._link.stop()

    async def call(
        self,
        method: str,
        /,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - travels as the deadline of the task
        task_id: str | None = None,
        on_progress: Progressed | None = None,
        **parameters: Any,
    ) -> TaskResult:
        """Run one task and wait for its answer.

        Args:
            method: Such as ``kis.get-current-price``.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
            on_progress: Called with each ``status`` message of a long read.
            **parameters: The method's arguments.

        Raises:
            TaskFailed: The worker's refusal, as the class of its code.
            NoAnswer: No reply to a read within the time-out.
            OrderOutcomeIsUnknown: An order left, and the worker does not know yet what became of it. Never
                send a new one; `wait_settled` waits for the answer.
            OrderOutcomeUnknown: No reply to an order within the time-out. Never send a new one; `resume` it,
                or look it up with `order`.
            BrokerUnreachable: The task was not sent.
            WrongEnvironment: It ran in another environment than ``expected_environment``.
            ValueError: A parameter has no JSON form, ``timeout`` is out of range, or the method is a
                subscription: those take `stream`.
        """
        return await self.send(
            method, timeout=timeout, task_id=task_id, on_progress=on_progress, **parameters
        )

    def stream(
        self,
        method: str,
        /,
        *,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
        **parameters: Any,
    ) -> AsyncStream:
        """Subscribe to live data in an ``async with`` block, and iterate over its events.

        ::

            async with client.stream("kis.subscribe-realtime-price", ticker="005930") as stream:
                async for event in stream:
                    print(event.data["price"])

        Args:
            method: Such as ``kis.subscribe-realtime-price``.
            timeout: Seconds to wait for the acknowledgement; the client's, if absent.
            task_id: The id of the subscription; a new one, if absent. With that of an existing one this
                stream takes it over and goes on.
            on_status: Called with each `StreamStatus` as it comes.
            **parameters: The method's arguments.

        Raises:
            ValueError: The method is no subscription, a parameter has no JSON form, or ``timeout`` is out of
                range.
        """
        return self.stream_parameters(
            method, parameters, timeout=timeout, task_id=task_id, on_status=on_status
        )

    def stream_parameters(
        self,
        method: str,
        parameters: dict[str, Any],
        *,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> AsyncStream:
        """The same with the arguments in a dictionary, so that one may be called ``timeout``."""
        return AsyncStream(
            self,
            method,
            parameters,
            queue=self._new_stream_queue(),
            timeout=self._timeout if timeout is None else timeout,
            task_id=self._new_id() if task_id is None else task_id,
            is_new=task_id is None,
            on_status=on_status,
        )

    async def resume(
        self,
        task_id: str,
        method: str | None = None,
        /,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - travels as the deadline of the task
        **parameters: Any,
    ) -> TaskResult:
        """Repeat a task under its own id, to learn its outcome: a worker never runs an order twice.

        A worker that does not know the outcome yet says so at once (`OrderOutcomeIsUnknown`); `wait_settled`
        waits for it.

        Args:
            task_id: Of the earlier call.
            method: Only for a task that this client did not send, with the same parameters as then.
            timeout: Seconds; the client's, if absent.
            **parameters: As they were sent.

        Raises:
            LookupError: This client did not send it, and no method is given.
            TaskFailed, NoAnswer, OrderOutcomeUnknown, BrokerUnreachable: As `call`.
        """
        return await self._send_again(task_id, method, timeout, parameters)

    async def order(self, task_id: str, *, timeout: float | None = None) -> OrderRecord:  # noqa: ASYNC109 - as `call`
        """Look up what became of an order, with every step of it; this sends no order.

        Args:
            task_id: Of the order.
            timeout: Seconds; the client's, if absent.

        Raises:
            InvalidParameters: No worker has that order on record; it may still be on its way to one.
            TaskFailed, NoAnswer, BrokerUnreachable: As `call`.
        """
        return read_order(
            await self.send_parameters("broker.get-order", {"task_id": task_id}, timeout=timeout)
        )

    async def wait_settled(
        self,
        task_id: str,
        *,
        timeout: float = SETTLE_SECONDS,  # noqa: ASYNC109 - bounds the questions too
    ) -> OrderRecord:
        """Wait until it is known what became of an order: after one of the two "unknown" errors.

        Looks the order up again and again, less and less often, also while no worker answers.

        Args:
            task_id: Of the order.
            timeout: Seconds. That an order never arrived is known more than a minute after it was sent.

        Returns:
            The order, in the state ``ACCEPTED``, ``REJECTED``, ``NOT_SENT`` or ``REFUSED``. Accepted is not
            filled.

        Raises:
            OrderNotSettled: It was not settled in time.
            TaskFailed, BrokerUnreachable: As `order`, when asking again cannot help.
        """
        return await wait_settled_async(
            lambda seconds: self.order(task_id, timeout=seconds), task_id, timeout
        )

    async def ping(self, *, timeout: float | None = None) -> Ping:  # noqa: ASYNC109 - as `call`
        """Measure a round trip through a worker, and warn in the log above 1 s of clock skew.

        Raises:
            NoAnswer, BrokerUnreachable: As `call`.
        """
        sent_at = self._clock()
        result = await self.call("broker.ping", timeout=timeout)
        return read_ping(result, sent_at, self._clock())

    async def _run(
        self,
        method: str,
        parameters: dict[str, Any],
        *,
        timeout: float | None,  # noqa: ASYNC109 - as `call`
        task_id: str | None,
    ) -> TaskResult:
        return await self.send_parameters(method, parameters, timeout=timeout, task_id=task_id)

    def _new_task(self, task_id: str, method: str) -> AsyncPendingTask:
        return AsyncPendingTask(task_id, method)
