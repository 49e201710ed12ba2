"""Real-time records of KIS as the events that all vendors have in common.

TRs without an entry are offered as they are: `codec.Record` has all their fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from broker_server.core.market_data import MarketData
from broker_server.vendors.kis import normalised_domestic as domestic
from broker_server.vendors.kis import normalised_executions as executions
from broker_server.vendors.kis import normalised_overseas as overseas
from broker_server.vendors.kis.codec import Record
from broker_server.vendors.kis.frames import Quarantined
from broker_server.vendors.kis.record_fields import RecordFields, Unusable

NORMALISERS: Mapping[str, Callable[[str, RecordFields], MarketData]] = MappingProxyType(
    {
        **dict.fromkeys(("H0STCNT0", "H0NXCNT0", "H0UNCNT0", "H0STOUP0"), domestic.trade),
        **dict.fromkeys(("H0STANC0", "H0NXANC0", "H0UNANC0", "H0STOAC0"), domestic.expected_trade),
        **dict.fromkeys(("H0STASP0", "H0NXASP0", "H0UNASP0", "H0STOAA0"), domestic.order_book),
        **dict.fromkeys(("H0UPCNT0", "H0UPANC0"), domestic.index),
        **dict.fromkeys(("H0STMKO0", "H0NXMKO0", "H0UNMKO0"), domestic.market_status),
        **dict.fromkeys(("H0STCNI0", "H0STCNI9"), executions.domestic),
        **dict.fromkeys(("H0GSCNI0", "H0GSCNI9"), executions.overseas),
        "HDFSCNT0": overseas.trade,
        **dict.fromkeys(("HDFSASP0", "HDFSASP1"), overseas.order_book),
    }
)
"""By TR id."""


def normalise(record: Record, received: datetime) -> MarketData | Quarantined:
    """Turn a record into an event.

    Args:
        record: Of a TR in `NORMALISERS`.
        received: When its frame came, with an offset; its day completes times of day.

    Returns:
        The event, or `Quarantined` where a value that it needs is missing or not understood.

    Raises:
        KeyError: The TR is not in `NORMALISERS`: a defect of the caller.
    """
    turn = NORMALISERS[record.tr_id]
    try:
        return turn(record.tr_id, RecordFields(record, received))
    except Unusable as error:
        raw = "^".join("" if value is None else str(value) for value in record.fields.values())
        return Quarantined(error.reason, record.tr_id, error.detail, raw)
