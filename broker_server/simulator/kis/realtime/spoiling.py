"""Records that are not as they should be."""

from __future__ import annotations

from collections.abc import Sequence

from broker_server.simulator.kis.realtime.streams import Record
from broker_server.simulator.stream_faults import StreamFaultRequest

ANOTHER_KEY = "999999"


def spoil(records: Sequence[Record], request: StreamFaultRequest) -> list[Record]:
    """Carry out ``append_columns``, ``short_records`` or ``wrong_key``."""
    if request.fault == "append_columns":
        return [[*record, *(["0"] * request.columns)] for record in records]
    if request.fault == "short_records":
        return [record[: max(1, len(record) - request.columns)] for record in records]
    return [[ANOTHER_KEY, *record[1:]] for record in records]
