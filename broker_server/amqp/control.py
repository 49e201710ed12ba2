"""Commands that reach every worker of an environment, and what they answer.

Each session of a worker has one exclusive queue, bound to the fanout exchange ``broker.control``. A command
is published there, so it reaches the worker that asks like all others; each runs its handler in a thread and
answers to the queue of the one that asked. How many workers there are the broker knows: each consumes the
marker of its environment.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError

from broker_client.errors import InternalError, TaskFailed
from broker_client.protocol import Environment
from broker_server.amqp.control_link import ControlLink, Envelope
from broker_server.amqp.control_messages import Answer, Command, encode
from broker_server.amqp.environment import marker_queue
from broker_server.amqp.gathering import ControlReply, Gathered, Gathering
from broker_server.amqp.topology import consumer_count
from broker_server.execution import LanePool

log = structlog.get_logger(__name__)

Handler = Callable[[dict[str, Any]], dict[str, Any]]
QUESTION_THREADS = 2
NOT_CONNECTED = (
    "this worker has no connection to RabbitMQ at the moment, so the others were not asked; try again"
)
NOT_COUNTED = "RabbitMQ does not show how many workers there are at the moment; try again"
CONNECTION_LOST = "the connection to RabbitMQ was lost while the workers were asked; try again"


class ControlBus:
    """A worker's face of the control exchange; outlives its connections.

    Args:
        name: The worker's.
        environment: The worker's; a command of another one is ignored.
    """

    def __init__(self, name: str, environment: Environment) -> None:
        self._name = name
        self._environment: Environment = environment
        self._handlers: dict[str, Handler] = {}
        self._apart: set[str] = set()
        self._questions: LanePool | None = None
        self._when_open: list[Callable[[], None]] = []
        self._ids = itertools.count(1)
        self._known: frozenset[str] = frozenset()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: ControlLink | None = None
        self._on_lost: Callable[[str], None] = lambda _: None
        self._pool: LanePool | None = None
        self.heard: Callable[[], None] = lambda: None
        """Called on the event loop when a worker that was not heard before has asked for something."""

    @property
    def address(self) -> str:
        """The control queue of this worker, or nothing while it is not connected."""
        return self._link.address if self._link is not None else ""

    def on(self, command: str, handler: Handler, *, apart: bool = False) -> None:
        """Let ``handler`` answer a command. It runs in a thread, one command at a time, in their order.

        Args:
            apart: It may take its time: no command that is not apart waits for it.
        """
        self._handlers[command] = handler
        if apart:
            self._apart.add(command)

    def when_open(self, callback: Callable[[], None]) -> None:
        """Let ``callback`` run, in a thread, in each new session before it consumes tasks."""
        self._when_open.append(callback)

    async def open(self, connection: AsyncioConnection, on_lost: Callable[[str], None]) -> None:
        """Take part on a new connection.

        Args:
            on_lost: Called when the queue is gone while the connection is not.

        Raises:
            AMQPError: The connection was lost.
        """
        self._loop = asyncio.get_running_loop()
        self._pool = self._pool or LanePool("control-bus", 1)
        self._questions = self._questions or LanePool("control-questions", QUESTION_THREADS)
        link = ControlLink(connection, self._name, self)
        await link.open()
        self._link, self._on_lost = link, on_lost
        for callback in self._when_open:
            await self._loop.run_in_executor(None, callback)

    def stop(self) -> None:
        """Answer nothing more."""
        for pool in (self._pool, self._questions):
            if pool is not None:
                pool.stop()

    def broadcast(
        self,
        command: str,
        arguments: dict[str, Any],
        *,
        timeout: float,
        until: Callable[[list[ControlReply]], bool],
    ) -> list[ControlReply]:
        """Give every worker a command, this one included, and block for the replies.

        For any thread but the event loop's.

        Args:
            arguments: JSON values.
            timeout: Seconds to wait at most.
            until: Whether these replies are enough.

        Returns:
            The replies that came in time.

        Raises:
            InternalError: There is no connection, or it was lost before the replies were enough.
            TypeError: An argument is no JSON value.
        """
        body = encode(
            Command(command=command, arguments=arguments, worker=self._name, environment=self._environment)
        )
        correlation_id = f"{self.address}-{next(self._ids)}"
        gathering = Gathering()
        self._call_soon(self._send, correlation_id, body, gathering)
        try:
            return gathering.wait(timeout, until)
        finally:
            with suppress(InternalError):
                self._call_soon(self._forget, correlation_id)

    def count_workers(self, timeout: float) -> int:
        """How many workers serve this environment, by the broker's count. Blocks.

        Raises:
            InternalError: The broker does not say.
        """
        counting = self._count()
        try:
            loop = self._running_loop()
            future = asyncio.run_coroutine_threadsafe(counting, loop)
        except (InternalError, RuntimeError):
            counting.close()
            raise InternalError(NOT_CONNECTED, retryable=True) from None
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise InternalError(
                f"RabbitMQ did not tell within {timeout:g} s how many workers there are; try again",
                retryable=True,
            ) from None

    def ask_everybody(
        self,
        command: str,
        arguments: dict[str, Any],
        *,
        timeout: float,
        until: Callable[[list[ControlReply]], bool] = lambda _: True,
    ) -> Gathered:
        """Give every worker a command and block until as many answered as the broker counts.

        Args:
            timeout: Seconds for all of it.
            until: What the replies must satisfy besides.

        Raises:
            InternalError: There is no connection, or it was lost.
        """
        deadline = monotonic() + timeout
        expected = max(1, self.count_workers(timeout))
        replies = self.broadcast(
            command,
            arguments,
            timeout=max(0.0, deadline - monotonic()),
            until=lambda replies: len(replies) >= expected and until(replies),
        )
        heard = {reply.worker for reply in replies}
        unheard = sorted(self._known - heard)
        if len(replies) >= expected:
            self._call_soon(self._drop_known, unheard)
        return Gathered(replies, expected, unheard)

    def on_command(self, link: ControlLink, command: Command, envelope: Envelope) -> None:
        """Run the handler of a command in the thread for it."""
        if command.environment != self._environment:
            log.warning(
                "command of another environment ignored",
                command=command.command,
                worker=command.worker,
                environment=command.environment,
            )
            link.done(envelope)
            return
        if command.worker not in self._known:
            self._known |= {command.worker}
            self.heard()
        loop, pool = self._loop, self._questions if command.command in self._apart else self._pool
        if loop is None or pool is None:
            return

        def job() -> None:
            body = self._answer(command)
            with suppress(RuntimeError):  # the loop is closed: the worker has stopped
                loop.call_soon_threadsafe(link.answer, envelope, body)

        pool.submit(job)

    def on_answer(self, link: ControlLink, answer: Answer, envelope: Envelope) -> None:
        """Give an answer to the thread that waits for it, if it still does."""
        gathering = link.gatherings.get(envelope.correlation_id)
        if answer.environment != self._environment:
            log.warning("answer of another environment ignored", worker=answer.worker)
            return
        self._known |= {answer.worker}
        if gathering is None:
            log.info("late answer of a worker", worker=answer.worker, error=answer.error)
            return
        gathering.add(
            ControlReply(answer.worker, answer.environment, envelope.address, answer.result, answer.error)
        )

    def on_lost(self, link: ControlLink, reason: str) -> None:
        """Fail what waits for answers; they will not come any more."""
        for gathering in link.gatherings.values():
            gathering.fail(CONNECTION_LOST)
        if link is not self._link:
            return
        self._link = None
        if link.connection.is_open:
            self._on_lost(f"the control queue is gone: {reason}")

    def _answer(self, command: Command) -> bytes:
        """Run a command's handler and write the answer. Runs in the thread; never raises."""
        try:
            handler = self._handlers.get(command.command)
            if handler is None:
                raise InternalError(f"this worker does not know the command {command.command}")
            return self._encoded(handler(command.arguments))
        except TaskFailed as failure:
            return self._encoded(None, failure.message)
        except Exception as defect:
            log.error("a control command failed", command=command.command, exc_info=defect)
            reason = f"unexpected {type(defect).__name__}; the log of that worker has the details"
            return self._encoded(None, reason)

    def _encoded(self, result: dict[str, Any] | None, error: str | None = None) -> bytes:
        return encode(Answer(worker=self._name, environment=self._environment, result=result, error=error))

    def _send(self, correlation_id: str, body: bytes, gathering: Gathering) -> None:
        link = self._link
        if link is None:
            gathering.fail(NOT_CONNECTED)
            return
        link.gatherings[correlation_id] = gathering
        link.broadcast(body, correlation_id)

    def _forget(self, correlation_id: str) -> None:
        if self._link is not None:
            self._link.gatherings.pop(correlation_id, None)

    def _drop_known(self, ended: list[str]) -> None:
        self._known = self._known.difference(ended)

    async def _count(self) -> int:
        if self._link is None:
            raise InternalError(NOT_CONNECTED, retryable=True)
        try:
            count = await consumer_count(self._link.connection, marker_queue(self._environment))
        except AMQPError:
            raise InternalError(CONNECTION_LOST, retryable=True) from None
        if not count:  # this worker is one of them: the marker has no leader in its cluster at the moment
            raise InternalError(NOT_COUNTED, retryable=True)
        return count

    def _call_soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        try:
            self._running_loop().call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            raise InternalError(NOT_CONNECTED, retryable=True) from None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """The worker's event loop, as seen from another thread.

        Raises:
            InternalError: The worker has never connected.
        """
        loop = self._loop
        if loop is None:
            raise InternalError(NOT_CONNECTED, retryable=True)
        with suppress(RuntimeError):
            if asyncio.get_running_loop() is loop:
                raise AssertionError("a broadcast would block the event loop that it needs")
        return loop
