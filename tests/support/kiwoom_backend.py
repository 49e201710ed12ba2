"""A way to Kiwoom that answers from memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from broker_server.core.feeds import Feed, FeedListener, FeedObserver
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.vendor import CheckResult, OnHostState
from broker_server.vendors.kiwoom.backend import Listing, OrderRequest, Page, Tr
from tests.support.fake_time import START

Rows = Sequence[Mapping[str, str]]


def context(task_id: str = "t-1", **more: Any) -> TaskContext:
    """Of a read without a deadline."""
    return TaskContext(
        task_id=task_id,
        received_at=START,
        ensure_in_time=lambda: None,
        report_progress=lambda done, total: None,
        **more,
    )


def numbered_row(tr: Tr) -> dict[str, str]:
    """A row in which every column has a value of its own."""
    return {name: f" +{place} " for place, name in enumerate(tr.columns)}


class FakeBackend:
    """Implements `Backend`.

    Attributes:
        answers: By api id: pages, each a list of rows by our names. What is not here is one numbered row.
        summaries: By api id: the row beside the rows.
        asked: Every request: api id, inputs and what it continued.
        sent: Orders that left.
        send: Answers an order; may raise.
    """

    name: Literal["openapi-plus", "rest"] = "rest"
    live = False

    def __init__(self) -> None:
        self.answers: dict[str, list[Rows]] = {}
        self.summaries: dict[str, Mapping[str, str]] = {}
        self.asked: list[tuple[str, dict[str, str], str | None]] = []
        self.trs: list[Tr] = []
        self.names = {"015760": "한국전력", "005930": "삼성전자"}
        self.states = {"015760": "증거금20%|담보대출|신용가능", "005930": "증거금20%"}
        self.listings: dict[str, Listing] = {}
        self.codes = {"0": ["005930", "015760", "0156T0"], "10": []}
        self.prepared: list[OrderRequest] = []
        self.sent: list[OrderRequest] = []
        self.send: Callable[[OrderRequest, TaskContext], str] = self._take
        self.closed = False
        self._numbers = itertools.count(1)

    def request(
        self, tr: Tr, inputs: Mapping[str, str], context: TaskContext, lane: Lane, *, after: str | None = None
    ) -> Page:
        context.ensure_in_time()
        unknown = set(inputs) - set(tr.inputs)
        assert not unknown, unknown
        key = tr.api_id or tr.code or ""
        self.asked.append((key, dict(inputs), after))
        self.trs.append(tr)
        pages = self.answers.get(key)
        if pages is None:
            pages = [[numbered_row(tr)]]
        place = int(after or 0)
        more = str(place + 1) if place + 1 < len(pages) else None
        rows = [{name: row.get(name, "") for name in tr.columns} for row in (pages[place] if pages else ())]
        return Page(rows, more, self.summaries.get(key, {}))

    def stock_name(self, code: str, context: TaskContext) -> str | None:
        return self.names.get(code)

    def stock_codes(self, market: str, context: TaskContext) -> Sequence[str]:
        return self.codes.get(market, [])

    def stock_state(self, code: str, context: TaskContext) -> str | None:
        return self.states.get(code)

    def listing(self, code: str, context: TaskContext) -> Listing | None:
        return self.listings.get(code)

    def ready_for_order(self, order: OrderRequest, context: TaskContext) -> None:
        self.prepared.append(order)

    def clock_offset(self) -> timedelta:
        return timedelta()

    def send_order(self, order: OrderRequest, context: TaskContext) -> str:
        self.sent.append(order)
        return self.send(order, context)

    def open_feed(self, listener: FeedListener, observer: FeedObserver | None = None) -> Feed:
        raise NotImplementedError

    def try_live_data(self, context: TaskContext) -> str:
        return "in memory"

    def announce_to(self, listener: OnHostState) -> None:
        return None

    def status(self) -> dict[str, Any]:
        return {"connected": True}

    def check(self, context: TaskContext) -> Sequence[CheckResult]:
        return [CheckResult("kiwoom login", True, "in memory")]

    def close(self) -> None:
        self.closed = True

    def _take(self, _: OrderRequest, __: TaskContext) -> str:
        return f"{next(self._numbers):07}"
