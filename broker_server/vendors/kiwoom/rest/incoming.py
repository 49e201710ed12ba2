"""One live record of Kiwoom's WebSocket, which becomes an event only when somebody wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from broker_server.core.market_data import MarketData
from broker_server.vendors.kiwoom.normalised import NORMALISERS, VENDOR, execution
from broker_server.vendors.kiwoom.record_fields import RecordFields, Unusable
from broker_server.vendors.kiwoom.rest.realtime_keys import NOTICES, known_fids
from broker_server.vendors.lazy_incoming import Address, LazyIncoming

MASKED = "***"
"""In place of what is personal in a notice."""

ACCOUNT, EMPLOYEE, TERMINAL = "9201", "9205", "921"
_PERSONAL = frozenset({ACCOUNT, EMPLOYEE, TERMINAL})

OnUnusable = Callable[[str, str], None]
"""Told once of a record that has a common model and does not fit it: its type, and why."""


class RestIncoming(LazyIncoming):
    """A record of Kiwoom, and where it is published.

    Args:
        code: Its type.
        item: As it came.
        values: By FID, untouched.
        received: When, with an offset.
        address: Of its registration.
        on_unusable: Is told if the common model cannot take it.
    """

    __slots__ = ("_code", "_item", "_on_unusable", "_received", "_values")

    def __init__(
        self,
        code: str,
        item: str,
        values: Mapping[str, Any],
        received: datetime,
        address: Address,
        on_unusable: OnUnusable,
    ) -> None:
        self._code = code
        self._item = item
        self._values = values
        self._received = received
        self._on_unusable = on_unusable
        super().__init__(address, code)

    def __repr__(self) -> str:
        """Without the values: notices have account numbers in them."""
        return f"<RestIncoming {self._code}: {len(self._values)} values>"

    def raw_event(self) -> dict[str, Any]:
        """By FID, values untouched; of a notice without what is personal or unknown."""
        fields = {fid: _text(value) for fid, value in self._values.items()}
        key = self._item
        if self._code in NOTICES:
            key = self.subject
            # What Kiwoom may add to a notice some day is nobody's to publish before it is known.
            public = known_fids()[self._code] - _PERSONAL
            fields = {
                fid: value if fid in public or not value.strip() else MASKED for fid, value in fields.items()
            }
        return {"type": self._code, "vendor": VENDOR, "key": key, "fields": fields, "extra": []}

    def _normalise(self) -> MarketData | None:
        turn = NORMALISERS.get(self._code)
        if turn is None and self._code != "00":
            return None
        values = {int(fid): _text(value) for fid, value in self._values.items() if fid.isdecimal()}
        fields = RecordFields(values, self._received)
        try:
            return execution(fields) if turn is None else turn(self._item, fields)
        except Unusable as error:
            self._on_unusable(self._code, str(error))
            return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
