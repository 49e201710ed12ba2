"""The record of orders: a row before anything is sent, and every change of it.

Each write is one transaction that begins with the write itself, so SQLite never has to upgrade a lock. A
change is computed by `broker_server.core.orders.apply` from the row as it was read, and written only if the
row is still of that version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from broker_server.core.accounts import AccountKey
from broker_server.core.orders import (
    OPEN,
    UNSETTLED,
    Event,
    Order,
    OrderDetails,
    Sending,
    State,
    apply,
)
from broker_server.journal.order_rows import Record, columns_of, record_of, trading_day
from broker_server.journal.order_statements import (
    FIND,
    INSERT_ORDER,
    INSERT_TRANSITION,
    MARK_REPLIED,
    OBSTACLE,
    SENT_ON,
    update_statement,
)
from broker_server.journal.tables import order_transitions, orders

MOST_NUMBERS = 512
_ROWS_AT_ONCE = 200
_LIST_LENGTHS = (8, 64, MOST_NUMBERS)
"""Of numbers that are asked for: each length is a statement of its own, which the driver keeps."""


class StaleEpoch(Exception):
    """Another worker owns the account by now: this one may not send the order."""


class RecordChanged(Exception):
    """The record is not as the sender saw it: somebody else may be sending the order."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """An order of unknown outcome that another one has to wait for.

    Attributes:
        blocks_ticker: Every order of its ticker waits for it, not only an equal one.
    """

    task_id: str
    reason: str | None
    blocks_ticker: bool


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of a record."""

    version: int
    at: datetime
    event: str
    by: str
    state: str
    status: str | None
    filled: int
    reason: str | None


