"""Tasks in work, and whom their replies go to.

A message that is delivered again while its task is in work joins it instead of starting it a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker_client.errors import TaskFailed
from broker_client.protocol import TaskRequest
from broker_server.amqp.delivery import Delivery, ReplyAddress
from broker_server.amqp.replies import Replier
from broker_server.core.methods import Lane, Method, Parameters
from broker_server.orders.task import OrderTask


@dataclass(slots=True, eq=False)
class Recipient:
    """One delivered message that waits for a reply, with the connection that it came by."""

    delivery: Delivery
    address: ReplyAddress
    replier: Replier

    def send(self, body: bytes, on_acked: Callable[[bool], None] | None = None) -> None:
        """Publish the reply; the message is acked once the reply is safe."""
        self.replier.send(self.delivery, self.address, body, on_acked)

    def send_progress(self, task_id: str, done: int, total: int | None) -> None:
        """Tell the client how far its task is, if it can still be reached."""
        if self.delivery.current:
            self.replier.send_progress(self.delivery, self.address, task_id, done, total)

    def reject(self, reason: str, reply: bytes) -> None:
        """Keep a copy of the message, then reply; when the connection is gone, it will come again."""
        if self.delivery.current:
            self.replier.keep_rejected(self.delivery, reason, lambda: self.send(reply))


@dataclass(slots=True, eq=False)
class RunningTask:
    """A task that was admitted and is not acked.

    Attributes:
        key: Its identity across redeliveries.
        admitted_at: Monotonic seconds.
        parameters: Validated.
        started: A thread has begun it.
        begun_at: Monotonic seconds, when it was first begun.
        order: What the desk knows of an order, kept while it is put off.
        died: Why the broker took an order off its queue: the answer if the journal does not know it.
        put_off: It waits for another order, as one of this group.
        over: Its outcome is decided; what a late thread brings is ignored.
        reply: The encoded reply, once there is one.
        copy_reply: What all but the first recipient get, where that differs: it says that it is a replay.
        answered: A reply left.
        replied_at: Monotonic seconds.
        on_acked: Called when a reply was confirmed, or kept, and its message acked.
    """

    key: object
    request: TaskRequest
    method: Method[Any]
    admitted_at: float
    recipients: list[Recipient]
    parameters: Parameters | None = None
    order: OrderTask | None = None
    died: TaskFailed | None = None
    started: bool = False
    begun_at: float | None = None
    put_off: str = ""
    over: bool = False
    reply: bytes | None = None
    copy_reply: bytes | None = None
    answered: bool = False
    replied_at: float = 0.0
    on_acked: Callable[[], None] | None = None

    @property
    def is_order(self) -> bool:
        """Whether it places, changes or cancels an order, and so is recorded."""
        return self.method.kind == "order"

    @property
    def is_cancel(self) -> bool:
        """Whether nothing may hold it up: no deadline, no held orders, no journal that cannot be written."""
        return self.is_order and self.method.lane is Lane.CANCEL

    @property
    def wanted(self) -> bool:
        """Whether one of its messages is still ours; else the broker will deliver it again."""
        return any(recipient.delivery.current for recipient in self.recipients)


class RunningTasks:
    """The tasks in work, by identity."""

    def __init__(self) -> None:
        self._tasks: dict[object, RunningTask] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: RunningTask) -> None:
        """Remember a task that begins."""
        self._tasks[task.key] = task

    def join(self, key: object, recipient: Recipient) -> bool:
        """Let a message wait for the task in work that it is a copy of, if there is one."""
        task = self._tasks.get(key)
        if task is None:
            return False
        # In one step: a lane's thread may be reading the last one.
        task.recipients = [*(known for known in task.recipients if known.delivery.current), recipient]
        if task.reply is not None:
            self._deliver(task)
        return True

    def finish(self, task: RunningTask, reply: bytes, now: float) -> None:
        """Send the reply to everybody who waits. With nobody there, because the connection was lost, the
        reply is kept for the redelivery.
        """
        task.reply = reply
        task.replied_at = now
        self._deliver(task)

    def forget(self, task: RunningTask) -> None:
        """Forget a task that will not run."""
        if self._tasks.get(task.key) is task:
            del self._tasks[task.key]

    def _deliver(self, task: RunningTask) -> None:
        assert task.reply is not None  # noqa: S101 - callers have just set or seen it
        recipients, task.recipients = task.recipients, []
        for recipient in recipients:
            if recipient.delivery.current:
                is_copy, task.answered = task.answered, True
                reply = task.copy_reply if is_copy and task.copy_reply is not None else task.reply
                recipient.send(reply, lambda safe: self._acked(task, safe))

    def _acked(self, task: RunningTask, safe: bool) -> None:
        if safe and task.on_acked is not None:
            task.on_acked()
        if not task.wanted:
            self.forget(task)

    def forget_waiting(self) -> None:
        """Forget the tasks that no thread has begun; the broker keeps their messages."""
        self._tasks = {key: task for key, task in self._tasks.items() if task.started or task.over}

    def forget_replied_before(self, moment: float) -> None:
        """Forget replies that nobody came back for."""
        stale = [
            key for key, task in self._tasks.items() if task.reply is not None and task.replied_at < moment
        ]
        for key in stale:
            del self._tasks[key]

    def undecided(self) -> list[RunningTask]:
        """Tasks without an outcome, oldest first. Safe to use from any thread."""
        return [task for task in list(self._tasks.values()) if not task.over]
