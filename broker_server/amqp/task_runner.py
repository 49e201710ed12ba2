"""Admits tasks to their lanes and replies with what comes out.

All but `TaskRunner._run` and what it calls runs on the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import structlog
from pydantic import BaseModel
from structlog.contextvars import bound_contextvars

from broker_client.errors import (
    OrderOutcomeIsUnknown,
    TaskExpired,
    TaskFailed,
    TaskTimeout,
)
from broker_client.order_effects import possible_effect
from broker_client.protocol import TaskRequest
from broker_server.amqp.intake import (
    SUCCEEDED,
    Rules,
    ensure_expected,
    ensure_in_time,
    internal_error,
    validate_parameters,
)
from broker_server.amqp.order_tasks import order_task, readdress
from broker_server.amqp.recent_tasks import RecentTasks
from broker_server.amqp.redeliveries import RedeliveryGuard
from broker_server.amqp.running import Recipient, RunningTask, RunningTasks
from broker_server.amqp.stream_tasks import stream_task
from broker_server.core.instruments import Instruments
from broker_server.core.methods import Method, Outcome, TaskContext
from broker_server.core.stream_tasks import StreamTask
from broker_server.execution import LaneExecutor
from broker_server.journal.payload import payload_hash
from broker_server.orders.task import OrderTask
from broker_server.results import Elsewhere, Later, LaterInOrder, Result

log = structlog.get_logger(__name__)

TIME_BUDGET_SECONDS = 25 * 60
"""Below the broker's consumer_timeout of 30 minutes, which would take every unacked task away."""
UNCLAIMED_REPLY_SECONDS = 10 * 60
SWEEP_SECONDS = 0.5
IN_ORDER_SECONDS = 0.05
GIVE_BACK_SECONDS = 1.0
"""An order of another worker goes back to its queue so late: it must not spin meanwhile."""


class OrderRunner(Protocol):
    """Runs orders, in the threads of their lanes."""

    def run(self, task: OrderTask) -> Result:
        """Run one; may raise `Later` or `Elsewhere`."""


class StreamRunner(Protocol):
    """Runs subscription tasks, in the threads of their lane."""

    def run(self, task: StreamTask) -> Result:
        """Run one."""


