"""From data frames to the listener: the hot path of live data."""

from __future__ import annotations

from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.codec import decode_records
from broker_server.vendors.kis.frames import CipherKeys, DataFrame, Quarantined
from broker_server.vendors.kis.incoming import KisIncoming, is_of_another_account
from broker_server.vendors.kis.realtime_keys import address_of, is_notice
from broker_server.vendors.kis.realtime_table import realtime_trs
from broker_server.vendors.lazy_incoming import Address
from broker_server.vendors.live_intake import LiveIntake, Received
from broker_server.vendors.oddities import OddityLog


class _Route:
    """Where the records of one TR go.

    Attributes:
        asked: Every key that was registered on this connection: records of one that was given back may still
            be on their way, and are no fault.
        targets: The keys that are wanted.
        cipher: Of its notices.
    """

    def __init__(self, code: str) -> None:
        self.is_notice = is_notice(code)
        self.asked: set[str] = set()
        self.targets: dict[str, tuple[Registration, Address]] = {}
        self.cipher: CipherKeys | None = None


class Intake(LiveIntake):
    """Reads data frames and hands their records on.

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
        super().__init__(received, account, clock, oddities)
        self._alias = alias
        self._routes: dict[str, _Route] = {}

    def forget(self) -> None:
        """A new connection: nothing is registered, and its keys will be others."""
        self._routes.clear()

    def open(self, registration: Registration) -> None:
        """Hand its records on from now on."""
        code, symbol = registration
        route = self._routes.setdefault(code, _Route(code))
        route.asked.add(symbol)
        route.targets[symbol] = (registration, address_of(registration, self._alias))

    def close(self, registration: Registration) -> None:
        """Drop its records from now on."""
        route = self._routes.get(registration.code)
        if route is not None:
            route.targets.pop(registration.symbol, None)

    def set_cipher(self, code: str, cipher: CipherKeys) -> None:
        """Open the notices of a TR with this, if it was asked for."""
        if route := self._routes.get(code):
            route.cipher = cipher

    def can_read(self, code: str) -> bool:
        """Whether nothing is missing to open the frames of a TR."""
        route = self._routes.get(code)
        return not is_notice(code) or (route is not None and route.cipher is not None)

    def take(self, frame: DataFrame) -> None:
        """Hand on what is in a frame."""
        route = self._routes.get(frame.tr_id)
        if route is None:
            self._oddities.note("never_asked", frame.tr_id if frame.tr_id in realtime_trs() else "")
            return
        records, quarantined = decode_records(frame, route.asked, route.cipher)
        received = self._now()
        self.frames += 1
        for record in records:
            target = route.targets.get(record.key)
            if route.is_notice:
                # Whose notice it is does not hang on how the ID is written.
                target = target or next(iter(route.targets.values()), None)
                if is_of_another_account(record, self._account):
                    self.of_other_accounts += 1
                    continue
            if target is None:
                self.unwanted += 1
                continue
            registration, address = target
            self.records += 1
            self._received(registration, KisIncoming(record, received, address, self.quarantine))
        for one in quarantined:
            self.quarantine(one)

    def quarantine(self, one: Quarantined) -> None:
        """Count what must not be used."""
        known = one.tr_id if one.tr_id in realtime_trs() else None
        self._oddities.note(one.reason.value, known or "", detail=one.detail)
