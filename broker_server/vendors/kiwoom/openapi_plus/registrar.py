"""Holds exactly the wanted live registrations at the control, on screens of up to ninety instruments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from broker_client.errors import SubscriptionLimit, TaskFailed, Unsupported
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.openapi_plus.control import KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.errors import VENDOR, error_for
from broker_server.vendors.kiwoom.openapi_plus.realtime_table import fid_of
from broker_server.vendors.kiwoom.openapi_plus.screens import ScreenPool
from broker_server.vendors.kiwoom.openapi_plus.sta import ControlLoop, Timer

log = structlog.get_logger(__name__)

CODES_PER_SCREEN = 90
"""Kiwoom documents 100 and drops what is beyond without a word; near the edge some have lost data before."""

RETRY_SECONDS = 10.0

_REPLACE, _ADD = "0", "1"


class RealSink(Protocol):
    """Whom live data are told to, on the control's thread: each method returns at once."""

    def registered(self, registration: Registration) -> None: ...

    def refused(self, registration: Registration, error: TaskFailed, *, for_good: bool) -> None: ...

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None: ...

    def connected(self) -> None: ...

    def failing(self, reason: str) -> None: ...

    def received(self, key: str, name: str, data: str) -> None:
        """Values of an instrument, with tabs between."""

    def chejan(self, kind: str, fields: Mapping[int, str]) -> None:
        """News of an own order (``0``) or holding (``1``)."""


@dataclass(slots=True, eq=False)
class _Screen:
    number: str
    fid: int
    codes: set[str] = field(default_factory=set)


