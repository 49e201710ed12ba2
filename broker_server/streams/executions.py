"""Executions: none is lost to a broken connection, and none is published twice.

Notices come at most once. So whenever they begin to come (again), the vendor's list of orders is compared
with what has been published; what is missing of an order is published as one execution with
``recovered: true``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_client.errors import TaskFailed, TaskTimeout
from broker_server.core.feeds import Incoming
from broker_server.core.fills import SETTLE_SECONDS, Baseline, FillLedger, Noticed, Published, Recovered
from broker_server.core.listed_orders import OrderList
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.core.vendor import OrderAccess
from broker_server.streams.board import StreamBoard

log = structlog.get_logger(__name__)

LIST_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
_SEOUL = ZoneInfo("Asia/Seoul")
_OVERSEAS_DAY_BEGINS = timedelta(hours=8)
"""In Korea: no overseas market trades then."""
_UNITS = {"domestic": Decimal(1)}
_SMALLEST_UNIT = Decimal("0.0001")


class FillRecord(Protocol):
    """What outlives the worker. Blocking."""

    def load(self, market: str, day: date) -> tuple[Mapping[str, Published], bool]:
        """What was published of a day, by order number, and whether there is a baseline."""

    def save(self, market: str, day: date, published: Mapping[str, Published]) -> None:
        """Write down what has been published of some orders."""

    def set_baseline(self, market: str, day: date, published: Mapping[str, Published]) -> None:
        """Write down that a day has its baseline, and which."""


@dataclass(slots=True)
class _Day:
    """The ledger of one market's day."""

    day: date
    ledger: FillLedger


class Executions:
    """The executions of one account; a `broker_server.streams.board.Watcher` that is asked besides.

    Args:
        board: Publishes.
        orders: The vendor's lists.
        record: Keeps what has been published.
        noticed: Called for each notice: the orders' own records want to look.
        clock: UTC.
        monotonic: Seconds.
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
    ) -> None:
        self._board = board
        self._orders = orders
        self._record = record
        self._noticed = noticed
        self._clock = clock
        self._monotonic = monotonic
        self._days: dict[str, _Day] = {}
        self._early: dict[str, list[tuple[Registration, Incoming]]] = {}
        self._checks: dict[Registration, asyncio.Task[None]] = {}
        self._writing: asyncio.Queue[Callable[[], None]] = asyncio.Queue()

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
        """Nobody wants it any more."""

    def passes(self, registration: Registration, incoming: Incoming) -> Incoming | None:
        """What to publish of a record, if anything: what was made up for before is not published again."""
        market = self._board.streams.order_market(registration)
        if market is None:
            return incoming
        self._noticed()
        event = incoming.event()
        if event.get("type") != "execution" or event.get("event") != "fill":
            return incoming
        day = self._days.get(market)
        if day is None or day.day != self._today(market):
            # Its day's record is still being read; it comes as soon as that is done.
            self._early.setdefault(market, []).append((registration, incoming))
            self._open(registration, market)
            return None
        return self._entered(market, day, incoming, event)

    async def run(self) -> None:
        """Write down what is published, until cancelled."""
        try:
            while True:
                write = await self._writing.get()
                try:
                    await asyncio.to_thread(write)
                except SQLAlchemyError as error:
                    log.error("executions cannot be written down", reason=str(error).splitlines()[0])
        finally:
            for check in self._checks.values():
                check.cancel()

    def _entered(self, market: str, day: _Day, incoming: Incoming, event: dict[str, Any]) -> Incoming | None:
        order_no, quantity = str(event["order_no"]), int(event["quantity"] or 0)
        noticed = day.ledger.noticed(
            order_no,
            quantity=quantity,
            price=_decimal(event["price"]),
            time=_time(event["time"]),
            now=self._monotonic(),
        )
        self._write(market, day, {order_no: noticed.published})
        if noticed.duplicate:
            log.info("a notice came of a fill that was published before", shares=noticed.duplicate)
        return _part(incoming, noticed, quantity)

    def _open(self, registration: Registration, market: str) -> None:
        if registration not in self._checks or self._checks[registration].done():
            self.registered(registration)

    async def _check(self, registration: Registration, market: str) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._compare(registration, market)
                return
            except (TaskFailed, SQLAlchemyError) as error:
                log.warning("executions cannot be compared yet", market=market, reason=str(error)[:300])
            except Exception:
                log.exception("executions cannot be compared", market=market)
            self._release_early(market)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _compare(self, registration: Registration, market: str) -> None:
        day = await self._day(market)
        self._release_early(market)
        asked_at = self._clock() + self._orders.clock_offset()
        listed = await asyncio.to_thread(self._list, market)
        answered_at = self._clock() + self._orders.clock_offset()
        day.ledger.listed(listed.orders, asked_at=asked_at, answered_at=answered_at, now=self._monotonic())
        await asyncio.sleep(SETTLE_SECONDS)
        for found in day.ledger.due(self._monotonic()):
            if isinstance(found, Baseline):
                self._writing.put_nowait(self._baseline(market, day, found))
            else:
                self._publish(registration, market, day, found)

    def _publish(self, registration: Registration, market: str, day: _Day, found: Recovered) -> None:
        incoming = self._board.streams.recovered_execution(
            registration, found.order, found.quantity, found.price
        )
        self._board.publish_found(registration, incoming, {"recovered": True})
        self._write(market, day, {found.order.order_no: found.published})
        self._noticed()

    async def _day(self, market: str) -> _Day:
        today = self._today(market)
        known = self._days.get(market)
        if known is not None and known.day == today:
            return known
        published, has_baseline = await asyncio.to_thread(self._record.load, market, today)
        ledger = FillLedger(published, has_baseline=has_baseline, unit=_UNITS.get(market, _SMALLEST_UNIT))
        opened = self._days[market] = _Day(today, ledger)
        return opened

    def _release_early(self, market: str) -> None:
        """Publish what came before the day's record was read."""
        day = self._days.get(market)
        for registration, incoming in self._early.pop(market, ()):
            passed = incoming if day is None else self._entered(market, day, incoming, incoming.event())
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

    def _today(self, market: str) -> date:
        now = self._clock().astimezone(_SEOUL)
        return (now if market == "domestic" else now - _OVERSEAS_DAY_BEGINS).date()

    def _write(self, market: str, day: _Day, published: Mapping[str, Published]) -> None:
        self._writing.put_nowait(lambda: self._record.save(market, day.day, published))

    def _baseline(self, market: str, day: _Day, found: Baseline) -> Callable[[], None]:
        return lambda: self._record.set_baseline(market, day.day, found.published)


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
