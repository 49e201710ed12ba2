"""Finds out from the vendor's list what became of orders whose answer was lost: pure.

Vendors give no client order id, so an order is recognised by what it asks for, by when it came, and by a
number above every number known before it was sent. Only a match without doubt settles.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker_server.core.listed_orders import ListedOrder, OrderList
from broker_server.core.orders import Accepted, Event, Missed, NotSent, Order, Progress, State, Status, Stuck

CLOCK_SLACK = timedelta(seconds=3)
"""The vendor's times are whole seconds, and its clock is known to a second or so."""
LONGEST_WAY = timedelta(seconds=60)
"""An order is not booked later than this after it was sent."""
CLOCK_DOUBT = timedelta(minutes=15)
"""Clocks are set right, and hosts' clocks differ: what came within this of a send may still be that order."""
LONGEST_ATTEMPT = timedelta(minutes=10)
"""An order is not sent again later than this after its first try."""
COMPLETE_LISTS = 2
_MATCHED = frozenset({State.UNKNOWN, State.SENDING, State.NOT_SENT})
_ETN = re.compile("Q[0-9]{6}", re.ASCII)
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
    claimed: Collection[ListedOrder],
    *,
    asked_at: datetime,
    clock_offset: timedelta,
    settle: timedelta,
    resent: Mapping[str, datetime] | None = None,
) -> list[Finding]:
    """Match orders of unknown outcome with a vendor's list.

    Args:
        unsettled: Orders of one account and market that the list may show: ``UNKNOWN`` ones, those that are
            being sent (their rows are nobody else's), and ``NOT_SENT`` ones that earlier lists did not show.
        listed: The list, asked after those of unknown outcome were sent.
        claimed: What of the list other orders of ours are.
        asked_at: When the list was asked for, in our clock.
        clock_offset: The vendor's clock less ours.
        settle: How long after its send an order may still turn up.
        resent: By task_id of a ``NOT_SENT`` order: when, in our clock, the next equal one of ours was sent.
    """
    if listed.incomplete is not None:
        return []  # what is not shown may be another candidate, or the only one
    free = [each for each in listed.orders if each not in claimed]
    rows = [order for order in unsettled if order.state in _MATCHED]
    sure: list[set[int]] = []
    perhaps: list[set[int]] = []
    for order in rows:
        near = {
            place
            for place, each in enumerate(free)
            if _could_be(order, each, clock_offset) and not _is_later(each, order, resent or {}, clock_offset)
        }
        perhaps.append(near)
        sure.append({place for place in near if _same_quantity(order, free[place])})
    findings: list[Finding] = []
    for members in _components(sure):
        orders = [rows[member] for member in members]
        places = set[int]().union(*(sure[member] for member in members))
        candidates = [free[place] for place in places]
        denied = [order for order in orders if order.state is State.NOT_SENT]
        if any(order.state is State.SENDING for order in orders):
            continue  # its answer tells soon which one is its own
        if denied and (len(denied) < len(orders) or any(_rivals(each, rows) for each in denied)):
            orders = [order for order in orders if order.state is State.UNKNOWN]
        elif len(candidates) == len(orders) and _interchangeable(orders, [sure[each] for each in members]):
            orders.sort(key=lambda order: (_sent(order), order.task_id))
            candidates.sort(key=lambda each: _value(each.order_no))
            findings += [
                Finding(order.task_id, _found(order, each))
                for order, each in zip(orders, candidates, strict=True)
            ]
            continue
        doubtful = candidates or [free[place] for member in members for place in perhaps[member]]
        for order in orders:
            if order.state is not State.UNKNOWN:
                continue
            events: Sequence[Event] = ()
            if doubtful:
                events = _stuck(order, _ambiguous(len(members), doubtful))
            elif unlikely := [each for each in free if _may_be_after_all(order, each, clock_offset)]:
                events = _stuck(order, _unlikely(unlikely))
            elif asked_at > _sent(order):
                events = _not_found(order, listed, asked_at, clock_offset, settle)
            if events:
                findings.append(Finding(order.task_id, events))
    return findings


def follow(listed: ListedOrder) -> Progress:
    """What the list says of an accepted order."""
    gone = listed.quantity - listed.filled - listed.remaining
    return Progress(listed.filled, listed.status, listed.average_price, max(0, gone, listed.cancelled or 0))


