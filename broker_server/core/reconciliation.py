"""Finds out from the vendor's list what became of orders whose answer was lost: pure.

Vendors give no client order id, so an order is recognised by what it asks for, by when it came, and by a
number above every number known before it was sent. Only a match without doubt settles.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker_server.core.orders import Accepted, Event, Missed, NotSent, Order, Progress, State, Stuck
from broker_server.core.vendor import ListedOrder, OrderList

CLOCK_SLACK = timedelta(seconds=3)
"""The vendor's times are whole seconds, and its clock is known to a second or so."""
SAME_DAY = timedelta(hours=12)
LONGEST_WAY = timedelta(seconds=60)
"""An order is not booked later than this after it was sent."""
COMPLETE_LISTS = 2
ROUTED = "SOR"
"""An order for the smart order router may be listed under the venue that it was routed to."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the list says of one order."""

    task_id: str
    events: Sequence[Event]


def reconcile(
    unsettled: Iterable[Order],
    listed: OrderList,
    claimed: Collection[str],
    *,
    asked_at: datetime,
    clock_offset: timedelta,
    settle: timedelta,
) -> list[Finding]:
    """Match orders of unknown outcome with a vendor's list.

    Args:
        unsettled: Orders in state ``UNKNOWN`` of one account and market.
        listed: The list, asked after all of them were sent.
        claimed: Numbers of the list that other orders of ours have, as the list writes them.
        asked_at: When the list was asked for, in our clock.
        clock_offset: The vendor's clock less ours.
        settle: How long after its send an order may still turn up.
    """
    twins: dict[str, list[Order]] = defaultdict(list)
    for order in unsettled:
        if order.state is State.UNKNOWN:
            twins[order.details.fingerprint].append(order)
    findings: list[Finding] = []
    for orders in twins.values():
        orders.sort(key=lambda order: (order.sent_at or order.received_at, order.task_id))
        candidates = [
            each
            for each in listed.orders
            if each.order_no not in claimed and all(_could_be(order, each, clock_offset) for order in orders)
        ]
        candidates.sort(key=lambda each: _value(each.order_no))
        if len(candidates) == len(orders):
            findings += [
                Finding(order.task_id, _found(order, each))
                for order, each in zip(orders, candidates, strict=True)
            ]
        elif candidates:
            reason = (
                f"{len(orders)} equal orders of unknown outcome, and {len(candidates)} orders at the vendor "
                f"that could be they ({', '.join(each.order_no for each in candidates[:5])}); "
                f"settle it by broker.resolve-order"
            )
            findings += [
                Finding(order.task_id, [Stuck(reason)]) for order in orders if order.reason != reason
            ]
        elif listed.incomplete is None:
            findings += [
                Finding(order.task_id, _not_found(order, asked_at, settle))
                for order in orders
                if asked_at > (order.sent_at or order.received_at)
            ]
    return findings


def follow(listed: ListedOrder) -> Progress:
    """What the list says of an accepted order."""
    gone = listed.quantity - listed.filled - listed.remaining
    return Progress(listed.filled, listed.status, listed.average_price, max(0, gone, listed.cancelled or 0))


def ours(listed: ListedOrder, orders: Mapping[str, Sequence[Order]]) -> Order | None:
    """The order of ours that a listed one is.

    Numbers begin anew each day, so of several orders with its number it is the one that was sent when the
    vendor received it.

    Args:
        listed: From the vendor's list.
        orders: Accepted orders by number, without leading zeros; newest last.
    """
    named = orders.get(number(listed.order_no), ())
    if listed.received_at is None or not named:
        return named[-1] if named else None
    received_at = listed.received_at
    nearest = min(named, key=lambda order: abs(received_at - (order.sent_at or order.received_at)))
    away = abs(received_at - (nearest.sent_at or nearest.received_at))
    return nearest if away < SAME_DAY else None


def number(order_no: str) -> str:
    """An order number in the form that is compared: vendors pad it with zeros, or do not."""
    return order_no.lstrip("0") or "0"


def _found(order: Order, each: ListedOrder) -> list[Event]:
    accepted = Accepted(each.order_no, by="reconciliation", reason="found in the vendor's list of orders")
    if order.details.is_cancel:
        return [accepted]
    return [accepted, follow(each)]


def _not_found(order: Order, asked_at: datetime, settle: timedelta) -> list[Event]:
    sent_at = order.sent_at or order.received_at
    if order.missed + 1 >= COMPLETE_LISTS and asked_at - sent_at >= settle:
        reason = (
            f"{order.missed + 1} complete lists of the vendor, up to {asked_at.isoformat()}, do not show it"
        )
        return [Missed(), NotSent(reason, by="reconciliation")]
    return [Missed()]


def _could_be(order: Order, each: ListedOrder, clock_offset: timedelta) -> bool:
    details = order.details
    if order.floor is not None and _value(each.order_no) <= order.floor:
        return False
    if not _in_time(order, each, clock_offset):
        return False
    if details.action in ("modify", "cancel"):
        if each.original is None or number(each.original) != number(details.original or ""):
            return False
        if each.action not in (details.action, "modify_or_cancel"):
            return False
        return details.action == "cancel" or details.price in (None, each.price)
    return (
        each.action == "new"
        and each.ticker == details.ticker
        and each.side == details.side
        and each.quantity == details.quantity
        and (details.price is None or each.price == details.price)
        and (details.price is not None or each.order_type in (None, details.order_type))
        and details.venue in (each.venue, ROUTED)
    )


def _in_time(order: Order, each: ListedOrder, clock_offset: timedelta) -> bool:
    if each.received_at is None or order.sent_at is None:
        return True
    expected = order.sent_at + clock_offset
    return expected - CLOCK_SLACK <= each.received_at <= expected + LONGEST_WAY + CLOCK_SLACK


def _value(order_no: str) -> int:
    return int(order_no) if order_no.isdecimal() else 0