class TaskRunner:
    """Runs tasks in threads. One that is delivered again while it is in work is not started twice.

    Args:
        orders: Runs the order tasks.
        streams: Runs the subscription tasks.
        replied: Told the task_id of an order whose reply is safe, and the recorded outcome that it told.
        instruments: Measure and trace what is run.
        recent: Is told what has been finished.
    """

    def __init__(
        self,
        *,
        rules: Rules,
        executor: LaneExecutor,
        orders: OrderRunner,
        streams: StreamRunner,
        replied: Callable[[str, bytes], None],
        redeliveries: RedeliveryGuard,
        clock: Callable[[], datetime],
        instruments: Instruments | None = None,
        recent: RecentTasks | None = None,
    ) -> None:
        instruments = instruments or Instruments()
        self._meter = instruments.meter
        self._tracer = instruments.tracer
        self._recent = recent or RecentTasks()
        self._rules = rules
        self._executor = executor
        self._orders = orders
        self._streams = streams
        self._replied = replied
        self._redeliveries = redeliveries
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._tasks = RunningTasks()
        self._holding_orders = False
        self._held_orders: list[RunningTask] = []
        self._later: list[RunningTask] = []
        self._beginning = threading.Lock()
        self._begins_nothing = False
        self._in_order = threading.Event()
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    @property
    def in_work(self) -> int:
        """Tasks that are admitted and have no outcome yet."""
        return len(self._tasks.undecided())

    @property
    def orders_in_work(self) -> int:
        """Orders that a thread has begun and that have no outcome yet."""
        return sum(task.is_order and task.started for task in self._tasks.undecided())

    @property
    def running(self) -> int:
        """Tasks that a thread works on."""
        return self._executor.running

    def admit(
        self,
        request: TaskRequest,
        method: Method[Any],
        recipient: Recipient,
        died: TaskFailed | None = None,
    ) -> None:
        """Run a task, unless it is a copy of one in work, which it then joins.

        Args:
            died: Of an order that the broker took off its queue: the answer if it was never begun.

        Raises:
            TaskFailed: A read is refused before it is queued. An order is checked later, after the look-up of
                its task_id.
        """
        task = RunningTask(
            _identity(request, method, recipient), request, method, self._loop.time(), [recipient], died=died
        )
        if self._tasks.join(task.key, recipient):
            return
        if not task.is_order:
            ensure_expected(request, self._rules, self._clock())
            task.parameters = validate_parameters(method, request.parameters)
        self._tasks.add(task)
        if task.is_order and not task.is_cancel and self._holding_orders:
            self._held_orders.append(task)
        else:
            self._submit(task)

    def hold_orders(self, hold: bool) -> None:
        """Stop or resume beginning new orders; cancels and reads go on."""
        self._holding_orders = hold
        if not hold:
            waiting, self._held_orders = self._held_orders, []
            for task in sorted(waiting, key=lambda task: task.admitted_at):
                self._submit(task)

    def forget_waiting(self) -> None:
        """Let go of what has not begun, so that it goes back to the queue when the connection closes."""
        self._executor.drop_waiting()
        self._held_orders.clear()
        self._later.clear()
        self._tasks.forget_waiting()

    def begin_nothing_more(self) -> None:
        """Let go for good of what has not begun, even if a thread has just taken it off its lane."""
        with self._beginning:
            self._begins_nothing = True
        self._in_order.set()
        self.forget_waiting()

    def close(self) -> None:
        """Stop sweeping."""
        self._sweeper.cancel()

    def _submit(self, task: RunningTask, *, suspect: bool = False) -> None:
        if self._begins_nothing:
            return
        self._executor.submit(task.method.lane, lambda: self._run(task, suspect), suspect=suspect)

    def _run(self, task: RunningTask, suspect: bool) -> None:
        """Run a task; one that must not be overtaken keeps its lane's thread while it waits."""
        with bound_contextvars(task_id=task.request.task_id):  # on every line of the log that is written here
            while True:
                try:
                    self._attempt(task, suspect)
                    return
                except LaterInOrder:
                    task.started = False
                    self._in_order.wait(IN_ORDER_SECONDS)

    def _attempt(self, task: RunningTask, suspect: bool) -> None:
        if task.over:
            return
        if not task.wanted:
            self._loop.call_soon_threadsafe(self._drop_unwanted, task)
            return
        try:
            if task.is_order and not task.is_cancel and self._holding_orders:
                self._loop.call_soon_threadsafe(self._hold_order, task)
                return
            if not task.is_order and not suspect and self._redeliveries.is_suspect(task):
                self._loop.call_soon_threadsafe(lambda: self._submit(task, suspect=True))
                return
            if not self._begin(task):
                return
            name, headers = task.method.name, task.recipients[-1].delivery.properties.headers
            waited = self._loop.time() - task.admitted_at
            with self._tracer.task(name, task.request.task_id, headers, waited=waited) as ended:
                result = self._outcome(task)
                ended(result.error.code if result.error else None)
        except LaterInOrder:
            raise
        except Later as later:
            task.put_off = later.group
            self._loop.call_soon_threadsafe(self._put_off, task)
            return
        except Elsewhere as reason:
            log.warning("task left to another worker", task_id=task.request.task_id, reason=str(reason))
            self._loop.call_soon_threadsafe(self._leave, task)
            return
        except BaseException as error:
            result = _defect(task, error)
        self._loop.call_soon_threadsafe(self._finish, task, result)

    def _outcome(self, task: RunningTask) -> Result:
        """Do it; raises only to put it off or to leave it to another worker."""
        try:
            return self._do(task)
        except (Later, Elsewhere):
            raise
        except TaskFailed as error:
            return Result(error=error)
        except BaseException as error:  # an exit that a library asks for must not end the lane's thread
            return _defect(task, error)

    def _begin(self, task: RunningTask) -> bool:
        with self._beginning:
            task.started = not self._begins_nothing and not task.over
        if task.started and task.begun_at is None:
            task.begun_at = self._loop.time()
            self._meter.task_begun(task.method.lane, task.begun_at - task.admitted_at)
        return task.started

    def _do(self, task: RunningTask) -> Result:
        if not task.is_order:
            return self._redeliveries.run(task, self._call_handler)
        order = self._order_task(task)
        readdress(order, task.recipients[-1], worker_user=self._rules.user)
        return self._orders.run(order)

    def _hold_order(self, task: RunningTask) -> None:
        """Put back an order whose turn came while orders are held."""
        if self._holding_orders:
            self._held_orders.append(task)
        else:
            self._submit(task)

    def waiting_order(self, task_id: str) -> OrderTask | None:
        """An order of that id that waits for its turn. Safe to use from any thread."""
        for task in self._tasks.undecided():
            if task.is_order and task.request.task_id == task_id and not task.started:
                return self._order_task(task)
        return None

    def runs_order(self, task_id: str) -> bool:
        """Whether a thread works on an order of that id. Safe to use from any thread."""
        return any(
            task.is_order and task.started and task.request.task_id == task_id
            for task in self._tasks.undecided()
        )

    def orders_run_now(self, task_id: str) -> list[OrderTask]:
        """The orders of that id that threads work on. Safe to use from any thread."""
        return [
            self._order_task(task)
            for task in self._tasks.undecided()
            if task.is_order and task.started and task.request.task_id == task_id
        ]

    def put_off_before(self, task_id: str) -> list[tuple[str, str]]:
        """The orders that came before a task and were put off: id and group. Safe to use from any thread."""
        found = []
        for task in self._tasks.undecided():
            if task.is_order and task.request.task_id == task_id:
                break
            if task.put_off:
                found.append((task.request.task_id, task.put_off))
        return found

    def _order_task(self, task: RunningTask) -> OrderTask:
        """What the desk knows of an order: always the same object."""
        with self._beginning:
            if task.order is None:
                task.order = order_task(
                    task.request, task.method, task.recipients[-1], task.died, worker_user=self._rules.user
                )
            return task.order

    def _leave(self, task: RunningTask) -> None:
        """Give an order back to the broker in a moment, unless its connection ends before."""
        task.started = False
        self._loop.call_later(GIVE_BACK_SECONDS, self._give_back, task)

    def _give_back(self, task: RunningTask) -> None:
        if task.over:
            return
        task.over = True
        self._tasks.forget(task)
        for recipient in task.recipients:
            recipient.delivery.give_back()

    def _put_off(self, task: RunningTask) -> None:
        """Run an order again in a moment."""
        task.started = False
        self._later.append(task)

    def _run_put_off(self) -> None:
        later, self._later = self._later, []
        for task in later:
            self._submit(task)

    def _call_handler(self, task: RunningTask) -> Result:
        request = task.request

        def in_time() -> None:
            ensure_in_time(request, self._clock())

        in_time()
        context = TaskContext(
            task_id=request.task_id,
            received_at=self._clock(),
            ensure_in_time=in_time,
            report_progress=lambda done, total: self._report_progress(task, done, total),
            deadline=request.deadline,
            user=task.recipients[-1].delivery.properties.user_id,
        )
        if task.method.kind == "stream":
            return self._streams.run(stream_task(task.method, task.parameters, task.recipients[-1], context))
        outcome: Outcome = task.method.handler(task.parameters, context)
        rows = [row.model_dump(mode="json") if isinstance(row, BaseModel) else row for row in outcome.rows]
        return Result(rows, truncated=outcome.truncated)

    def _report_progress(self, task: RunningTask, done: int, total: int | None) -> None:
        if task.request.progress:
            self._loop.call_soon_threadsafe(self._send_progress, task, done, total)

    def _send_progress(self, task: RunningTask, done: int, total: int | None) -> None:
        if not task.over:
            for recipient in task.recipients:
                recipient.send_progress(task.request.task_id, done, total)

    def _drop_unwanted(self, task: RunningTask) -> None:
        """Forget a task whose connection was lost before it began; its message is the broker's again."""
        if task.wanted:
            self._submit(task)
        else:
            self._tasks.forget(task)

    def _finish(self, task: RunningTask, result: Result) -> None:
        if task.over:
            log.warning("a task ended after it was answered", task_id=task.request.task_id)
            return
        task.over = True
        seconds = self._loop.time() - task.admitted_at
        code = result.error.code if result.error else None
        self._meter.task_done(task.method.name, code or SUCCEEDED, seconds)
        log.info(
            "task done",
            task_id=task.request.task_id,
            method=task.request.method,
            error=code,
            seconds=round(seconds, 3),
        )
        self._recent.add(task.request.task_id, task.request.method, code, seconds, self._clock())
        reply = _encode(task, result)
        task.on_acked = result.on_arrived
        if result.poison:
            # Not kept for a redelivery: that one must find its way to tasks.rejected itself.
            self._tasks.forget(task)
            for recipient in task.recipients:
                recipient.reject(str(result.error), reply)
        else:
            if result.recorded:
                kept = result.outcome or result.replay
                if kept is not None:
                    task.on_acked = lambda: self._replied(task.request.task_id, kept)
                task.copy_reply = _encode(task, result, replayed=True)
            self._tasks.finish(task, reply, self._loop.time())

    def _sweep(self) -> None:
        """Answer reads that wait past their deadline, end what is over its time, forget unclaimed replies.

        An order that waits is held to its own deadline by the desk, which can tell what it waits for.
        """
        now, seconds = self._clock(), self._loop.time()
        self._run_put_off()
        for task in self._tasks.undecided():
            deadline = task.request.deadline
            if task.started:
                if seconds - task.admitted_at > TIME_BUDGET_SECONDS:
                    self._finish(task, Result(error=_over_budget(task)))
            elif not task.is_order and deadline is not None and now > deadline:
                when = deadline.isoformat()
                expired = TaskExpired(f"the deadline {when} passed while the task waited for its turn")
                self._finish(task, Result(error=expired))
            elif seconds - task.admitted_at > TIME_BUDGET_SECONDS:
                self._end_unbegun(task)
        self._tasks.forget_replied_before(seconds - UNCLAIMED_REPLY_SECONDS)
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def _end_unbegun(self, task: RunningTask) -> None:
        with self._beginning:
            if task.started:
                return  # just now: the next sweep looks at it
            self._finish(task, Result(error=_never_begun(task)))


