"""Executions: none is lost to a broken connection, and none is published twice.

Notices come at most once. So whenever they begin to come (again), the vendor's list of orders is compared
with what has been published; what is missing of an order is published as one execution with
``recovered: true``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_client.errors import TaskFailed, TaskTimeout
from broker_server.core.feeds import Incoming
from broker_server.core.fills import SETTLE_SECONDS, Baseline, FillLedger, Noticed, Recovered
from broker_server.core.listed_orders import OrderList
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.core.vendor import OrderAccess
from broker_server.streams.board import StreamBoard
from broker_server.streams.fill_writer import FillRecord, FillWriter

log = structlog.get_logger(__name__)

LIST_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
_SEOUL = ZoneInfo("Asia/Seoul")
_OVERSEAS_DAY_BEGINS = timedelta(hours=8)
"""In Korea: no overseas market trades then."""
_UNITS = {"domestic": Decimal(1)}
_SMALLEST_UNIT = Decimal("0.0001")


@dataclass(slots=True)
class _Day:
    """The ledger of one market's day."""

    day: date
    ledger: FillLedger


class Executions:
    """The executions of one account; a `broker_server.streams.serving.Watcher` that is asked besides.

    Args:
        board: Publishes.
        orders: The vendor's lists.
        record: Keeps what has been published.
        noticed: Called for each notice: the orders' own records want to look.
        clock: UTC.
        monotonic: Seconds.
        pause: Waits.
    """

    def __init__(
        self,
        board: StreamBoard,
        orders: OrderAccess,
        record: FillRecord,
        *,
        noticed: Callable[[], None],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._board = board
        self._orders = orders
        self._record = record
        self._noticed = noticed
        self._clock = clock
        self._monotonic = monotonic
        self._pause = pause
        self._began_at = clock()
        self._days: dict[str, _Day] = {}
        self._early: dict[str, list[tuple[Registration, Incoming]]] = {}
        self._unentered: dict[str, list[dict[str, Any]]] = {}
        self._checks: dict[Registration, asyncio.Task[None]] = {}
        self._writer = FillWriter(record, pause)

    def registered(self, registration: Registration) -> None:
        """Notices come from now on: find out what was missed."""
        market = self._board.streams.order_market(registration)
        if market is None:
            return
        earlier = self._checks.pop(registration, None)
        if earlier is not None:
            earlier.cancel()
        check = asyncio.get_running_loop().create_task(self._check(registration, market))
        self._checks[registration] = check

    def received(self, registration: Registration, incoming: Incoming) -> None:
        """A record came in."""

    def interrupted(self, registrations: Sequence[Registration]) -> None:
        """They are not sent any more, for now."""

    def unwanted(self, registration: Registration) -> None:
        """The feed is not to hold it any more."""

    def passes(self, registration: Registration, incoming: Incoming) -> Incoming | None:
        """What to publish of a record, if anything: what was made up for before is not published again."""
        market = self._board.streams.order_market(registration)
        if market is None:
            return incoming
        self._noticed()
        event = incoming.event()
        day = self._opened_day(market)
        if self._early.get(market) or (day is None and _is_fill(event)):
            # The record of its day is still being read; it comes as soon as that is done.
            self._early.setdefault(market, []).append((registration, incoming))
            self._open(registration)
            return None
        return self._entered(market, day, incoming, event)

    async def run(self) -> None:
        """Write down what is published, until cancelled; then what is left."""
        try:
            await self._writer.run()
        finally:
            for check in self._checks.values():
                check.cancel()
            await self._writer.finish()

    def _entered(
        self, market: str, day: _Day | None, incoming: Incoming, event: dict[str, Any]
    ) -> Incoming | None:
        if not _is_fill(event):
            return incoming
        if day is None:
            self._unentered.setdefault(market, []).append(event)
            return incoming
        noticed = self._enter(market, day, event)
        if noticed.duplicate:
            log.info("a notice came of a fill that was published before", shares=noticed.duplicate)
        return _part(incoming, noticed, noticed.publish + noticed.duplicate)

    def _enter(self, market: str, day: _Day, event: dict[str, Any]) -> Noticed:
        order_no = str(event["order_no"])
        noticed = day.ledger.noticed(
            order_no,
            quantity=int(event["quantity"] or 0),
            price=_decimal(event["price"]),
            time=_time(event["time"]),
            now=self._monotonic(),
        )
        self._writer.add(market, day.day, {order_no: noticed.published})
        return noticed

    def _open(self, registration: Registration) -> None:
        if registration not in self._checks or self._checks[registration].done():
            self.registered(registration)

    async def _check(self, registration: Registration, market: str) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._compare(registration, market)
            except (TaskFailed, SQLAlchemyError) as error:
                log.warning(
                    "executions cannot be compared yet",
                    market=market,
                    reason=str(error).splitlines()[0][:300],
                )
            except Exception:
                log.exception("executions cannot be compared", market=market)
            else:
                if not self._early.get(market):
                    return
                continue  # the day has changed meanwhile
            self._release_early(market)
            await self._pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _compare(self, registration: Registration, market: str) -> None:
        day = await self._day(market)
        self._release_early(market)
        asked_at = self._clock() + self._orders.clock_offset()
        listed = await asyncio.to_thread(self._list, market)
        answered_at = self._clock() + self._orders.clock_offset()
        day.ledger.listed(listed.orders, asked_at=asked_at, answered_at=answered_at, now=self._monotonic())
        await self._pause(SETTLE_SECONDS)
        for found in day.ledger.due(self._monotonic()):
            if isinstance(found, Baseline):
                self._writer.add(market, day.day, found.published, baseline=True)
            else:
                self._publish(registration, market, day, found)

    def _publish(self, registration: Registration, market: str, day: _Day, found: Recovered) -> None:
        incoming = self._board.streams.recovered_execution(
            registration, found.order, found.quantity, found.price
        )
        self._board.publish_found(registration, incoming, {"recovered": True})
        self._writer.add(market, day.day, {found.order.order_no: found.published})
        self._noticed()

    async def _day(self, market: str) -> _Day:
        known = self._opened_day(market)
        if known is not None:
            return known
        today = self._day_of(market, self._clock())
        published, has_baseline = await asyncio.to_thread(self._record.load, market, today)
        known = self._days.get(market)
        if known is not None and known.day == today:
            return known  # the check of another registration was faster
        if not has_baseline and self._day_of(market, self._began_at) < today:
            has_baseline = True  # nothing of this day was before our time
            self._writer.add(market, today, {}, baseline=True)
        ledger = FillLedger(published, has_baseline=has_baseline, unit=_UNITS.get(market, _SMALLEST_UNIT))
        opened = self._days[market] = _Day(today, ledger)
        return opened

    def _release_early(self, market: str) -> None:
        """Publish what came before the day's record was read.

        If it cannot be read yet, they do not wait for that: they are entered as soon as it is.
        """
        day = self._opened_day(market)
        if day is not None:
            for event in self._unentered.pop(market, ()):
                self._enter(market, day, event)
        for registration, incoming in self._early.pop(market, ()):
            passed = self._entered(market, day, incoming, incoming.event())
            if passed is not None:
                self._board.publish_found(registration, passed, {})

    def _list(self, market: str) -> OrderList:
        give_up_at = self._monotonic() + LIST_SECONDS

        def ensure_in_time() -> None:
            if self._monotonic() > give_up_at:
                raise TaskTimeout("the vendor's list of orders did not come in time")

        context = TaskContext(
            task_id="executions",
            received_at=self._clock(),
            ensure_in_time=ensure_in_time,
            report_progress=lambda done, total: None,
        )
        return self._orders.list_orders(market, context)

    def _opened_day(self, market: str) -> _Day | None:
        day = self._days.get(market)
        return day if day is not None and day.day == self._day_of(market, self._clock()) else None

    @staticmethod
    def _day_of(market: str, moment: datetime) -> date:
        in_korea = moment.astimezone(_SEOUL)
        return (in_korea if market == "domestic" else in_korea - _OVERSEAS_DAY_BEGINS).date()


@dataclass(frozen=True, slots=True)
class _Part:
    """A notice of which only some shares are news."""

    channel: str
    subject: str
    conflatable: bool
    whole: Incoming
    quantity: int

    def event(self) -> dict[str, Any]:
        return self.whole.event() | {"quantity": self.quantity}

    def raw_event(self) -> dict[str, Any]:
        return self.whole.raw_event()


def _is_fill(event: dict[str, Any]) -> bool:
    return event.get("type") == "execution" and event.get("event") == "fill"


def _part(incoming: Incoming, noticed: Noticed, quantity: int) -> Incoming | None:
    if noticed.publish == quantity:
        return incoming
    if not noticed.publish:
        return None
    return _Part(incoming.channel, incoming.subject, incoming.conflatable, incoming, noticed.publish)


def _decimal(value: object) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


def _time(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None
