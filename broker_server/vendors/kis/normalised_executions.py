"""Notices of own orders as neutral events.

When ``CNTG_YN`` is 1 nothing was filled: the notice is about the order, and what is called the fill's
quantity and price are the order's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from broker_server.core.market_data import Execution, Money, Side
from broker_server.vendors.kis.catalogue import load_data
from broker_server.vendors.kis.frames import Reason
from broker_server.vendors.kis.record_fields import RecordFields, Unusable
from broker_server.vendors.kis.values import order_number

Action = Literal["new", "modify", "cancel"]
Event = Literal["fill", "received", "confirmed", "rejected", "cancelled"]

_SIDES: Mapping[str, Side] = {"01": "sell", "02": "buy"}
_ACTIONS: Mapping[str, Action] = {"0": "new", "1": "modify", "2": "cancel"}
_OF_THE_ORDER: Mapping[str, Event] = {"1": "received", "2": "confirmed", "3": "cancelled"}
_VENUES = {"1": "KRX", "2": "NXT", "3": "SOR-KRX", "4": "SOR-NXT"}


def domestic(tr_id: str, fields: RecordFields) -> Execution:
    """H0STCNI0 and, on paper, H0STCNI9. Prices in won."""
    event = _event(fields)
    price = fields.money("CNTG_UNPR")
    limit = fields.money("ODER_PRC") if event == "fill" else price
    return _execution(
        fields,
        event,
        price=price,
        limit=limit,
        venue=_VENUES.get(fields.text("ORD_EXG_GB") or ""),
        currency="KRW",
        time_name="STCK_CNTG_HOUR",
    )


def overseas(tr_id: str, fields: RecordFields) -> Execution:
    """H0GSCNI0 and, on paper, H0GSCNI9.

    Prices have as many implied decimals as their country; the time is of no known time zone and is left out.
    """
    event = _event(fields)
    market = _notice_markets().get(fields.text("ODER_COND") or "")
    if market is None:
        raise Unusable(Reason.UNKNOWN_CODE, f"no market is written {fields.text('ODER_COND')!r}")
    price = _scaled(fields.text("CNTG_UNPR"), market["decimals"])
    return _execution(
        fields,
        event,
        price=price,
        limit=None if event == "fill" else price,
        venue=market["venue"],
        currency=market["currency"],
        time_name=None,
    )


def _event(fields: RecordFields) -> Event:
    if fields.text("CNTG_YN") == "2":
        return "fill"
    if fields.text("CNTG_YN") == "1":
        refused = fields.text("RFUS_YN")
        event = _OF_THE_ORDER.get(fields.text("ACPT_YN") or "")
        if refused == "1":
            return "rejected"
        if refused in ("0", None) and event is not None:
            return event
    raise Unusable(Reason.UNKNOWN_CODE, "CNTG_YN, RFUS_YN and ACPT_YN do not say what happened")


def _execution(
    fields: RecordFields,
    event: Event,
    *,
    price: Money | None,
    limit: Money | None,
    venue: str | None,
    currency: str,
    time_name: str | None,
) -> Execution:
    quantity, filled = fields.whole("CNTG_QTY"), event == "fill"
    side = _SIDES.get(fields.required_text("SELN_BYOV_CLS"))
    action = _ACTIONS.get(fields.text("RCTF_CLS") or "0")
    if side is None or action is None:
        raise Unusable(Reason.UNKNOWN_CODE, "SELN_BYOV_CLS or RCTF_CLS is none of the known codes")
    if filled and not (quantity and price):
        raise Unusable(Reason.INCOMPLETE, "a fill without a quantity or a price")
    original = fields.text("OODER_NO") or ""
    return Execution(
        vendor="kis",
        ticker=fields.required_text("STCK_SHRN_ISCD"),
        venue=venue,
        currency=currency,
        time=fields.moment(time_name) if time_name else None,
        event=event,
        action=action,
        order_no=order_number(fields.required_text("ODER_NO")),
        original_order_no=order_number(original) if original.strip("0") else None,
        side=side,
        quantity=quantity if filled else None,
        price=price if filled else None,
        order_quantity=fields.whole("ODER_QTY") if filled else quantity,
        order_price=limit,
        account=fields.text("ACNT_NO"),
    )


def _scaled(text: str | None, decimals: int) -> Decimal | None:
    """A price with implied decimals; one with a point of its own is as it is; zero is none."""
    if text is None:
        return None
    if not text.replace(".", "", 1).isdecimal() or not text.isascii():
        raise Unusable(Reason.NOT_A_NUMBER, "CNTG_UNPR is not a number")
    number = Decimal(text)
    return (number if "." in text else number.scaleb(-decimals)) or None


@cache
def _notice_markets() -> Mapping[str, Mapping[str, Any]]:
    markets: Mapping[str, Mapping[str, Any]] = load_data("realtime_markets.json")["notice_markets"]
    return markets
