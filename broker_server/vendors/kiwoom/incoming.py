"""One live record of Kiwoom, which becomes an event only when somebody wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from broker_server.core.market_data import MarketData, event_of
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.normalised import VENDOR, Unusable, normalise
from broker_server.vendors.kiwoom.real_types import (
    ACCOUNT_ALIAS,
    EVERYTHING,
    is_of_the_account,
    newest_only,
    stream_name,
)

log = structlog.get_logger(__name__)

MASKED = "***"
_PERSONAL = frozenset({"9201", "9205"})


class KiwoomIncoming:
    """A record; see `broker_server.core.feeds.Incoming`.

    A record that the common model cannot take is published by Kiwoom's own names, on the channel of its type.

    Args:
        registration: What it came in for.
        code: Its real type, by REST's code; another one than the registration's only of `EVERYTHING`.
        fields: Texts by FID, untouched.
        received: When it came, with an offset.
        extra: Values of the control behind those that the table of its type knows.
    """

    __slots__ = (
        "_code",
        "_data",
        "_extra",
        "_fields",
        "_is_read",
        "_received",
        "_symbol",
        "channel",
        "conflatable",
        "subject",
    )

    def __init__(
        self,
        registration: Registration,
        code: str,
        fields: Mapping[str, str],
        received: datetime,
        extra: Sequence[str] = (),
    ) -> None:
        self._code = code
        self._symbol = registration.symbol
        self._fields = fields
        self._extra = extra
        self._received = received
        self._data: MarketData | None = None
        self._is_read = registration.code == EVERYTHING  # it is published as it is
        self.channel, self.subject = stream_name(registration)
        self.conflatable = registration.code != EVERYTHING and newest_only(code)
        if not self.conflatable and registration.code != EVERYTHING and self._read() is None:
            self.channel = code

    def event(self) -> dict[str, Any]:
        data = self._read()
        return self.raw_event() if data is None else event_of(data)

    def raw_event(self) -> dict[str, Any]:
        fields: Mapping[str, str] = self._fields
        extra = list(self._extra)
        key = self._symbol
        if is_of_the_account(self._code):
            key = ACCOUNT_ALIAS
            fields = {fid: MASKED if fid in _PERSONAL and value else value for fid, value in fields.items()}
            extra = [MASKED] * len(extra)
        return {
            "type": self._code,
            "vendor": VENDOR,
            "key": key,
            "fields": dict(fields),
            "extra": extra,
        }

    def _read(self) -> MarketData | None:
        if not self._is_read:
            self._is_read = True
            try:
                self._data = normalise(self._code, self._symbol, self._fields, self._received)
            except Unusable as error:
                log.warning("a live record of Kiwoom cannot be read", type=self._code, reason=str(error))
        return self._data
