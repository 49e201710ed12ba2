"""What one stream of KIS sends under load.

Records are rendered now and then, and each frame of a trade gets the next volume written into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker_server.simulator.connections import websocket_frame
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kis.realtime.streams import Record, Stream, record_of
from broker_server.simulator.kis.realtime.wire import data_frame
from broker_server.simulator.market import Market
from broker_server.simulator.stream_load import FRESH_SECONDS

_QUANTITIES = ("CNTG_VOL", "LAST_CNQN", "EVOL")
_VOLUMES = ("ACML_VOL", "TVOL")


@dataclass(slots=True)
class _Template:
    """A frame's payload around its quantity and volume, which stand side by side; without them, the frame."""

    before: bytes
    after: bytes
    rising: bool
    rendered: float


class KisLoadTarget:
    """One stream under load.

    Args:
        stream: Its product.
        market: Where the trades are added up.
    """

    def __init__(self, stream: Stream, market: Market) -> None:
        self.stream = stream
        self._market = market
        self._template: _Template | None = None
        source = stream.subject.source
        self._instrument: Instrument | None = getattr(source, "instrument", None)

    def frames(self, count: int, records: int, now: datetime, seconds: float) -> bytes:
        """See `broker_server.simulator.stream_load.LoadTarget`."""
        template = self._template
        jump = 0
        if template is None or seconds - template.rendered >= FRESH_SECONDS:
            template, jump = self._render(now, seconds, records)
            self._template = template
        if not template.rising:
            return template.before * count
        volume = self.stream.volume
        head = f"0|{self.stream.subject.tr.tr_id}|{records:03d}|".encode()
        before, after = template.before, template.after
        found = []
        for _ in range(count):
            parts = []
            for _ in range(records):
                volume += 1 + jump
                parts.append(b"%b%d^%d%b" % (before, 1 + jump, volume, after))
                jump = 0
            found.append(websocket_frame(head + b"^".join(parts)))
        if self._instrument is not None:
            self._market.add_volume(self._instrument, count * records)
        self.stream.volume = volume
        return b"".join(found)

    def _render(self, now: datetime, seconds: float, records: int) -> tuple[_Template, int]:
        """A fresh template, and how much was traded besides since the last one."""
        subject = self.stream.subject
        facts = self.stream.facts(now)
        facts.traded = 1
        record = record_of(subject, facts)
        names = [field.name for field in subject.tr.fields]
        place = next((i for i, name in enumerate(names) if name in _QUANTITIES), None)
        if subject.tr.kind != "trade" or place is None or names[place + 1] not in _VOLUMES:
            whole = websocket_frame(data_frame(subject.tr.tr_id, [record] * records))
            return _Template(whole, b"", rising=False, rendered=seconds), 0
        before, after = _around(record, place)
        jump = max(0, facts.volume - self.stream.volume)
        return _Template(before, after, rising=True, rendered=seconds), jump


def _around(record: Record, place: int) -> tuple[bytes, bytes]:
    before, after = "^".join(record[:place]) + "^", "".join("^" + value for value in record[place + 2 :])
    return before.encode(), after.encode()
