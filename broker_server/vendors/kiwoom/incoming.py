"""One live record of Kiwoom, which becomes an event only when somebody wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from broker_server.core.accounts import DEFAULT
from broker_server.core.market_data import MarketData
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.normalised import VENDOR, Unusable, normalise
from broker_server.vendors.kiwoom.real_types import (
    EVERYTHING,
    is_of_the_account,
    known_fids,
    newest_only,
    stream_name,
)
from broker_server.vendors.lazy_incoming import Address, LazyIncoming

log = structlog.get_logger(__name__)

MASKED = "***"
"""In place of what is personal in a notice, or may be."""

_PERSONAL = frozenset({"9201", "9205", "921"})
"""The account, the employee who looks after it, the terminal."""


class KiwoomIncoming(LazyIncoming):
    """A record of Kiwoom, and where it is published.

    Args:
        registration: What it came in for.
        code: Its real type, by REST's code. Only of `EVERYTHING` it is another than the registration's, and
            then the record is published as it is.
        fields: Texts by FID, untouched.
        received: When it came, with an offset.
        extra: Values of the control behind those that the table of its type knows.
        alias: Of the account, whose news are named by it.
    """

    __slots__ = ("_alias", "_code", "_extra", "_fields", "_has_model", "_received", "_symbol")

    def __init__(
        self,
        registration: Registration,
        code: str,
        fields: Mapping[str, str],
        received: datetime,
        extra: Sequence[str] = (),
        *,
        alias: str = DEFAULT,
    ) -> None:
        self._alias = alias
        self._code = code
        self._symbol = registration.symbol
        self._fields = fields
        self._extra = extra
        self._received = received
        self._has_model = registration.code != EVERYTHING
        channel, subject = stream_name(registration, alias)
        super().__init__(
            Address(channel, subject, self._has_model and newest_only(code)),
            code if self._has_model else channel,
        )

    def __repr__(self) -> str:
        """Without the values: notices have account numbers in them."""
        return f"<KiwoomIncoming {self._code}: {len(self._fields)} values>"

    def raw_event(self) -> dict[str, Any]:
        fields = dict(self._fields)
        extra = list(self._extra)
        key = self._symbol
        if is_of_the_account(self._code):
            key = self._alias
            # What Kiwoom may add to a notice some day is nobody's to publish before it is known.
            public = known_fids(self._code) - _PERSONAL
            fields = {
                fid: value if fid in public or not value.strip() else MASKED for fid, value in fields.items()
            }
            extra = [MASKED] * len(extra)
        return {"type": self._code, "vendor": VENDOR, "key": key, "fields": fields, "extra": extra}

    def _normalise(self) -> MarketData | None:
        if not self._has_model:
            return None
        try:
            return normalise(self._code, self._symbol, self._fields, self._received)
        except Unusable as error:
            log.warning("a live record of Kiwoom cannot be read", type=self._code, reason=str(error))
            return None
