"""One live record of KIS, which becomes an event only when somebody wants it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from broker_server.core.market_data import MarketData
from broker_server.vendors.kis.codec import Record, record_event
from broker_server.vendors.kis.frames import Quarantined
from broker_server.vendors.kis.normalised import NORMALISERS, normalise
from broker_server.vendors.kis.realtime_keys import is_notice
from broker_server.vendors.lazy_incoming import Address, LazyIncoming

MASKED = "***"
"""In place of what is personal in a notice."""

_PERSONAL = frozenset({"CUST_ID", "USER_ID", "ACNT_NO", "ACCT_NO", "ACNT_NAME", "WORK_EMPL"})

OnUnusable = Callable[[Quarantined], None]
"""Told once of a record that has a common model and does not fit it."""


class KisIncoming(LazyIncoming):
    """A record of KIS, and where it is published.

    Args:
        record: What came in.
        received: When, with an offset.
        address: Of its registration.
        on_unusable: Is told if the common model cannot take it.
    """

    __slots__ = ("_on_unusable", "_received", "_record")

    def __init__(self, record: Record, received: datetime, address: Address, on_unusable: OnUnusable) -> None:
        self._record = record
        self._received = received
        self._on_unusable = on_unusable
        super().__init__(address, record.tr_id)

    def raw_event(self) -> dict[str, Any]:
        event = record_event(self._record)
        if is_notice(self._record.tr_id):
            fields = event["fields"]
            event["key"] = self.subject
            event["fields"] = {
                name: MASKED if name in _PERSONAL and value is not None else value
                for name, value in fields.items()
            }
            # What KIS may append to a notice some day is nobody's to publish before it is known.
            event["extra"] = [MASKED] * len(event["extra"])
        return event

    def _normalise(self) -> MarketData | None:
        if self._record.tr_id not in NORMALISERS:
            return None
        data = normalise(self._record, self._received)
        if isinstance(data, Quarantined):
            self._on_unusable(data)
            return None
        return data


def is_of_another_account(record: Record, account: str | None) -> bool:
    """Whether a notice is about an account that is not ours: one HTS ID may have several.

    Args:
        record: Of any TR.
        account: ``12345678-01``; ``None`` takes every account for ours.
    """
    told = record.fields.get("ACNT_NO") or record.fields.get("ACCT_NO")
    if account is None or not isinstance(told, str) or not is_notice(record.tr_id):
        return False
    own = account.replace("-", "")
    told = told.replace("-", "")
    # Derivatives are on another product of the same customer, and some notices may leave the product out.
    if record.tr_id not in NORMALISERS or len(told) == len(own) - 2:
        return told[:8] != own[:8]
    return told != own