def _identity(request: TaskRequest, method: Method[Any], recipient: Recipient) -> object:
    """An order is the same by what it does; any other task by its exact message."""
    if method.kind == "order":
        return request.task_id, payload_hash(request.method, request.parameters)
    return request.task_id, recipient.delivery.body


def _encode(task: RunningTask, result: Result, *, replayed: bool = False) -> bytes:
    if result.replay is not None:
        return result.replay
    request, replier = task.request, task.recipients[-1].replier
    style = task.recipients[-1].address.style
    extra: dict[str, Any] = {"truncated": result.truncated} if result.truncated else {}
    if result.warnings:
        extra["warnings"] = list(result.warnings)
    if replayed:
        extra["replayed"] = True
    try:
        return replier.encode(
            request.task_id, result.rows, error=result.error, kind=result.kind, extra=extra, style=style
        )
    except TypeError as error:
        defect = internal_error(error, task_id=request.task_id, method=request.method)
        return replier.encode(request.task_id, [], error=defect, style=style)


def _defect(task: RunningTask, error: BaseException) -> Result:
    where = {"task_id": task.request.task_id, "method": task.request.method}
    return Result(error=internal_error(error, **where))


def _never_begun(task: RunningTask) -> TaskFailed:
    waited = f"the task waited for {TIME_BUDGET_SECONDS // 60} minutes and was not begun"
    return TaskExpired(f"{waited}; nothing was sent") if task.is_order else TaskTimeout(waited)


def _over_budget(task: RunningTask) -> TaskFailed:
    if task.is_order:
        return OrderOutcomeIsUnknown(
            f"{task.request.task_id} was not finished within {TIME_BUDGET_SECONDS // 60} minutes; "
            f"{possible_effect(task.request.method)}, and it is not sent again: see broker.get-order"
        )
    return TaskTimeout(f"the task was not finished within {TIME_BUDGET_SECONDS // 60} minutes")
