"""The worker's life: connect, stand by until it owns its vendors, serve, come back when the connection or the
ownership is lost, and drain when told to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError, ConnectionClosedByBroker, ConnectionWrongStateError
from pika.spec import INTERNAL_ERROR

from broker_client.rights import missing_right
from broker_server.amqp.connection import Backoff, LoginRefused, closing
from broker_server.amqp.counters import Counters
from broker_server.amqp.direct_addresses import DirectAddresses
from broker_server.amqp.hosts import BrokerHosts
from broker_server.amqp.lease import Leases
from broker_server.amqp.session import ConsumersMissing, Session
from broker_server.amqp.task_runner import TaskRunner

log = structlog.get_logger(__name__)
T = TypeVar("T")

DRAIN_SECONDS = 20.0
POLL_SECONDS = 0.05
SESSION_SECONDS = 30.0
"""A session that is not up by then is given up for a new connection."""


class Worker:
    """Serves tasks until told to stop.

    Args:
        url: The broker; several hosts of a cluster with commas between them.
        name: Shown in the broker's management pages and in ``broker.ping``.
        make_session: Makes the session of a new connection.
        runner: Runs the tasks of all sessions.
        leases: One of them is held while tasks are taken.
        let_go: Ends what only an owner may have, such as live connections: called, and waited for, before the
            leases are given back, so that the next owner finds the vendor free. May block.
        direct: Told how each connection ended.
        counters: Counts connections.
    """

    def __init__(
        self,
        *,
        url: str,
        name: str,
        make_session: Callable[[AsyncioConnection], Session],
        runner: TaskRunner,
        leases: Leases,
        let_go: Callable[[], None],
        direct: DirectAddresses,
        counters: Counters,
    ) -> None:
        self._hosts = BrokerHosts(url)
        self._name = name
        self._make_session = make_session
        self._runner = runner
        self._leases = leases
        self._let_go = let_go
        self._direct = direct
        self._counters = counters

    async def run(
        self, stop: asyncio.Event, on_ready: Callable[[], None], on_standby: Callable[[str], None]
    ) -> None:
        """Serve until ``stop`` is set.

        Args:
            stop: Set it to drain and return.
            on_ready: Called when the broker has shown the consumers, the first time and after each standby.
            on_standby: Called with ``vendor/account`` when another worker owns that one.

        Raises:
            LoginRefused: The broker refuses the user, the password or the vhost; before it served for the
                first time also a certificate, or a right that the user lacks.
            EnvironmentConflict: Workers of another environment serve the vhost.
            QueueRefused: The broker does not allow a queue that the settings ask for.
        """
        backoff = Backoff()
        stopping = asyncio.ensure_future(stop.wait())
        announced = False
        served = False

        def stand_by(waits_for: str) -> None:
            nonlocal announced
            announced = False
            on_standby(waits_for)

        def ready() -> None:
            nonlocal announced
            if not announced:
                announced = True
                on_ready()

        try:
            while True:
                connecting = self._hosts.connect_patiently(
                    name=self._name, backoff=backoff, worked_before=served
                )
                connection = await _unless(stopping, connecting)
                self._counters.connections += 1
                closed = closing(connection)
                session = self._make_session(connection)
                try:
                    lost = await _unless(stopping, self._begin(session, closed, stand_by))
                except (AMQPError, ConsumersMissing, TimeoutError) as error:
                    if not served and (missing := missing_right(str(error))):
                        await _close(connection, closed)
                        raise LoginRefused(missing) from error
                    log.warning("session did not come up", reason=str(error) or repr(error))
                    await _close(connection, closed)
                    self._note_end(closed)
                    await asyncio.wait({stopping}, timeout=backoff.next_delay())
                    continue
                except BaseException:
                    await _close(connection, closed)
                    raise
                served = True
                backoff.reset()
                log.info("consuming", worker=self._name)
                ready()
                await self._serve(session, (closed, stopping, lost), ready)
                if stopping.done():
                    await self._drain(session, closed)
                    await _close(connection, closed)
                    return
                if not closed.done():
                    session.end(
                        f"the lease was lost: {lost.result()}"
                        if lost.done()
                        else "the queues of another account cannot be consumed"
                    )
                    self._runner.forget_waiting()
                    await _close(connection, closed)
                else:
                    log.warning("connection lost", reason=str(closed.result()))
                self._note_end(closed)
        except _Stopped:
            self._runner.begin_nothing_more()
            orders = self._runner.orders_in_work
            log.info("stopping without a connection: finishing the orders that run", orders=orders)
            await self._finish(lambda: self._runner.orders_in_work > 0)
        finally:
            stopping.cancel()
            self._runner.close()
            await asyncio.to_thread(self._let_go)
            await self._leases.stop(clean=not (self._runner.in_work or self._runner.running))

    async def _begin(
        self, session: Session, closed: asyncio.Future[BaseException], stand_by: Callable[[str], None]
    ) -> asyncio.Future[str]:
        """Wait for a lease, then consume; the future ends when a lease is lost."""
        async with asyncio.timeout(SESSION_SECONDS):
            await session.enter()
        self._leases.start(stand_by)
        holding = asyncio.ensure_future(self._leases.held())
        try:
            await asyncio.wait((holding, closed), return_when=asyncio.FIRST_COMPLETED)
            if not holding.done():
                raise ConnectionWrongStateError(f"connection lost: {closed.result()}")
        finally:
            holding.cancel()
        async with asyncio.timeout(SESSION_SECONDS):
            await session.open(self._leases.accounts)
        return holding.result()

    async def _serve(
        self, session: Session, ends: Sequence[asyncio.Future[Any]], ready: Callable[[], None]
    ) -> None:
        """Wait for the end of a session, and consume for accounts whose leases are taken meanwhile."""
        while True:
            more = asyncio.ensure_future(self._leases.beyond(session.accounts))
            try:
                await asyncio.wait((*ends, more), return_when=asyncio.FIRST_COMPLETED)
            finally:
                more.cancel()
            if any(each.done() for each in ends):
                return
            accounts = more.result()
            try:
                async with asyncio.timeout(SESSION_SECONDS):
                    await session.add(accounts)
            except (AMQPError, ConsumersMissing, TimeoutError) as error:
                log.warning("more queues cannot be consumed", reason=str(error) or repr(error))
                return
            log.info("consuming for more accounts", accounts=sorted(key.label for key in accounts))
            ready()

    def _note_end(self, closed: asyncio.Future[BaseException]) -> None:
        reason = closed.result() if closed.done() else None
        failed = isinstance(reason, ConnectionClosedByBroker) and reason.reply_code == INTERNAL_ERROR
        self._direct.connection_ended(by_failure_of_the_broker=failed)

    async def _drain(self, session: Session, closed: asyncio.Future[BaseException]) -> None:
        """Finish what runs; the rest goes back to the queue when the connection closes."""
        await session.stop_consuming()
        self._runner.begin_nothing_more()
        log.info("stopping: finishing what runs", tasks=self._runner.in_work)

        def unfinished() -> bool:
            if closed.done():  # no reply can leave any more, but what an order came to can be recorded
                return self._runner.orders_in_work > 0
            return bool(self._runner.in_work or self._runner.running or session.unconfirmed)

        await self._finish(unfinished)
        # The acks of the last replies go out at the end of this turn of the event loop.
        await asyncio.sleep(0)

    async def _finish(self, unfinished: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + DRAIN_SECONDS
        while unfinished():
            if loop.time() > until:
                log.warning(
                    "some tasks did not finish in time; they go back to the queue", tasks=self._runner.in_work
                )
                return
            await asyncio.sleep(POLL_SECONDS)


class _Stopped(Exception):
    """The worker was told to stop in the middle of something that can be given up."""


async def _unless(stopping: asyncio.Future[Any], work: Coroutine[Any, Any, T]) -> T:
    """Await some work, or give it up when the worker is told to stop.

    Raises:
        _Stopped: The worker was told to stop first.
    """
    task = asyncio.ensure_future(work)
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise _Stopped
    return task.result()


async def _close(connection: AsyncioConnection, closed: asyncio.Future[BaseException]) -> None:
    if connection.is_open:
        connection.close()
    await asyncio.wait({closed}, timeout=5)
