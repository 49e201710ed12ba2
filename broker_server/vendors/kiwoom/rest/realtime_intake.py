"""From data frames to the listener: the hot path of live data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from broker_server.core.feeds import Incoming
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.rest.incoming import ACCOUNT, RestIncoming
from broker_server.vendors.kiwoom.rest.realtime_keys import (
    NOTICES,
    WITHOUT_ITEM,
    address_of,
    item_of,
    known_fids,
)
from broker_server.vendors.lazy_incoming import Address
from broker_server.vendors.oddities import OddityLog

log = structlog.get_logger(__name__)

Received = Callable[[Registration, Incoming], None]


class Intake:
    """Hands the records of data frames on.

    Args:
        received: The listener.
        account: Notices of another one are dropped; ``None`` keeps all.
        alias: Of the account.
        clock: The time.
        oddities: Where what cannot be used is counted.
    """

    def __init__(
        self, received: Received, account: str | None, alias: str, clock: Clock, oddities: OddityLog
    ) -> None:
        self._received = received
        self._account = account
        self._alias = alias
        self._now = clock.now
        self._oddities = oddities
        self._asked: set[tuple[str, str]] = set()
        self._targets: dict[tuple[str, str], tuple[Registration, Address]] = {}
        self.records = 0
        self.unwanted = 0
        self.of_other_accounts = 0

    def forget(self) -> None:
        """Nothing is registered."""
        self._asked.clear()
        self._targets.clear()

    def open(self, registration: Registration) -> None:
        """Hand its records on from now on."""
        key = (registration.code, item_of(registration))
        self._asked.add(key)
        self._targets[key] = (registration, address_of(registration, self._alias))

    def close(self, registration: Registration) -> None:
        """Drop its records from now on."""
        self._targets.pop((registration.code, item_of(registration)), None)

    def take(self, entries: Any) -> None:
        """Hand on what is in the ``data`` of a frame."""
        if not isinstance(entries, list):
            self._oddities.note("malformed", "data")
            return
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
        # The item of a notice is the instrument that it is about.
        key = (code, "" if code in WITHOUT_ITEM else item)
        target = self._targets.get(key)
        if target is None:
            if key in self._asked:
                self.unwanted += 1
            else:
                self._oddities.note("never_asked", code if code in known_fids() else "")
            return
        if code in NOTICES and self._is_of_another(str(values.get(ACCOUNT) or "")):
            self.of_other_accounts += 1
            return
        registration, address = target
        self.records += 1
        self._received(registration, RestIncoming(code, item, values, self._now(), address, self._unusable))

    def _is_of_another(self, account: str) -> bool:
        told, own = account.strip().replace("-", ""), self._account
        # The last two digits are the product's, and may be left out on either side.
        return bool(told) and own is not None and told[:8] != own[:8]

    def _unusable(self, code: str, why: str) -> None:
        self._oddities.note("unusable", code, detail=why)

    def counts(self) -> dict[str, Any]:
        """For `broker.get-status`."""
        return {
            "records": self.records,
            "unwanted": self.unwanted,
            "of_other_accounts": self.of_other_accounts,
            "oddities": dict(self._oddities.counts),
        }