class OrderJournal:
    """Orders by task_id. Every method blocks and may raise ``SQLAlchemyError``.

    Args:
        engine: The journal's database.
        environment: The worker's; what a simulator did is no answer for an account.
    """

    def __init__(self, engine: Engine, environment: str) -> None:
        self._engine = engine
        self._environment = environment

    def find(self, task_id: str) -> Record | None:
        """The record under that task_id."""
        key = {"b_environment": self._environment, "b_task_id": task_id}
        with self._engine.connect() as connection:
            row = connection.execute(FIND, key).one_or_none()
        return None if row is None else record_of(row)

    def insert(
        self,
        order: Order,
        *,
        event: str,
        outcome: bytes | None = None,
        reply_to: str | None = None,
        correlation_id: str | None = None,
    ) -> bool:
        """Write the first row of an order; only one caller gets ``True``."""
        values = columns_of(order) | {
            "environment": self._environment,
            "task_id": order.task_id,
            "outcome": outcome,
            "reply_to": reply_to,
            "correlation_id": correlation_id,
            "replied": False,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(INSERT_ORDER, values)
                transition = self._transition(order, event, order.received_at, order.owner, order.version)
                connection.execute(INSERT_TRANSITION, transition)
        except IntegrityError:
            return False
        return True

    def adopt(self, order: Order, *, owner: str, epoch: int, account: str) -> bool:
        """Take over an order that an earlier owner received and did not send.

        Args:
            account: Whose epoch it is: the order's, but of a task about all accounts of a vendor, which any
                of their owners may take over.
        """
        older = [] if account != order.account else [orders.c.epoch < epoch]
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(orders)
                .where(
                    *self._this(order.task_id),
                    orders.c.version == order.version,
                    orders.c.state == State.RECEIVED,
                    *older,
                )
                .values(account=account, owner=owner, epoch=epoch, version=order.version + 1)
            ).rowcount
        return bool(changed)

    def change(
        self,
        task_id: str,
        event: Event,
        *,
        now: datetime,
        by: str,
        outcome: bytes | Callable[[Order], bytes | None] | None = None,
        known: Order | None = None,
    ) -> tuple[Order, Order]:
        """Apply an event to a record.

        Args:
            by: The worker, or who settles it by hand.
            known: The record as it was last seen: saves a look-up if it has not changed since. An order that
                is to be sent must not have changed.
            outcome: The new JSON of its reply, to be confirmed anew; or what makes it from the order after
                the event.

        Returns:
            The order before and after; equal when the event says nothing new.

        Raises:
            IllegalTransition: The event cannot follow what is recorded.
            StaleEpoch: The order is to be sent, and another worker owns the account.
            RecordChanged: The order is to be sent, and its record is not the known one.
            LookupError: There is no such record.
        """
        before = known
        while True:
            before = before or self._order(task_id)
            after = apply(before, event, now)
            if after == before and not isinstance(outcome, bytes):
                return before, before
            body = outcome(after) if callable(outcome) else outcome
            if self._write(before, after, event, now, by, body):
                return before, replace(after, version=before.version + 1)
            if known is not None and isinstance(event, Sending):
                raise RecordChanged(f"the record of {task_id} is not of version {before.version} any more")
            before = None

    def keep_outcome(self, task_id: str, outcome: bytes) -> None:
        """Keep the JSON of an order's reply."""
        self._update(task_id, outcome=outcome, replied=False)

    def readdress(self, task_id: str, reply_to: str, correlation_id: str | None) -> None:
        """The reply goes there from now on."""
        self._update(task_id, reply_to=reply_to, correlation_id=correlation_id)

    def mark_replied(self, replies: Collection[tuple[str, bytes]]) -> None:
        """Note that the broker confirmed these outcomes; one that was replaced since is still owed."""
        notes = [
            {"b_environment": self._environment, "b_task_id": task_id, "b_outcome": outcome}
            for task_id, outcome in replies
        ]
        with self._engine.begin() as connection:
            connection.execute(MARK_REPLIED, notes)

    def unsettled(self, vendor: str, account: str) -> list[Record]:
        """Orders that the vendor may or may not have, oldest first."""
        return self._select(*_account(vendor, account), orders.c.state.in_(UNSETTLED))

    def unsent(self, vendor: str, account: str) -> list[Record]:
        """Orders that were received and not sent, oldest first."""
        return self._select(*_account(vendor, account), orders.c.state == State.RECEIVED)

    def unreplied(self, vendor: str, account: str) -> list[Record]:
        """Orders with an outcome whose reply was never confirmed, oldest first."""
        return self._select(
            *_account(vendor, account),
            ~orders.c.replied,
            orders.c.outcome.is_not(None),
            orders.c.reply_to.is_not(None),
        )

    def open(self, vendor: str, account: str) -> list[Record]:
        """Accepted orders that the market may still fill, oldest first."""
        return self._select(
            *_account(vendor, account), orders.c.state == State.ACCEPTED, orders.c.status.in_(OPEN)
        )

    def not_sent_since(self, vendor: str, account: str, day: str) -> list[Record]:
        """Orders of that day on that are said not to have reached the vendor."""
        return self._select(
            *_account(vendor, account), orders.c.state == State.NOT_SENT, orders.c.trading_day >= day
        )

    def obstacle(self, vendor: str, account: str, details: OrderDetails) -> Obstacle | None:
        """An unsettled order that a new one must wait for: an equal one, or a stuck one of its ticker."""
        with self._engine.connect() as connection:
            row = connection.execute(
                OBSTACLE,
                {
                    "b_environment": self._environment,
                    "b_vendor": vendor,
                    "b_account": account,
                    "b_fingerprint": details.fingerprint[:255],
                    "b_ticker": details.ticker,
                    "b_original": details.original if details.action == "modify" else None,
                },
            ).first()
        return (
            None
            if row is None
            else Obstacle(row.task_id, row.reason, row.stuck and row.ticker == details.ticker)
        )

    def by_number(
        self,
        order_no: str,
        *,
        account: str | None = None,
        vendor: str | None = None,
        market: str | None = None,
    ) -> list[Record]:
        """The newest order with that number in each market of each account; leading zeros do not matter.

        Args:
            account: Only of that alias; likewise ``vendor`` and ``market``.
        """
        wanted = [
            column == value
            for column, value in (
                (orders.c.vendor, vendor),
                (orders.c.account, account),
                (orders.c.market, market),
            )
            if value is not None
        ]
        records = self._select(
            func.ltrim(orders.c.order_no, "0") == order_no.lstrip("0"),
            *wanted,
            newest_first=True,
        )
        newest: dict[tuple[AccountKey, str], Record] = {}
        for record in records:
            newest.setdefault((record.order.key, record.order.details.market), record)
        return list(newest.values())

    def numbered(
        self,
        vendor: str,
        account: str,
        market: str,
        *,
        since: str,
        numbers: Collection[str] | None = None,
    ) -> dict[str, list[Order]]:
        """Orders from that day on by the vendor's number, without leading zeros; it begins anew each day.

        Args:
            numbers: Only these, without leading zeros and at most `MOST_NUMBERS`; all, by default.
        """
        query = self._query(
            *_account(vendor, account),
            orders.c.market == market,
            orders.c.order_no.is_not(None),
            orders.c.trading_day >= since,
        ).order_by(orders.c.received_at, orders.c.task_id)
        if numbers is not None:
            query = query.where(func.ltrim(orders.c.order_no, "0").in_(_padded(numbers)))
        numbered: dict[str, list[Order]] = {}
        with self._engine.connect() as connection:
            # Row by row: of some thousand orders the rows and their replies are most of the memory.
            for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query):
                order = record_of(row).order
                numbered.setdefault((order.order_no or "").lstrip("0") or "0", []).append(order)
        return numbered

    def number_holder(self, order: Order, order_no: str) -> str | None:
        """The task_id of another order of that vendor, account, market and day with that number."""
        holders = self._select(
            *_account(order.vendor, order.account),
            orders.c.market == order.details.market,
            orders.c.trading_day == trading_day(order.received_at),
            func.ltrim(orders.c.order_no, "0") == order_no.lstrip("0"),
            orders.c.task_id != order.task_id,
            limit=1,
        )
        return holders[0].order.task_id if holders else None

    def sent_equally(self, order: Order) -> datetime | None:
        """When the next order equal to that one was sent, if any was."""
        table = orders.c
        query = select(func.min(table.sent_at)).where(
            table.environment == self._environment,
            *_account(order.vendor, order.account),
            table.fingerprint == order.details.fingerprint[:255],
            table.task_id != order.task_id,
            table.sent_at > order.sent_at,
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()  # type: ignore[no-any-return]

    def sent_on(self, vendor: str, account: str, day: str) -> int:
        """How many orders of that day left, or tried to; cancels do not count."""
        key = {
            "b_environment": self._environment,
            "b_vendor": vendor,
            "b_account": account,
            "b_day": day,
        }
        with self._engine.connect() as connection:
            return int(connection.execute(SENT_ON, key).scalar_one())

    def listed(
        self,
        *,
        vendor: str | None = None,
        account: str | None = None,
        states: Sequence[str] = (),
        ticker: str | None = None,
        day: str | None = None,
        only_open: bool = False,
        limit: int = 100,
    ) -> list[Record]:
        """Records for a listing, newest first."""
        table = orders.c
        wanted: list[ColumnElement[bool]] = []
        for column, value in ((table.vendor, vendor), (table.account, account), (table.ticker, ticker)):
            if value is not None:
                wanted.append(column == value)
        if states:
            wanted.append(table.state.in_(states))
        if day is not None:
            wanted.append(table.trading_day == day)
        if only_open:
            pending = table.state.in_(UNSETTLED | {State.RECEIVED})
            wanted.append(or_(pending, and_(table.state == State.ACCEPTED, table.status.in_(OPEN))))
        return self._select(*wanted, newest_first=True, limit=limit)

    def transitions(self, task_id: str) -> list[Transition]:
        """Every change of an order, oldest first."""
        table = order_transitions.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(
                    table.version,
                    table.at,
                    table.event,
                    table.by,
                    table.state,
                    table.status,
                    table.filled,
                    table.reason,
                )
                .where(table.environment == self._environment, table.task_id == task_id)
                .order_by(table.version)
            ).all()
        return [Transition(*row) for row in rows]

    def _order(self, task_id: str) -> Order:
        record = self.find(task_id)
        if record is None:
            raise LookupError(f"no order {task_id} is on record")
        return record.order

    def _write(
        self, before: Order, after: Order, event: Event, now: datetime, by: str, outcome: bytes | None
    ) -> bool:
        fenced = isinstance(event, Sending)
        values = columns_of(after) | {
            "version": before.version + 1,
            "b_environment": self._environment,
            "b_task_id": before.task_id,
            "b_version": before.version,
        }
        if fenced:
            values |= {"b_vendor": before.vendor, "b_account": before.account}
        if outcome is not None:
            values |= {"outcome": outcome, "replied": False}
        with self._engine.begin() as connection:
            changed = connection.execute(update_statement(fenced, outcome is not None), values).rowcount
            if changed:
                transition = self._transition(after, type(event).__name__, now, by, before.version + 1)
                connection.execute(INSERT_TRANSITION, transition)
        if not changed and fenced:
            current = self.find(before.task_id)
            if current is not None and current.order.version == before.version:
                raise StaleEpoch(f"another worker owns {before.vendor}/{before.account} by now")
        return bool(changed)

    def _update(self, task_id: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(orders).where(*self._this(task_id)).values(**values))

    def _this(self, task_id: str) -> tuple[ColumnElement[bool], ...]:
        return orders.c.environment == self._environment, orders.c.task_id == task_id

    def _select(
        self, *wanted: ColumnElement[bool], newest_first: bool = False, limit: int | None = None
    ) -> list[Record]:
        order = orders.c.received_at.desc() if newest_first else orders.c.received_at
        query = self._query(*wanted).order_by(order, orders.c.task_id).limit(limit)
        with self._engine.connect() as connection:
            return [record_of(row) for row in connection.execute(query).all()]

    def _query(self, *wanted: ColumnElement[bool]) -> Select[Any]:
        return select(orders).where(orders.c.environment == self._environment, *wanted)

    def _transition(self, order: Order, event: str, at: datetime, by: str, version: int) -> dict[str, Any]:
        return {
            "environment": self._environment,
            "task_id": order.task_id,
            "version": version,
            "at": at,
            "event": event,
            "by": by,
            "state": order.state.value,
            "status": None if order.status is None else order.status.value,
            "filled": order.filled,
            "reason": order.reason,
        }


def _account(vendor: str, account: str) -> Iterable[ColumnElement[bool]]:
    return orders.c.vendor == vendor, orders.c.account == account


def _padded(numbers: Collection[str]) -> list[str]:
    """Numbers as they are without zeros, repeated up to the next of the lengths."""
    bare = ["" if each == "0" else each for each in numbers] or ["-"]
    length = next(length for length in _LIST_LENGTHS if len(bare) <= length)
    return bare + bare[-1:] * (length - len(bare))
