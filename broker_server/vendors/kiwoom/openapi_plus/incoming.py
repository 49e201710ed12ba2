"""One live record of the control, which becomes an event only when somebody wants it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from broker_server.core.market_data import MarketData, event_of
from broker_server.vendors.kiwoom.openapi_plus.errors import VENDOR
from broker_server.vendors.kiwoom.openapi_plus.normalised import (
    CHANNELS,
    NEWEST_ONLY,
    NORMALISERS,
    execution,
    ticker_and_venue,
)
from broker_server.vendors.kiwoom.openapi_plus.realtime_table import EXECUTIONS, RealType
from broker_server.vendors.kiwoom.openapi_plus.record_fields import RecordFields, Unusable

log = structlog.get_logger(__name__)

MASKED = "***"
"""In place of what is personal."""

_PERSONAL = frozenset({9201, 9205, 921})


class RealRecord:
    """Live data of an instrument; see `broker_server.core.feeds.Incoming`.

    Args:
        real_type: Its type; ``None`` for one that the table does not have.
        name: Of the type, as it came.
        key: The event's key.
        data: Values with tabs between: what the original system passed on.
        received: When, with an offset.
    """

    __slots__ = (
        "_data",
        "_is_read",
        "_received",
        "_type",
        "channel",
        "conflatable",
        "key",
        "name",
        "raw",
        "subject",
    )

    def __init__(
        self, real_type: RealType | None, name: str, key: str, data: str, received: datetime
    ) -> None:
        self._type = real_type
        self.name = name
        self.key = key
        self.raw = data
        self._received = received
        self._data: MarketData | None = None
        self._is_read = False
        code = real_type.code if real_type else name
        ticker, venue = ticker_and_venue(key)
        self.subject = ticker if venue == "KRX" else f"{ticker}.{venue}"
        self.conflatable = code in NEWEST_ONLY
        self.channel = CHANNELS.get(code, code)
        if not self.conflatable and code in NORMALISERS and self._read() is None:
            self.channel = code

    def event(self) -> dict[str, Any]:
        data = self._read()
        return self.raw_event() if data is None else event_of(data)

    def raw_event(self) -> dict[str, Any]:
        """By FID; ``real_time_data`` is the record as it came."""
        values = self.raw.split("\t")
        fids = self._type.fids if self._type else ()
        return {
            "type": self._type.code if self._type else self.name,
            "vendor": VENDOR,
            "key": self.key,
            "fields": {str(fid): value for fid, value in zip(fids, values, strict=False)},
            "extra": values[len(fids) :],
            "real_data_type": self.name,
            "real_time_data": self.raw,
        }

    def _read(self) -> MarketData | None:
        if not self._is_read:
            self._is_read = True
            normalise = NORMALISERS.get(self._type.code) if self._type else None
            if self._type is not None and normalise is not None:
                # A newer control may send more values at the end, an older one fewer.
                values = dict(zip(self._type.fids, self.raw.split("\t"), strict=False))
                try:
                    self._data = normalise(self.key, RecordFields(values, self._received))
                except Unusable as error:
                    log.warning(
                        "kiwoom_record_unusable", type=self._type.code, key=self.key, reason=str(error)
                    )
        return self._data


class ChejanRecord:
    """News of an own order or holding; see `broker_server.core.feeds.Incoming`.

    Args:
        code: ``00`` of an order, ``04`` of a holding.
        fields: By FID, all that came.
        alias: Of the account.
        received: When, with an offset.
    """

    __slots__ = ("_code", "_data", "_fields", "channel", "conflatable", "subject")

    def __init__(self, code: str, fields: Mapping[int, str], alias: str, received: datetime) -> None:
        self._code = code
        self._fields = fields
        self._data: MarketData | None = None
        self.subject = alias
        self.conflatable = False
        self.channel = code
        if code == EXECUTIONS:
            try:
                self._data = execution(RecordFields(fields, received))
                self.channel = "execution"
            except Unusable as error:
                log.warning("kiwoom_notice_unusable", reason=str(error))

    @property
    def account(self) -> str:
        """Whose it is."""
        return self._fields.get(9201, "").strip()

    def event(self) -> dict[str, Any]:
        return self.raw_event() if self._data is None else event_of(self._data)

    def raw_event(self) -> dict[str, Any]:
        """By FID, without what is personal."""
        return {
            "type": self._code,
            "vendor": VENDOR,
            "key": self.subject,
            "fields": {
                str(fid): MASKED if fid in _PERSONAL and value.strip() else value
                for fid, value in self._fields.items()
            },
            "extra": [],
        }