def expired(listed: ListedOrder) -> Progress:
    """What the list says of an accepted order whose trading day is over: what it shows as open is gone."""
    return Progress(
        listed.filled,
        Status.CANCELLED,
        listed.average_price,
        max(0, listed.quantity - listed.filled),
        reason="its trading day ended",
    )


def ours(
    listed: ListedOrder, orders: Mapping[str, Sequence[Order]], clock_offset: timedelta = timedelta()
) -> Order | None:
    """The order of ours that a listed one is.

    Numbers begin anew each day, so the order with its number must also be alike, and have been sent when the
    vendor received it. When a clock was set meanwhile, it is enough that it was sent that day and asks for
    the very same.

    Args:
        listed: From the vendor's list.
        orders: Accepted orders by number, without leading zeros; newest last.
        clock_offset: The vendor's clock less ours.
    """
    named = [order for order in orders.get(number(listed.order_no), ()) if _is_alike(order, listed)]
    if listed.received_at is None or not named:
        return named[-1] if named else None
    received_at = listed.received_at - clock_offset
    named.sort(key=lambda order: abs(received_at - _sent(order)))
    for order in named:
        sent_at = _sent(order)
        latest = sent_at + LONGEST_WAY
        if order.settled_at is not None:
            # It may have been sent again after a refusal that left nothing; its answer came after all that.
            latest = max(latest, min(order.settled_at, sent_at + LONGEST_ATTEMPT))
        if sent_at - CLOCK_SLACK <= received_at <= latest + CLOCK_SLACK:
            return order
    same = (order for order in named if _same_day(order, listed, clock_offset) and _is_wanted(order, listed))
    return next(same, None)


def number(order_no: str) -> str:
    """An order number in the form that is compared: vendors pad it with zeros, or do not."""
    return order_no.lstrip("0") or "0"


def _found(order: Order, each: ListedOrder) -> list[Event]:
    accepted = Accepted(each.order_no, by="reconciliation", reason="found in the vendor's list of orders")
    if order.details.is_cancel:
        return [accepted]
    return [accepted, follow(each)]


def _not_found(
    order: Order, listed: OrderList, asked_at: datetime, clock_offset: timedelta, settle: timedelta
) -> Sequence[Event]:
    sent_at = _sent(order)
    if listed.since is not None and sent_at + clock_offset - CLOCK_SLACK < listed.since:
        return _stuck(
            order,
            f"the vendor's list begins at {listed.since.isoformat()}, after this order was sent; "
            f"settle it by broker.resolve-order",
        )
    if order.missed + 1 >= COMPLETE_LISTS and asked_at - sent_at >= settle:
        reason = (
            f"{order.missed + 1} complete lists of the vendor, up to {asked_at.isoformat()}, do not show it"
        )
        return [Missed(), NotSent(reason, by="reconciliation")]
    return [Missed()]


def _stuck(order: Order, reason: str) -> Sequence[Event]:
    """Say why it cannot be settled, once."""
    return () if order.stuck and order.reason == reason else [Stuck(reason)]


def _ambiguous(orders: int, candidates: Sequence[ListedOrder]) -> str:
    numbers = sorted({each.order_no for each in candidates})[:5]
    return (
        f"{orders} orders of ours that look alike, and {len(candidates)} orders at the vendor that could be "
        f"they ({', '.join(numbers)}); settle it by broker.resolve-order"
    )


def _unlikely(candidates: Sequence[ListedOrder]) -> str:
    numbers = sorted({each.order_no for each in candidates})[:5]
    return (
        f"the vendor has an order that asks for the same ({', '.join(numbers)}), with a time or number that "
        f"this one should not have; settle it by broker.resolve-order"
    )


def _components(sure: Sequence[set[int]]) -> list[list[int]]:
    """The places of the orders, those together that share a candidate, directly or through others."""
    groups: list[tuple[list[int], set[int]]] = []
    for member, candidates in enumerate(sure):
        touching = [group for group in groups if group[1] & candidates]
        groups = [group for group in groups if not group[1] & candidates]
        members = sorted([member, *(each for group in touching for each in group[0])])
        groups.append((members, candidates.union(*(group[1] for group in touching))))
    return [members for members, _ in groups]


