"""The stream desk: runs subscribe and unsubscribe tasks, in the threads of their lane."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_client.errors import InvalidParameters, NotSubscribed, VendorUnavailable
from broker_client.protocol import utc_text
from broker_server.core.accounts import AccountKey
from broker_server.core.stream_tasks import StreamTask
from broker_server.core.subscription_changes import Subscription
from broker_server.results import Result
from broker_server.streams.audience import Receiver
from broker_server.streams.board import StreamBoard
from broker_server.streams.host import StreamThread
from broker_server.streams.standing import Standing

log = structlog.get_logger(__name__)
T = TypeVar("T")

CALL_SECONDS = 5.0
"""For what the event loop does at once."""
ANSWER_SECONDS = 5.0
"""The vendor's answer to a registration is waited for so long; after it the acknowledgement says pending."""
SETTLE_SECONDS = 2.0
"""So long the reply to unsubscribing waits for the events before it."""
DROPPED = "by broker.drop-subscription"
NOT_KEPT = "the subscription could not be written down; it ends with this worker"


class Store(Protocol):
    """Keeps subscriptions over a restart. Blocking."""

    def save(self, place: str, subscriptions: Sequence[Subscription]) -> None:
        """Write subscriptions down, in place of what was there of the same task and key."""

    def delete(self, place: str, subscriptions: Sequence[Subscription]) -> None:
        """Forget subscriptions."""


