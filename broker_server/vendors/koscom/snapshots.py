"""The state of what is streamed, by a REST table: the first event of a subscription, and polls."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from broker_server.core.market_data import MarketData, event_of
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.koscom.endpoints import tables
from broker_server.vendors.koscom.errors import VENDOR, NoData
from broker_server.vendors.koscom.fields import TIME, Parts, split, typed
from broker_server.vendors.koscom.markets import Markets, ensure_same_issue
from broker_server.vendors.koscom.normalised import Unusable, normalise
from broker_server.vendors.koscom.presets import (
    INDEX,
    QUOTE,
    QUOTE10,
    TICK,
    TICK10,
    is_derivative,
    newest_only,
    preset_of,
    stream_name,
)
from broker_server.vendors.koscom.values import NotReadable, trade_time
from broker_server.vendors.values import KST

_TABLES: Mapping[str, str] = {
    TICK: "price",
    TICK10: "price",
    QUOTE: "order-book",
    QUOTE10: "order-book",
    INDEX: "index",
}
_MARKETS_OF_INDICES: Mapping[str, str] = {"K": "kospi", "Q": "kosdaq", "S": "sector", "E": "etc"}
"""By the first letter of an index's code, as KOSCOM's code table groups them."""
_QUANTITY = "trdvol"


@dataclass(slots=True, kw_only=True)
class SnapshotIncoming:
    """One answer of a table, as if it had come live.

    Attributes:
        channel: See `broker_server.core.feeds.Incoming`; likewise ``subject`` and ``conflatable``.
        registration: What it stands in for.
        data: What it says.
        parts: The record.
    """

    channel: str
    subject: str
    conflatable: bool
    registration: Registration
    data: MarketData
    parts: Parts = field(repr=False)

    def event(self) -> dict[str, Any]:
        """In the common model."""
        return event_of(self.data)

    def raw_event(self) -> dict[str, Any]:
        """By KOSCOM's names."""
        fields, extra = typed(self.parts)
        return {
            "type": preset_of(self.registration),
            "vendor": VENDOR,
            "key": self.registration.symbol,
            "fields": fields,
            "extra": extra,
        }


class Snapshots:
    """Asks for them. Safe to use from many threads.

    Args:
        markets: The reads.
        clock: The date of a time that KOSCOM gives without one.
    """

    def __init__(self, markets: Markets, clock: Clock) -> None:
        self._markets = markets
        self._clock = clock

    def can_read(self, registration: Registration) -> bool:
        """Whether a table has the same information. A derivative's needs its product, which no code tells."""
        preset, symbol = preset_of(registration), registration.symbol
        if preset == INDEX:
            return symbol[:1] in _MARKETS_OF_INDICES
        return preset in _TABLES and not is_derivative(symbol)

    def read(self, registration: Registration, context: TaskContext, *, bulk: bool) -> SnapshotIncoming:
        """The state now; see `broker_server.core.feeds.Streams.snapshot`.

        Raises:
            TaskFailed: It cannot be had.
        """
        preset, symbol = preset_of(registration), registration.symbol
        arguments = {"code": symbol}
        if preset == INDEX:
            arguments["index_market"] = _MARKETS_OF_INDICES[symbol[:1]]
        table = tables()[_TABLES[preset]]
        lane = Lane.BULK if bulk else Lane.QUOTE
        answer = self._markets.read(table, arguments, context=context, lane=lane).answer
        ensure_same_issue(answer, symbol)
        parts = split(answer.body)
        try:
            data = normalise(preset, symbol, _state(preset, parts.fields), self._clock.now().astimezone(KST))
        except Unusable as error:
            raise NoData(
                f"KOSCOM's table {table.name} has no state of {symbol} now: {error}",
                vendor=VENDOR,
                retryable=True,
            ) from None
        name = stream_name(registration)
        return SnapshotIncoming(
            channel=name.channel,
            subject=name.subject,
            conflatable=newest_only(registration),
            registration=registration,
            data=data,
            parts=parts,
        )


def _state(preset: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as a state has them: no quantity, for nothing traded now, and no signal for a time."""
    state = {name: value for name, value in fields.items() if name != _QUANTITY}
    if preset == QUOTE:  # the best level alone
        state = {name: value for name, value in state.items() if "Step" not in name or "Step1B" in name}
    with suppress(NotReadable):  # is told of where it is needed
        if trade_time(state.get(TIME)).signal is not None:
            del state[TIME]
    return state
