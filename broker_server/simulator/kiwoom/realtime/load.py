"""What one stream of Kiwoom sends under load.

Records are rendered now and then, and each record of a trade gets the next volume written into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker_server.simulator.connections import websocket_frame
from broker_server.simulator.kiwoom.realtime.messages import entry, real
from broker_server.simulator.kiwoom.realtime.streams import Stream
from broker_server.simulator.market import Market
from broker_server.simulator.stream_load import FRESH_SECONDS

_QUANTITY, _VOLUME = "15", "13"
_PLACES = {_QUANTITY: "<quantity>", _VOLUME: "<volume>"}


@dataclass(slots=True)
class _Template:
    """A record around its quantity and its volume, which come in this order; without them, the record."""

    parts: tuple[bytes, ...]
    rendered: float


class KiwoomLoadTarget:
    """One stream under load; it has a source.

    Args:
        stream: Its type and item.
        market: Where the trades are added up.
    """

    def __init__(self, stream: Stream, market: Market) -> None:
        self._stream = stream
        self._market = market
        self._template: _Template | None = None

    def frames(self, count: int, records: int, now: datetime, seconds: float) -> bytes:
        """See `broker_server.simulator.stream_load.LoadTarget`."""
        stream, template, jump = self._stream, self._template, 0
        if template is None or seconds - template.rendered >= FRESH_SECONDS:
            template, jump = self._render(now, seconds)
            self._template = template
        if len(template.parts) == 1:
            return websocket_frame(real(template.parts * records)) * count
        head, middle, tail = template.parts
        volume, found = stream.volume, []
        for _ in range(count):
            entries = []
            for _ in range(records):
                volume += 1 + jump
                entries.append(b"%b+%d%b%d%b" % (head, 1 + jump, middle, volume, tail))
                jump = 0
            found.append(websocket_frame(real(entries)))
        if stream.instrument is not None:
            self._market.add_volume(stream.instrument, count * records)
        stream.volume = volume
        return b"".join(found)

    def _render(self, now: datetime, seconds: float) -> tuple[_Template, int]:
        """A fresh template, and how much was traded besides since the last one."""
        stream = self._stream
        facts = stream.facts(now)
        facts.traded = 1
        values = dict(stream.values(facts))
        rises = stream.instrument is not None and stream.is_of_trades
        if rises:
            values.update(_PLACES)
        record = entry(stream.type.code, stream.type.name, stream.item, values)
        if not rises:
            return _Template((record,), seconds), 0
        head, rest = record.split(_PLACES[_QUANTITY].encode())
        middle, tail = rest.split(_PLACES[_VOLUME].encode())
        return _Template((head, middle, tail), seconds), max(0, facts.volume - stream.volume)
