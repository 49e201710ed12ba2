"""One live record of KOSCOM, which becomes an event only when somebody wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from broker_server.core.market_data import MarketData, event_of
from broker_server.core.stream_requests import Registration
from broker_server.vendors.koscom import normalised
from broker_server.vendors.koscom.errors import VENDOR
from broker_server.vendors.koscom.fields import CODE, TIME, Parts, split, typed
from broker_server.vendors.koscom.normalised import Unusable, normalise
from broker_server.vendors.koscom.presets import (
    CHANGE,
    MARKET,
    newest_only,
    preset_of,
    stream_name,
)
from broker_server.vendors.koscom.values import NotReadable, time_digits
from broker_server.vendors.lazy_incoming import Address, LazyIncoming

STATUS_CHANNEL = "market_status"
_LAST_HOUR = "23"

OnUnusable = Callable[[str, str], None]
"""Told of a record that does not fit its model: its preset, and why."""


class Target(NamedTuple):
    """Whose records these are, and where they are published.

    Attributes:
        registration: The worker's.
        preset: Its own.
        symbol: Of the events.
        address: By default.
        items: Of a ``change``.
    """

    registration: Registration
    preset: str
    symbol: str
    address: Address
    items: frozenset[str] = frozenset()


def target_of(registration: Registration, items: Sequence[str] = (), mark: str = "") -> Target:
    """The target of a registration of one issue.

    Args:
        mark: Behind its subject on the exchange, where something else has the plain one.
    """
    channel, subject = stream_name(registration)
    address = Address(channel, f"{subject}.{mark}" if mark else subject, newest_only(registration))
    return Target(registration, preset_of(registration), registration.symbol, address, frozenset(items))


class KoscomIncoming(LazyIncoming):
    """A record of one issue, and where it is published.

    Args:
        target: Whose it is.
        parts: What is in it.
        received: When it came, in Korea.
        is_state: It is the state at the time of the subscription, and nothing has happened.
        on_unusable: Told if its model cannot take it.

    Attributes:
        is_signal: In place of a time it has a signal of the market.
    """

    __slots__ = ("_on_unusable", "_parts", "_preset", "_received", "_symbol", "is_signal", "is_state")

    def __init__(
        self,
        target: Target,
        parts: Parts,
        received: datetime,
        on_unusable: OnUnusable,
        *,
        is_state: bool = False,
    ) -> None:
        self._preset = target.preset
        self._symbol = target.symbol
        self._parts = parts
        self._received = received
        self._on_unusable = on_unusable
        self.is_state = is_state
        address = target.address
        self.is_signal = _is_signal(parts.fields.get(TIME))
        if self.is_signal:
            address = Address(STATUS_CHANNEL, target.symbol, conflatable=False)
        super().__init__(address, target.preset)

    def event(self) -> dict[str, Any]:
        return self._marked(super().event())

    def raw_event(self) -> dict[str, Any]:
        fields, extra = typed(self._parts)
        event = {
            "type": self._preset,
            "vendor": VENDOR,
            "key": self._symbol,
            "fields": fields,
            "extra": extra,
        }
        return self._marked(event)

    def _marked(self, event: dict[str, Any]) -> dict[str, Any]:
        if self.is_state:
            event["snapshot"] = True
        return event

    def _normalise(self) -> MarketData | None:
        try:
            return normalise(self._preset, self._symbol, self._parts.fields, self._received)
        except Unusable as error:
            self._on_unusable(self._preset, str(error))
            return None


class ChangeIncoming:
    """The state of the fields that a ``change`` asks for; implements `broker_server.core.feeds.Incoming`.

    It has no common model: what came may be anything from a trade to a limit of the day.

    Args:
        target: Whose it is.
        state: Every field that has come so far.
        changed: The names of those that came now.
        extra: What the table does not know.
        is_state: It is the state at the time of the subscription.
    """

    __slots__ = (
        "_changed",
        "_extra",
        "_fields",
        "_symbol",
        "channel",
        "conflatable",
        "is_state",
        "subject",
    )

    def __init__(
        self,
        target: Target,
        state: dict[str, Any],
        changed: Sequence[str],
        extra: dict[str, Any],
        *,
        is_state: bool,
    ) -> None:
        self.channel, self.subject, self.conflatable = target.address
        self._symbol = target.symbol
        self._fields = {name: value for name, value in state.items() if name in target.items}
        self._changed = [name for name in changed if name in target.items]
        self._extra = extra
        self.is_state = is_state

    def event(self) -> dict[str, Any]:
        return self.raw_event()

    def raw_event(self) -> dict[str, Any]:
        fields, extra = typed(Parts({CODE: self._symbol, **self._fields}, self._extra))
        event: dict[str, Any] = {
            "type": CHANGE,
            "vendor": VENDOR,
            "key": self._symbol,
            "fields": fields,
            "changed": self._changed,
            "extra": extra,
        }
        if self.is_state:
            event["snapshot"] = True
        return event


class MarketTrade:
    """A trade out of a whole market; implements `broker_server.core.feeds.Incoming`.

    Args:
        code: The issue.
        record: As it came.
        data: What it says.
    """

    __slots__ = ("_data", "_record", "channel", "conflatable", "subject")

    def __init__(self, code: str, record: dict[str, Any], data: MarketData) -> None:
        self.channel = data.type
        self.subject = code
        self.conflatable = False
        self._data = data
        self._record = record

    def event(self) -> dict[str, Any]:
        return event_of(self._data)

    def raw_event(self) -> dict[str, Any]:
        fields, extra = typed(split(self._record))
        return {"type": MARKET, "vendor": VENDOR, "key": self.subject, "fields": fields, "extra": extra}


def market_trade(code: str, record: dict[str, Any], received: datetime) -> MarketTrade:
    """A record of the feed of a whole market.

    Raises:
        Unusable: It does not say what a trade needs.
    """
    try:
        price, quantity, at = record["trdPrc"], record["trdVol"], record[TIME]
    except KeyError:  # it names them otherwise, or has not all of them
        get = split(record).fields.get
        price, quantity, at = get("trdPrc"), get("trdvol"), get(TIME)
    return MarketTrade(code, record, normalised.market_trade(code, price, quantity, at, received))


def _is_signal(value: Any) -> bool:
    if value is None:
        return False
    try:
        digits = time_digits(value)
    except NotReadable:
        return False
    return digits is not None and digits[:2] > _LAST_HOUR