class Registrar:
    """The live registrations of one control; everything on its thread.

    Registrations of one instrument that share their FID share one place on a screen.

    Args:
        control: Where to register.
        screens: Numbers for live data alone.
        sink: Whom to tell.
        loop: Where to be called later.
    """

    def __init__(
        self,
        control: KiwoomControl,
        screens: ScreenPool,
        sink: RealSink,
        loop: ControlLoop,
    ) -> None:
        self._control = control
        self._screens = screens
        self._sink = sink
        self._loop = loop
        self._retry: Timer | None = None
        self._open = False
        self._wanted: list[Registration] = []
        self._told: set[Registration] = set()
        self._refused: dict[Registration, str] = {}
        self._places: dict[tuple[int, str], _Screen] = {}
        self._in_use: list[_Screen] = []

    def want(self, registrations: Sequence[Registration]) -> None:
        """Hold exactly these from now on."""
        self._wanted = list(registrations)
        self._told.intersection_update(registrations)
        self._refused = {each: text for each, text in self._refused.items() if each in self._wanted}
        if self._open:
            self._converge()

    def renew(self, registration: Registration) -> None:
        """Take it back and register it anew."""
        fid = _fid(registration)
        if self._open and fid is not None and (fid, registration.symbol) in self._places:
            self._remove(fid, registration.symbol)
            self._told -= self._sharing({(fid, registration.symbol)})
            self._converge()

    def open(self) -> None:
        """Logged in."""
        self._open = True
        self._sink.connected()
        self._converge()

    def shut(self, reason: str) -> None:
        """The control is gone, and all registrations with it."""
        was_open, self._open = self._open, False
        held = [each for each in self._wanted if each in self._told]
        self._told.clear()
        self._places.clear()
        for screen in self._in_use:
            self._screens.give_back(screen.number)
        self._in_use.clear()
        if held:
            self._sink.interrupted(held, reason)
        if was_open or self._wanted:
            self._sink.failing(reason)

    def release(self) -> None:
        """Take everything back, for a clean end."""
        for screen in self._in_use:
            self._control.DisconnectRealData(screen.number)

    def status(self) -> dict[str, Any]:
        """Counts."""
        return {
            "wanted": len(self._wanted),
            "registered": len(self._told),
            "screens": f"{self._screens.used}/{self._screens.size}",
        }

    def _converge(self) -> None:
        places: dict[tuple[int, str], list[Registration]] = {}
        for registration in self._wanted:
            try:
                fid = fid_of(registration.code)
            except KeyError:
                self._tell_refused(registration, _unknown(registration), for_good=True)
                continue
            if fid is None:
                self._tell([registration])
            else:
                places.setdefault((fid, registration.symbol), []).append(registration)
        for gone in [place for place in self._places if place not in places]:
            self._remove(*gone)
        fresh: dict[int, list[str]] = {}
        for fid, symbol in places:
            if (fid, symbol) not in self._places:
                fresh.setdefault(fid, []).append(symbol)
        for fid, symbols in fresh.items():
            self._add(fid, symbols, places)
        self._tell(each for place, members in places.items() if place in self._places for each in members)

    def _add(
        self, fid: int, symbols: Sequence[str], places: Mapping[tuple[int, str], Sequence[Registration]]
    ) -> None:
        waiting = list(symbols)
        while waiting:
            screen = self._with_room(fid)
            if screen is None:
                for symbol in waiting:
                    for registration in places[fid, symbol]:
                        self._tell_refused(registration, _full(), for_good=False)
                return
            some, waiting = (
                waiting[: CODES_PER_SCREEN - len(screen.codes)],
                waiting[CODES_PER_SCREEN - len(screen.codes) :],
            )
            code = self._control.SetRealReg(
                screen.number, ";".join(some), str(fid), _ADD if screen.codes else _REPLACE
            )
            if code == 0:
                screen.codes.update(some)
                self._places.update({(fid, symbol): screen for symbol in some})
            else:
                for symbol in some:
                    for registration in places[fid, symbol]:
                        self._tell_refused(registration, error_for(code), for_good=False)
                self._forget_if_empty(screen)
                return

    def _remove(self, fid: int, symbol: str) -> None:
        screen = self._places.pop((fid, symbol))
        screen.codes.discard(symbol)
        if screen.codes:
            self._control.SetRealRemove(screen.number, symbol)
        else:
            self._control.DisconnectRealData(screen.number)
            self._forget_if_empty(screen)

    def _with_room(self, fid: int) -> _Screen | None:
        for screen in self._in_use:
            if screen.fid == fid and len(screen.codes) < CODES_PER_SCREEN:
                return screen
        number = self._screens.take()
        if number is None:
            return None
        screen = _Screen(number, fid)
        self._in_use.append(screen)
        return screen

    def _forget_if_empty(self, screen: _Screen) -> None:
        if not screen.codes:
            self._in_use.remove(screen)
            self._screens.give_back(screen.number)

    def _sharing(self, places: set[tuple[int, str]]) -> set[Registration]:
        return {each for each in self._wanted if (_fid(each), each.symbol) in places}

    def _tell(self, registrations: Iterable[Registration]) -> None:
        for registration in registrations:
            if registration not in self._told:
                self._told.add(registration)
                self._refused.pop(registration, None)
                self._sink.registered(registration)

    def _tell_refused(self, registration: Registration, error: TaskFailed, *, for_good: bool) -> None:
        if self._refused.get(registration) != str(error):
            self._refused[registration] = str(error)
            self._sink.refused(registration, error, for_good=for_good)
        if not for_good and self._retry is None:
            self._retry = self._loop.call_later(RETRY_SECONDS, self._again)

    def _again(self) -> None:
        self._retry = None
        if self._open:
            self._converge()


def _fid(registration: Registration) -> int | None:
    try:
        return fid_of(registration.code)
    except KeyError:
        return None


def _unknown(registration: Registration) -> TaskFailed:
    return Unsupported(f"OpenAPI+ has no live data of the type {registration.code}", vendor=VENDOR)


def _full() -> TaskFailed:
    return SubscriptionLimit(
        "every screen of OpenAPI+ for live data is full; end a subscription", vendor=VENDOR
    )