class StreamDesk:
    """Implements ``amqp.task_runner.StreamRunner``.

    Args:
        thread: Where the boards live.
        boards: By account, as `AccountKey.place` has it; those that are served now. Looked at on the event
            loop of the streams only.
        store: Keeps the subscriptions.
        settle: Waits until what was published before has reached the broker; ``None`` where events and
            replies go the same way.
        clock: UTC.
        monotonic: Seconds.
    """

    def __init__(
        self,
        thread: StreamThread,
        boards: Mapping[str, StreamBoard],
        store: Store,
        *,
        settle: Callable[[], Coroutine[Any, Any, None]] | None = None,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._thread = thread
        self._boards = boards
        self._store = store
        self._settle = settle
        self._clock = clock
        self._monotonic = monotonic

    def run(self, task: StreamTask) -> Result:
        """Run one task.

        Raises:
            TaskFailed: It cannot be done; the message says what to do.
        """
        if task.request.action == "unsubscribe":
            return self._unsubscribe(task)
        if task.reply_to is None:
            raise InvalidParameters(
                "a stream needs a reply queue of its own: a direct reply-to address takes one reply only"
            )
        asked = self._asked(task, task.reply_to)
        taken = self._on_board(task.place, lambda board: board.subscribe(asked))
        warnings = self._keep(task.place, [each.subscription for each in taken.receivers])
        self._wait(task, taken.answers)
        standings = self._on_board(task.place, lambda board: board.standings(taken.receivers))
        failure = next((each.failure for each in standings if each.failure is not None), None)
        if failure is not None:
            self._take_back(task, [each.subscription for each in standings])
            raise failure
        return Result(
            [_row(standing) for standing in standings],
            kind="ack",
            warnings=warnings,
            on_arrived=lambda: self._begin(task.place, taken.receivers),
        )

    def listing(self) -> list[dict[str, Any]]:
        """Every subscription of this worker, for ``broker.list-subscriptions``."""
        return self._call(
            lambda: [
                _listed(AccountKey.of(place), board, each)
                for place, board in self._boards.items()
                for each in board.book.all()
            ]
        )

    def drop(self, task_id: str) -> list[dict[str, Any]]:
        """End every subscription of a task.

        Raises:
            NotSubscribed: There is none.
        """
        dropped = {
            place: self._on_board(place, lambda board: board.drop(task_id, DROPPED))
            for place in self._places()
        }
        if not any(dropped.values()):
            raise NotSubscribed(
                f"there is no subscription of {task_id!r}; broker.list-subscriptions shows all"
            )
        for place, ended in dropped.items():
            self._forget(place, ended)
        return [
            {"subscription": task_id, "ticker": each.ticker} for all_ in dropped.values() for each in all_
        ]

    def _unsubscribe(self, task: StreamTask) -> Result:
        request = task.request
        registrations = [each.registration for each in request.wanted]
        ended = self._on_board(
            task.place, lambda board: board.unsubscribe(task.task_id, request.family, registrations)
        )
        if not ended:
            raise NotSubscribed(
                f"the task {task.task_id!r} has no such subscription: an unsubscribe task has the task_id of "
                f"the subscribe task; broker.list-subscriptions shows all"
            )
        self._forget(task.place, ended)
        # Events go by another connection than replies: none may come after this one.
        if self._settle is not None and not self._thread.wait(self._settle, SETTLE_SECONDS):
            log.warning("events may come after the reply to unsubscribing", task_id=task.task_id)
        return Result([{"subscription": task.task_id, "ticker": each.ticker} for each in ended])

    def _asked(self, task: StreamTask, reply_to: str) -> list[Subscription]:
        request = task.request
        return [
            Subscription(
                task_id=task.task_id,
                registration=each.registration,
                family=request.family,
                ticker=each.ticker,
                reply_to=reply_to,
                correlation_id=task.correlation_id,
                raw=request.raw,
                vendor_form=request.vendor_form,
                copies=request.copies,
                polling=request.polling,
                snapshot=request.snapshot,
                created_at=self._clock(),
            )
            for each in request.wanted
        ]

    def _wait(self, task: StreamTask, waiting: Sequence[Future[None]]) -> None:
        until = self._monotonic() + ANSWER_SECONDS
        if task.context.deadline is not None:
            left = (task.context.deadline - self._clock()).total_seconds()
            until = min(until, self._monotonic() + max(0.0, left - 1.0))
        for each in waiting:
            try:
                each.result(max(0.0, until - self._monotonic()))
            except TimeoutError:
                return

    def _take_back(self, task: StreamTask, subscriptions: Sequence[Subscription]) -> None:
        """A task is subscribed to all of what it asks for, or to none."""
        registrations = [each.registration for each in subscriptions]
        self._on_board(
            task.place, lambda board: board.unsubscribe(task.task_id, task.request.family, registrations)
        )
        self._forget(task.place, subscriptions)

    def _begin(self, place: str, receivers: Sequence[Receiver]) -> None:
        def begin() -> None:
            board = self._boards.get(place)
            if board is not None:
                board.begin(receivers)

        self._thread.post(begin)

    def _keep(self, place: str, asked: Sequence[Subscription]) -> tuple[str, ...]:
        try:
            self._store.save(place, asked)
        except SQLAlchemyError as error:
            log.error("subscriptions cannot be written down", reason=str(error).splitlines()[0])
            return (NOT_KEPT,)
        return ()

    def _forget(self, place: str, ended: Sequence[Subscription]) -> None:
        try:
            self._store.delete(place, ended)
        except SQLAlchemyError as error:
            log.error("ended subscriptions cannot be struck out", reason=str(error).splitlines()[0])

    def _places(self) -> list[str]:
        return self._call(lambda: list(self._boards))

    def _on_board(self, place: str, act: Callable[[StreamBoard], T]) -> T:
        def on_loop() -> T:
            board = self._boards.get(place)
            if board is None:
                raise VendorUnavailable(
                    f"{place} has no live data now; try again in a moment", vendor=AccountKey.of(place).vendor
                )
            return act(board)

        return self._call(on_loop)

    def _call(self, act: Callable[[], T]) -> T:
        try:
            return self._thread.call(act, CALL_SECONDS)
        except TimeoutError:
            raise VendorUnavailable("live data does not answer; see the worker's log") from None


def _row(standing: Standing) -> dict[str, Any]:
    subscription = standing.subscription
    more = {"market": standing.market, "reason": standing.reason}
    return {
        "subscription": subscription.task_id,
        "ticker": subscription.ticker,
        "key": standing.key,
        "mode": standing.mode,
        **{name: value for name, value in more.items() if value is not None},
    }


def _listed(key: AccountKey, board: StreamBoard, subscription: Subscription) -> dict[str, Any]:
    return {
        "subscription": subscription.task_id,
        "vendor": key.vendor,
        "account": key.account,
        "method": _method_of(subscription),
        "ticker": subscription.ticker,
        "market": board.streams.order_market(subscription.registration),
        "key": board.key_of(subscription),
        "mode": board.book.mode(subscription),
        "suspended": board.book.is_suspended(subscription),
        "reply_queue": subscription.reply_to,
        "copies": subscription.copies,
        "created_at": utc_text(subscription.created_at),
    }


def _method_of(subscription: Subscription) -> str:
    """What the task was that subscribed."""
    vendor, dot, noun = subscription.family.rpartition(".")
    if not dot:  # of the original server, whose methods name no vendor
        return f"subscribe-{noun}"
    return f"{vendor}.subscribe" if subscription.vendor_form else f"{vendor}.subscribe-{noun}"
