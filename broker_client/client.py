"""The blocking client: calls from any thread, one connection in the background."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from broker_client.address import url_list
from broker_client.base import BaseClient, connection_name
from broker_client.base_stream import StatusCallback
from broker_client.call import Outcome, Progressed, failure
from broker_client.errors import BrokerError
from broker_client.link import Link
from broker_client.order_records import OrderRecord, read_order
from broker_client.protocol import Environment
from broker_client.results import Ping, TaskResult, read_ping
from broker_client.settling import SETTLE_SECONDS, wait_settled
from broker_client.silence import STREAM_SILENCE
from broker_client.stream import Stream
from broker_client.verbs import VerbsClient

__all__ = ["Client", "PendingTask"]


class PendingTask(Future[TaskResult]):
    """A task in flight: a `concurrent.futures.Future` of its `TaskResult`, so ``as_completed`` takes it.

    It ends by itself at the time-out of the call, and cannot be cancelled: the task is at a worker.

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
        self.set_running_or_notify_cancel()

    def _settle(self, outcome: Outcome) -> None:
        if isinstance(outcome, BrokerError):
            self.set_exception(outcome)
            return
        self.message = outcome.body
        error = failure(outcome)
        if error is None:
            self.set_result(TaskResult.from_reply(outcome.reply))
        else:
            self.set_exception(error)


class Client(BaseClient[PendingTask], VerbsClient[TaskResult, Stream]):
    """A blocking client, usable from several threads.

    A background thread owns the connection, keeps its heartbeats while the caller computes, and replaces it
    when it is lost; calls that wait for an answer go on waiting across a reconnect.

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
        BrokerUnreachable: No URL can be reached, or the login is refused.
        ValueError: There is no URL, not even in ``BROKER_URL``, or one is no amqp URL; or ``timeout`` or
            ``stream_silence`` is out of range; or ``name`` is longer than 255 bytes.

    Example::

        with Client() as client:
            price = client.call("kis.get-current-price", ticker="005930").first["price"]
            price = client.kis.get_current_price(ticker="005930").first["price"]  # the same, and typed
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
        self._link: Link = Link(
            urls,
            reply_queue=self._reply_queue,
            book=self._book,
            name=connection_name(name),
        )
        self._link.start(timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every call in flight and every stream, delete their queues and close the connection."""
        self._book.close()
        self._end_streams()
        self._link.stop()

    def call(
        self,
        method: str,
        /,
        *,
        timeout: float | None = None,
        task_id: str | None = None,
        on_progress: Progressed | None = None,
        **parameters: Any,
    ) -> TaskResult:
        """Run one task and wait for its answer.

        Args:
            method: Such as ``kis.get-current-price``.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
            on_progress: Called, in the connection's thread, with each ``status`` message of a long read.
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
        self._refuse_to_wait_for_itself()
        return self.send(
            method, timeout=timeout, task_id=task_id, on_progress=on_progress, **parameters
        ).result()

    def stream(
        self,
        method: str,
        /,
        *,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
        **parameters: Any,
    ) -> Stream:
        """Subscribe to live data in a ``with`` block, and iterate over its events.

        ::

            with client.stream("kis.subscribe-realtime-price", ticker="005930") as stream:
                for event in stream:
                    print(event.data["price"])

        Args:
            method: Such as ``kis.subscribe-realtime-price``.
            timeout: Seconds to wait for the acknowledgement; the client's, if absent.
            task_id: The id of the subscription; a new one, if absent. With that of an existing one this
                stream takes it over and goes on.
            on_status: Called, in the connection's thread, with each `StreamStatus` as it comes.
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
    ) -> Stream:
        """The same with the arguments in a dictionary, so that one may be called ``timeout``."""
        return Stream(
            self,
            method,
            parameters,
            queue=self._new_stream_queue(),
            timeout=self._timeout if timeout is None else timeout,
            task_id=self._new_id() if task_id is None else task_id,
            is_new=task_id is None,
            on_status=on_status,
        )

    def resume(
        self, task_id: str, method: str | None = None, /, *, timeout: float | None = None, **parameters: Any
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
        self._refuse_to_wait_for_itself()
        return self._send_again(task_id, method, timeout, parameters).result()

    def order(self, task_id: str, *, timeout: float | None = None) -> OrderRecord:
        """Look up what became of an order, with every step of it; this sends no order.

        Args:
            task_id: Of the order.
            timeout: Seconds; the client's, if absent.

        Raises:
            InvalidParameters: No worker has that order on record; it may still be on its way to one.
            TaskFailed, NoAnswer, BrokerUnreachable: As `call`.
        """
        self._refuse_to_wait_for_itself()
        task = self.send_parameters("broker.get-order", {"task_id": task_id}, timeout=timeout)
        return read_order(task.result())

    def wait_settled(self, task_id: str, *, timeout: float = SETTLE_SECONDS) -> OrderRecord:
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
        return wait_settled(lambda seconds: self.order(task_id, timeout=seconds), task_id, timeout)

    def ping(self, *, timeout: float | None = None) -> Ping:
        """Measure a round trip through a worker, and warn in the log above 1 s of clock skew.

        Raises:
            NoAnswer, BrokerUnreachable: As `call`.
        """
        sent_at = self._clock()
        result = self.call("broker.ping", timeout=timeout)
        return read_ping(result, sent_at, self._clock())

    def _run(
        self, method: str, parameters: dict[str, Any], *, timeout: float | None, task_id: str | None
    ) -> TaskResult:
        self._refuse_to_wait_for_itself()
        return self.send_parameters(method, parameters, timeout=timeout, task_id=task_id).result()

    def _refuse_to_wait_for_itself(self) -> None:
        if self._link.runs_here():
            raise RuntimeError("a callback of this client cannot wait for it: use send, or another thread")

    def _new_task(self, task_id: str, method: str) -> PendingTask:
        return PendingTask(task_id, method)
