"""A query as a value, and what its answer holds."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from broker_client.errors import TaskExpired, TaskFailed
from broker_server.core.methods import Lane
from broker_server.vendors.kiwoom.openapi_plus.columns import Row, read_rows, read_single
from broker_server.vendors.kiwoom.openapi_plus.control import KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.errors import VENDOR

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TrPage:
    """One page by the control's item names.

    Attributes:
        more: What the request of the next page names; ``None`` after the last one.
        summary: The values of the one row beside the many.
    """

    rows: Sequence[Row]
    more: str | None
    summary: Row


@dataclass(slots=True, eq=False, kw_only=True)
class TrRequest:
    """One query, made on any thread and from then on only touched on the control's.

    Attributes:
        code: The TR.
        inputs: Item names and values, in the order that the TR wants.
        record: The record with many rows; ``None`` where the answer is one row.
        items: Names of the values that are wanted; without any, the page's by position.
        summary: Names of values of the one row that comes beside the many.
        asked_at: When it began to wait, on the loop's clock.
        waited: Seconds that it waited for its turn; ``None`` until it had it.
        deadline: Of the loop's clock, after which nobody wants the answer.
        after: `TrPage.more` of the page before.
    """

    code: str
    inputs: Sequence[tuple[str, str]]
    record: str | None
    items: Sequence[str]
    lane: Lane
    deadline: float | None = None
    after: str | None = None
    summary: Sequence[str] = ()
    asked_at: float = 0.0
    waited: float | None = None
    future: Future[TrPage] = field(default_factory=Future)


def read_answer(control: KiwoomControl, request: TrRequest, name: str) -> tuple[list[Row], Row]:
    """The rows and the values beside them. Only inside the answer's event.

    Args:
        control: Whose answer.
        request: What was asked.
        name: That a record goes by which has no name of its own.
    """
    if request.record is None:
        rows = read_single(control, request.code, name, request.items)
    else:
        rows = read_rows(control, request.code, request.record, request.items)
        if not rows and request.items:
            rows = _rows_by_name(control, request, name)
    return rows, {item: control.GetCommData(request.code, name, 0, item) for item in request.summary}


def _rows_by_name(control: KiwoomControl, request: TrRequest, name: str) -> list[Row]:
    """The rows by the other name that the control takes: a record under a new name is no empty one.

    Orders that nobody finds would count as never sent.
    """
    rows = read_rows(control, request.code, name, request.items)
    found = [row for row in rows if any(value.strip() for value in row.values())]
    if found:
        log.warning("kiwoom_record_renamed", tr=request.code, record=request.record)
    return found


def is_wanted(request: TrRequest, now: float) -> bool:
    """Whether somebody still waits for it."""
    return not request.future.done() and (request.deadline is None or now < request.deadline)


def expired() -> TaskFailed:
    """Of a query that nobody waits for any more."""
    return TaskExpired("the deadline passed while the query waited for Kiwoom's rate limit", vendor=VENDOR)


def fail(request: TrRequest, error: TaskFailed) -> None:
    """End it with an error, unless who asked has given up."""
    with suppress(InvalidStateError):
        request.future.set_exception(error)
