"""What goes wrong without a failed reply: `errors` draws the whole tree, and callers import from there."""

from __future__ import annotations

from broker_client.order_effects import possible_effect, warning

__all__ = [
    "BrokerError",
    "BrokerUnreachable",
    "ClientClosed",
    "NoAnswer",
    "OrderNotSettled",
    "OrderOutcomeUnknown",
    "StreamEnded",
    "TaskQueueMissing",
    "WrongEnvironment",
]


class BrokerError(Exception):
    """Base of everything that this package raises on purpose."""


class NoAnswer(BrokerError):
    """No reply came within the time-out. The task was a read, so repeating it is safe."""

    def __init__(self, task_id: str, method: str, seconds: float) -> None:
        super().__init__(f"{method} ({task_id}): no answer within {seconds:g} s; is a worker running?")
        self.task_id = task_id
        self.method = method


class OrderOutcomeUnknown(BrokerError):
    """No reply to an order came within the time-out: what it asks for may have happened.

    Do not send a new order. ``client.resume(task_id)`` repeats the same task under the same id, and
    ``client.order(task_id)`` looks up what the worker has on record. Where the worker itself does not know,
    it answers `OrderOutcomeIsUnknown`.
    """

    def __init__(self, task_id: str, method: str, seconds: float) -> None:
        super().__init__(
            f"{method} ({task_id}): no answer within {seconds:g} s, {possible_effect(method)}. "
            f"{warning(method)}Resume this task_id, or look at the open orders."
        )
        self.task_id = task_id
        self.method = method


class OrderNotSettled(BrokerError):
    """It was not known in time what became of an order. Do not send a new one.

    Attributes:
        state: What the worker has on record; ``None`` if it did not say.
        stuck: The order is not settled without a person: ``broker.resolve-order``.
    """

    def __init__(
        self, task_id: str, seconds: float, *, state: str | None, reason: str | None, stuck: bool
    ) -> None:
        known = f"it is {state}" if state else "no worker told of it"
        why = f" ({reason})" if reason else ""
        advice = (
            "compare the brokerage's own list, then call broker.resolve-order"
            if stuck
            else "look it up again later: client.order, or broker-client orders"
        )
        super().__init__(
            f"order {task_id}: not settled within {seconds:g} s, {known}{why}. Do not send a new one; "
            f"{advice}."
        )
        self.task_id = task_id
        self.state = state
        self.stuck = stuck


class BrokerUnreachable(BrokerError):
    """RabbitMQ cannot be reached, or refuses the login."""


class TaskQueueMissing(BrokerUnreachable):
    """The broker has no such task queue, so it handed the task back: it was not sent."""

    def __init__(self, task_id: str, method: str, queue: str, *, is_order: bool) -> None:
        reason = (
            "the worker there is older than this client, or none ever ran; the order was not sent"
            if is_order
            else "no worker has ever run there"
        )
        super().__init__(
            f"{method} ({task_id}): no worker has ever declared the queue {queue} ({reason}). "
            "Start one on this broker and virtual host: broker-server run"
        )
        self.task_id = task_id
        self.method = method
        self.queue = queue


class ClientClosed(BrokerError):
    """The client was closed before, or while, the task waited for its answer."""


class StreamEnded(BrokerError):
    """A stream is over: nothing comes any more.

    Attributes:
        task_id: Of the subscription.
        method: That subscribed.
        state: ``dropped`` or ``refused``, as the worker said; ``closed`` if this client closed the stream.
        reason: Why, in the worker's words; ``None`` if it gave none.
    """

    def __init__(self, task_id: str, method: str, *, state: str, reason: str | None = None) -> None:
        said = f": {reason}" if reason else ""
        super().__init__(f"{method} ({task_id}): the stream was {state}{said}")
        self.task_id = task_id
        self.method = method
        self.state = state
        self.reason = reason


class WrongEnvironment(BrokerError):
    """A task succeeded in another environment than ``expected_environment``.

    A worker of another environment refuses such a task itself; one that did not do so has run it. An order
    was placed there.

    Attributes:
        environment: The one that answered.
        expected_environment: The client's.
        result: What the reply carried.
    """

    def __init__(
        self,
        task_id: str,
        method: str,
        *,
        environment: str,
        expected_environment: str,
        result: object,
        is_order: bool,
    ) -> None:
        consequence = "the order was placed there" if is_order else "do not use its data"
        super().__init__(
            f"{method} ({task_id}): answered by a worker of environment {environment}, but this client "
            f"expects {expected_environment}; {consequence}. Look which worker serves this BROKER_URL."
        )
        self.task_id = task_id
        self.method = method
        self.environment = environment
        self.expected_environment = expected_environment
        self.result = result