def _interchangeable(orders: Sequence[Order], candidates: Sequence[set[int]]) -> bool:
    """Whether it makes no difference which of the orders is which candidate."""
    return len({order.details.fingerprint for order in orders}) == 1 and all(
        each == candidates[0] for each in candidates
    )


def _rivals(denied: Order, rows: Sequence[Order]) -> bool:
    """Whether an order whose outcome is open may be what would be taken for one that was denied."""
    return any(
        row.state is not State.NOT_SENT
        and row.details.ticker in (None, denied.details.ticker)
        and row.details.side in (None, denied.details.side)
        for row in rows
    )


def _is_later(
    each: ListedOrder, order: Order, resent: Mapping[str, datetime], clock_offset: timedelta
) -> bool:
    """Whether a listed order may be one that was sent after a denied one, to do the same."""
    again = resent.get(order.task_id)
    if again is None:
        return False
    return each.received_at is None or each.received_at >= again + clock_offset - CLOCK_SLACK


def _is_alike(order: Order, each: ListedOrder) -> bool:
    """Whether an order with a listed one's number can be it, as far as both tell."""
    details = order.details
    if details.ticker and each.ticker and not _same_instrument(details.ticker, each.ticker):
        return False
    if details.side is not None and details.side != each.side:
        return False
    if details.action in ("modify", "cancel"):
        return each.action in (details.action, "modify_or_cancel")
    return each.action == "new"


def _same_quantity(order: Order, each: ListedOrder) -> bool:
    """Whether a change or cancel is of as many shares, if it says of how many."""
    return order.details.quantity in (None, each.quantity)


def _sent(order: Order) -> datetime:
    return order.sent_at or order.received_at


def _could_be(order: Order, each: ListedOrder, clock_offset: timedelta) -> bool:
    if not _in_time(order, each, clock_offset):
        return False
    if order.floor is not None and _value(each.order_no) <= order.floor:
        return not _same_day(order, each, clock_offset) and _is_wanted(order, each)
    return _is_wanted(order, each)


def _may_be_after_all(order: Order, each: ListedOrder, clock_offset: timedelta) -> bool:
    """Whether a listed order that should not be this one could be it all the same: a clock may be off.

    That is not enough to settle an order, and too much to deny it.
    """
    if not _is_wanted(order, each):
        return False
    if each.received_at is None or order.sent_at is None:
        return True
    return abs(each.received_at - (order.sent_at + clock_offset)) <= CLOCK_DOUBT


def _is_wanted(order: Order, each: ListedOrder) -> bool:
    """Whether a listed order is what an order asks for; of how many shares a change is not looked at."""
    details = order.details
    if details.action in ("modify", "cancel"):
        if each.original is None or number(each.original) != number(details.original or ""):
            return False
        if each.action not in (details.action, "modify_or_cancel"):
            return False
        return details.action == "cancel" or details.price in (None, each.price)
    return (
        each.action == "new"
        and _same_instrument(details.ticker, each.ticker)
        and each.side == details.side
        and each.quantity == details.quantity
        and (details.price is None or each.price == details.price)
        and (details.price is not None or each.order_type in (None, details.order_type))
        and (each.venue is None or details.venue in (None, each.venue, ROUTED))
    )


def _same_instrument(ticker: str | None, listed: str | None) -> bool:
    """Whether two codes are of one instrument: a list may leave out the Q that an ETN's code begins with.

    That one does is not known; taking it for another instrument would deny an order that was booked.
    """
    return ticker == listed or (
        None not in (ticker, listed) and _without_q(ticker or "") == _without_q(listed or "")
    )


def _without_q(ticker: str) -> str:
    return ticker[1:] if _ETN.fullmatch(ticker) else ticker


def _same_day(order: Order, each: ListedOrder, clock_offset: timedelta) -> bool:
    """Whether it was booked on the vendor's day of its send, so that its number is above those before it."""
    if each.received_at is None:
        return True
    expected = (_sent(order) + clock_offset).astimezone(each.received_at.tzinfo)
    return expected.date() == each.received_at.date()


def _in_time(order: Order, each: ListedOrder, clock_offset: timedelta) -> bool:
    if each.received_at is None or order.sent_at is None:
        return True
    expected = order.sent_at + clock_offset
    return expected - CLOCK_SLACK <= each.received_at <= expected + LONGEST_WAY + CLOCK_SLACK


def _value(order_no: str) -> int:
    return int(order_no) if order_no.isdecimal() else 0
