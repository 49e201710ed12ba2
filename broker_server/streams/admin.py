"""``broker.list-subscriptions`` and ``broker.drop-subscription``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import BaseModel, Field

from broker_client.errors import NotSubscribed, VendorUnavailable
from broker_client.protocol import MAX_TASK_ID_LENGTH
from broker_server.core.methods import Lane, Method, NoParameters, Outcome, Parameters, TaskContext
from broker_server.core.others import NoOthers, Others, Rows

LIST, DROP = "list-subscriptions", "drop-subscription"
DROP_SECONDS = 5.0


class SubscriptionView(BaseModel):
    """A subscription as the worker serves it.

    Attributes:
        subscription: The task_id of the task that subscribed.
        account: The alias of the account whose connection serves it.
        method: What it subscribed with.
        ticker: As it was asked for; null for executions.
        market: Of executions, whose they are: domestic or overseas.
        key: The ``key`` of its messages.
        mode: ``realtime``, ``polling`` while REST stands in, ``pending`` while neither serves it.
        suspended: Its reply queue is gone: it will be dropped soon.
        reply_queue: Where its messages go.
        copies: Whether it gets its own copy of each event.
    """

    subscription: str
    vendor: str
    account: str
    method: str
    ticker: str | None
    market: str | None
    key: str
    mode: Literal["realtime", "polling", "pending"]
    suspended: bool
    reply_queue: str
    copies: bool
    created_at: datetime


class EndedSubscription(BaseModel):
    """A subscription that has ended.

    Attributes:
        subscription: The task_id of the task that subscribed.
        ticker: As it was asked for; null for executions.
    """

    subscription: str
    ticker: str | None


class DropSubscription(Parameters):
    """Arguments.

    Attributes:
        task_id: Of the task that subscribed.
    """

    task_id: str = Field(min_length=1, max_length=MAX_TASK_ID_LENGTH)


class Subscriptions(Protocol):
    """What the methods ask. Blocking."""

    def listing(self) -> list[dict[str, Any]]:
        """Every subscription."""

    def drop(self, task_id: str) -> list[dict[str, Any]]:
        """End every subscription of a task.

        Raises:
            NotSubscribed: There is none.
        """


def subscription_methods(desk: Subscriptions | None, others: Others | None = None) -> list[Method[Any]]:
    """The methods.

    Args:
        desk: ``None`` for a listing of the methods.
        others: The other workers, which have subscriptions of their own.
    """
    fleet = others or NoOthers()

    def listing() -> Rows:
        return desk.listing() if desk is not None else []

    def drop(task_id: str) -> Rows:
        try:
            return desk.drop(task_id) if desk is not None else []
        except NotSubscribed:
            return []

    fleet.serve(LIST, lambda _: listing())
    fleet.serve(DROP, lambda given: drop(given["task_id"]))

    def list_subscriptions(_: NoParameters, __: TaskContext) -> Outcome:
        heard = fleet.ask(LIST, {})
        notes = [f"not all subscriptions are among these: {each}" for each in heard.gaps()]
        return Outcome([*listing(), *heard.rows], "; ".join(notes) or None)

    def drop_subscription(parameters: DropSubscription, _: TaskContext) -> Outcome:
        task_id = parameters.task_id
        ended = drop(task_id)
        heard = fleet.ask(DROP, {"task_id": task_id}, seconds=DROP_SECONDS)
        rows, gaps = [*ended, *heard.rows], heard.gaps()
        if not rows and gaps:
            raise VendorUnavailable(
                f"there is no subscription of {task_id!r} at the workers that answered, but "
                f"{'; '.join(gaps)}",
                retryable=True,
            )
        if not rows:
            raise NotSubscribed(
                f"there is no subscription of {task_id!r}; broker.list-subscriptions shows all"
            )
        return Outcome(rows)

    return [
        Method(
            name="broker.list-subscriptions",
            vendor="broker",
            kind="admin",
            lane=Lane.STREAM,
            summary="List every subscription, how it is served and where its messages go.",
            parameters=NoParameters,
            result=SubscriptionView,
            handler=list_subscriptions,
            example={},
        ),
        Method(
            name="broker.drop-subscription",
            vendor="broker",
            kind="admin",
            lane=Lane.STREAM,
            summary="End every subscription of a task, whoever started it.",
            parameters=DropSubscription,
            result=EndedSubscription,
            handler=drop_subscription,
            example={"task_id": "3f1c…"},
        ),
    ]
