"""One event, or one status, of a stream as a line of plain text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from broker_client.cells import plain
from broker_client.streams import StreamEvent, StreamStatus

__all__ = ["clock_time", "event_line", "name_of", "signed", "status_line"]

_FIELDS = {
    "trade": ("price", "change", "change_rate", "quantity", "side", "volume"),
    "expected_trade": ("price", "change", "change_rate", "quantity"),
    "index": ("value", "change", "change_rate", "volume"),
    "order_book": ("expected_price", "expected_quantity"),
    "execution": ("event", "action", "side", "quantity", "price", "order_quantity", "order_no"),
    "market_status": ("halted", "halt_reason", "volatility_interruption", "phase_code"),
}
_SIGNED = ("change", "change_rate")
_SAID_ALREADY = ("type", "vendor", "ticker", "venue", "time", "snapshot", "mode", "recovered")
_DEFAULT_VENUE = "KRX"


def event_line(event: StreamEvent) -> str:
    """An event: time, type, what of, its figures, and what is special about its coming.

    Args:
        event: Of any type; one that has no common model shows all its plain fields.
    """
    data = event.data
    words = [clock_time(data.get("time")), str(data.get("type") or ""), name_of(event)]
    words += [f"{name}={_text(data[name], name)}" for name in _names(data) if data.get(name) is not None]
    if isinstance(data.get("asks"), list) and isinstance(data.get("bids"), list):
        words += _best(data)
    words += _notes(event)
    return " ".join(" ".join(word.split()) for word in words if word)


def status_line(status: StreamStatus) -> str:
    """A status: its state, what of, and why."""
    words = [status.state, str(status.data.get("ticker") or status.key or "")]
    line = " ".join(word for word in words if word)
    return f"status: {line}" + (f": {' '.join(status.reason.split())}" if status.reason else "")


def name_of(event: StreamEvent) -> str:
    """The ticker, with its venue behind it unless that is KRX; the key where the event has no ticker."""
    ticker, venue = event.data.get("ticker"), event.data.get("venue")
    if not ticker:
        return str(event.data.get("key") or event.key or "")
    return str(ticker) if venue in (None, _DEFAULT_VENUE) else f"{ticker} {venue}"


def clock_time(moment: object) -> str:
    """The time of day of an ISO 8601 moment; empty if it is none."""
    return moment[11:19] if isinstance(moment, str) and moment[10:11] == "T" else ""


def signed(value: Any, name: str) -> str:
    """A change with its sign."""
    text = plain(value, name)
    return f"+{text}" if text[:1].isdigit() and text.strip("0.,") else text


def _names(data: dict[str, Any]) -> Iterator[str]:
    known = _FIELDS.get(str(data.get("type")))
    if known is not None:
        yield from known
        return
    for name, value in data.items():
        if name not in _SAID_ALREADY and (name == "fields" or not isinstance(value, (dict, list))):
            yield name


def _text(value: Any, name: str) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}:{plain(field, key)}" for key, field in value.items())
    return signed(value, name) if name in _SIGNED else plain(value, name)


def _best(data: dict[str, Any]) -> Iterator[str]:
    for side, name in (("asks", "ask"), ("bids", "bid")):
        if data[side]:
            best = data[side][0]
            yield f"{name}={plain(best.get('price'), 'price')}x{plain(best.get('quantity'))}"


def _notes(event: StreamEvent) -> Iterator[str]:
    if event.snapshot:
        yield "snapshot"
    if event.mode != "realtime":
        yield event.mode
    if event.recovered:
        yield "recovered"
    if event.missed is None:
        yield "missed=?"
    elif event.missed:
        yield f"missed={event.missed}"
