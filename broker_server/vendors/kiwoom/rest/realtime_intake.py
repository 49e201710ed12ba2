"""From data frames to the listener: the hot path of live data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.incoming import KiwoomIncoming
from broker_server.vendors.kiwoom.real_types import has_symbol, is_of_the_account
from broker_server.vendors.kiwoom.rest.answers import value_text
from broker_server.vendors.kiwoom.tables import load_data
from broker_server.vendors.live_intake import LiveIntake, Received
from broker_server.vendors.oddities import OddityLog

log = structlog.get_logger(__name__)

_ACCOUNT = "9201"
_LENGTH_OF_ACCOUNT = 8

OwnersOf = Callable[[str, str], Sequence[Registration]]
"""Whose records of a type and an item are."""


class Intake(LiveIntake):
    """Hands the records of data frames on.

    Args:
        received: The listener.
        account: Notices of another one are dropped; ``None`` keeps all.
        alias: Of the account.
        owners_of: To whom.
        clock: The time.
        oddities: Where what cannot be used is counted.
    """

    def __init__(
        self,
        received: Received,
        account: str | None,
        alias: str,
        owners_of: OwnersOf,
        clock: Clock,
        oddities: OddityLog,
    ) -> None:
        super().__init__(received, account, clock, oddities)
        self._alias = alias
        self._owners_of = owners_of
        self._asked: set[tuple[str, str]] = set()
        self._known: frozenset[str] = frozenset(load_data("realtime_fids.json")["rest_real_types"])

    def forget(self) -> None:
        """Nothing is registered."""
        self._asked.clear()

    def open(self, registration: Registration) -> None:
        """Its records may come from now on, also some time after it was given back."""
        self._asked.add(registration)

    def take(self, entries: Any) -> None:
        """Hand on what is in the ``data`` of a frame."""
        if not isinstance(entries, list):
            self._oddities.note("malformed", "data")
            return
        self.frames += 1
        for entry in entries:
            try:
                self._take(entry)
            except Exception:
                self._oddities.counts["defect"] += 1
                log.exception("kiwoom_live_record_failed")

    def _take(self, entry: Any) -> None:
        if not isinstance(entry, dict) or not isinstance(values := entry.get("values"), dict):
            self._oddities.note("malformed", "entry")
            return
        code, item = str(entry.get("type")), str(entry.get("item") or "").strip()
        if not has_symbol(code):
            item = ""  # of a notice it is the instrument that it is about
        owners = self._owners_of(code, item)
        if not owners:
            if (code, item) in self._asked:
                self.unwanted += 1
            else:
                self._oddities.note("never_asked", code if code in self._known else "")
            return
        fields = {fid: value_text(value) for fid, value in values.items()}
        if is_of_the_account(code) and self._is_of_another(fields.get(_ACCOUNT, "")):
            self.of_other_accounts += 1
            return
        received = self._now()
        self.records += 1
        for owner in owners:
            self._received(owner, KiwoomIncoming(owner, code, fields, received, alias=self._alias))

    def _is_of_another(self, account: str) -> bool:
        told, own = account.strip().replace("-", ""), self._account
        # The last two digits are the product's, and may be left out on either side.
        return bool(told) and own is not None and told[:_LENGTH_OF_ACCOUNT] != own[:_LENGTH_OF_ACCOUNT]
