"""Finds orders on record, by this worker's journal and by those of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from broker_client.errors import InvalidParameters, TaskFailed, VendorUnavailable
from broker_server.core.accounts import AccountKey
from broker_server.core.others import Others, Rows
from broker_server.journal.orders import OrderJournal
from broker_server.orders.admin_models import GetOrder, ListOrders, OrderView, view

GET, LIST = "get-order", "list-orders"


class OrderLookup:
    """What is on record of the orders of every vendor that is served on this broker.

    Args:
        journal: This worker's.
        others: The other workers, which may have another journal each, or the same.
        known_here: Whether this worker's journal is that of the worker for an account.
    """

    def __init__(
        self, journal: OrderJournal, others: Others, known_here: Callable[[AccountKey], bool]
    ) -> None:
        self._journal = journal
        self._others = others
        self._known_here = known_here
        others.serve(GET, lambda given: _rows(self.own(GetOrder.model_validate(given))))
        others.serve(LIST, lambda given: _rows(self._own_list(ListOrders.model_validate(given))))

    def get(self, wanted: GetOrder) -> list[dict[str, Any]]:
        """The order that fits; of a task_id that several vendors' workers were given, each one's.

        Raises:
            InvalidParameters: There is none, or the number is that of several.
            VendorUnavailable: None is found, and not every record could be asked.
        """
        own = self.own(wanted)
        if own and wanted.task_id is not None:
            return _rows(own)
        heard = self._others.ask(GET, wanted.model_dump(mode="json"), vendor=wanted.vendor)
        rows = _once([*_rows(own), *heard.rows])
        if not rows:
            raise not_on_record(wanted, heard.gaps(self._known_here))
        if wanted.order_no is not None and len(rows) > 1:
            several = "; ".join(
                f"{AccountKey(row['vendor'], row['account']).place} {row['market']}: task_id {row['task_id']}"
                for row in rows
            )
            raise InvalidParameters(
                f"order_no: several orders have the number {wanted.order_no} ({several}); name the vendor, "
                f"the account and the market, or the task_id"
            )
        return rows

    def listed(self, wanted: ListOrders) -> tuple[list[dict[str, Any]], str | None]:
        """The orders that fit, newest first, and why there may be more."""
        heard = self._others.ask(LIST, wanted.model_dump(mode="json"), vendor=wanted.vendor)
        rows = _once([*_rows(self._own_list(wanted)), *heard.rows])
        rows.sort(key=lambda row: datetime.fromisoformat(row["received_at"]), reverse=True)
        notes = [f"not all orders are among these: {each}" for each in heard.gaps(self._known_here)]
        if len(rows) > wanted.limit:
            notes.append(f"only the newest {wanted.limit} are shown")
        return rows[: wanted.limit], "; ".join(notes) or None

    def own(self, wanted: GetOrder) -> list[OrderView]:
        """What this worker's journal has of it: of a number, the newest order in each market."""
        if wanted.task_id is not None:
            record = self._journal.find(wanted.task_id)
            found = [] if record is None or wanted.vendor not in (None, record.order.vendor) else [record]
        else:
            found = self._journal.by_number(
                wanted.order_no or "", account=wanted.account, vendor=wanted.vendor, market=wanted.market
            )
        return [view(each, self._journal.transitions(each.order.task_id)) for each in found]

    def _own_list(self, wanted: ListOrders) -> list[OrderView]:
        records = self._journal.listed(
            vendor=wanted.vendor,
            account=wanted.account,
            states=() if wanted.state is None else (wanted.state,),
            ticker=wanted.ticker,
            day=wanted.day,
            only_open=wanted.open,
            limit=wanted.limit + 1,
        )
        return [view(record) for record in records]


def not_on_record(wanted: GetOrder, gaps: Sequence[str]) -> TaskFailed:
    """Nothing fits: for sure, or as far as could be asked."""
    name = f"task_id: no order {wanted.task_id}"
    if wanted.task_id is None:
        name = f"order_no: no order of ours with the number {wanted.order_no}"
    if not gaps:
        return InvalidParameters(f"{name} is on record")
    return VendorUnavailable(
        f"{name} is on record of the workers that answered, but {'; '.join(gaps)}", retryable=True
    )


def _rows(views: list[OrderView]) -> Rows:
    return [each.model_dump(mode="json") for each in views]


def _once(rows: Rows) -> Rows:
    """Workers that share a journal tell the same."""
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        first.setdefault((row["vendor"], row["task_id"]), row)
    return list(first.values())
