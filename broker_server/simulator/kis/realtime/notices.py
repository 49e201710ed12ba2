"""Notices of the simulated orders: what happened to one, as the values of a record."""

from __future__ import annotations

from broker_server.simulator.instruments import DOMESTIC, Instrument
from broker_server.simulator.kis.domestic_orders import BRANCH
from broker_server.simulator.kis.overseas_quotes import PLACES
from broker_server.simulator.kis.realtime.tables import facts
from broker_server.simulator.kis.text import hhmmss
from broker_server.simulator.orders import Order, OrderEvent, OrderEventKind, OrderType, Side

RECEIPT, FILL = "1", "2"
RECEIVED, CONFIRMED, CANCELLED = "1", "2", "3"
ACCOUNT_NAME = "모의고객"
_CORRECTIONS = {"new": "0", "modify": "1", "cancel": "2"}
_VENUES = {"KRX": "1", "NXT": "2", "SOR": "3"}
_MARKET, _LIMIT = "1", "2"


def notices_of(event: OrderEvent, hts_id: str) -> list[list[str]]:
    """The records that tell of an event.

    Args:
        event: What happened.
        hts_id: Whose registration they are for.

    Returns:
        One record, but two for a modification or cancellation: received, and confirmed.
    """
    accepted = [RECEIVED]
    if event.kind is OrderEventKind.FILLED:
        accepted = [CONFIRMED]
    elif event.kind is OrderEventKind.KILLED:
        accepted = [CANCELLED]
    elif event.kind is OrderEventKind.RECEIVED and event.order.kind != "new":
        accepted = [RECEIVED, CONFIRMED]
    write = _domestic if event.order.request.instrument.market == DOMESTIC else _overseas
    return [write(event, hts_id, each) for each in accepted]


def _domestic(event: OrderEvent, hts_id: str, accepted: str) -> list[str]:
    order, request = event.order, event.order.request
    filled = event.kind is OrderEventKind.FILLED
    price = event.price if filled else order.price or 0
    return [
        hts_id,
        request.account.replace("-", ""),
        f"{order.number:010d}",
        f"{order.original:010d}" if order.original else "",
        _side(order),
        "0" if filled else _CORRECTIONS[order.kind],
        request.code or "00",
        "0",
        request.instrument.symbol,
        f"{event.quantity:010d}",
        f"{price:09d}",
        hhmmss(event.time),
        "1" if event.kind is OrderEventKind.REJECTED else "0",
        FILL if filled else RECEIPT,
        accepted,
        BRANCH,
        f"{request.quantity:09d}",
        ACCOUNT_NAME,
        f"{request.trigger or 0:09d}",
        _VENUES.get(request.venue, "1"),
        "Y",
        "",
        "10",
        "",
        request.instrument.name,
        f"{order.price or 0:09d}" if filled else "",
    ]


def _overseas(event: OrderEvent, hts_id: str, accepted: str) -> list[str]:
    order, request = event.order, event.order.request
    instrument = request.instrument
    filled = event.kind is OrderEventKind.FILLED
    price = _scaled(instrument, event.price if filled else order.price or 0)
    return [
        hts_id,
        request.account.replace("-", ""),
        f"{order.number:010d}",
        f"{order.original:010d}" if order.original else "",
        _side(order),
        "0" if filled else _CORRECTIONS[order.kind],
        _MARKET if request.type is OrderType.MARKET else _LIMIT,
        instrument.symbol,
        f"{event.quantity:010d}",
        f"{price:09d}",
        hhmmss(event.time),
        "1" if event.kind is OrderEventKind.REJECTED else "0",
        FILL if filled else RECEIPT,
        accepted,
        BRANCH,
        f"{request.quantity:09d}" if filled else "",
        ACCOUNT_NAME,
        instrument.name,
        facts()["overseas_markets"][instrument.exchange],
        "",
        "",
        "",
        "",
        "",
        f"{price:012d}",
    ]


def _side(order: Order) -> str:
    return "02" if order.request.side is Side.BUY else "01"


def _scaled(instrument: Instrument, price: int) -> int:
    """A price with the decimals that its country's notices imply."""
    places = PLACES[instrument.country]
    return int(price * 10**places // 10**instrument.decimals)
