"""What every part of the simulated control stands on: its thread, its messages, its faults."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kiwoom_control.faults import (
    ControlDied,
    ControlFaults,
    Logins,
    WrongThreadCall,
)
from broker_server.simulator.kiwoom_control.messages import Messages
from broker_server.simulator.kiwoom_control.registrations import MOST_SCREENS, Registrations
from broker_server.simulator.matching import Exchange

ANSWER_SECONDS = 0.05
CALL_SECONDS, READ_SECONDS, PAGE_SECONDS = 50e-6, 20e-6, 2e-3
"""What calls cost: one, one that reads a value, one that reads a page. Assumptions."""


class Events(Protocol):
    """Where the events go; see the real control's."""

    OnReceiveTrData: Callable[[str, str, str, str, str, int, str, str, str], None]
    OnReceiveRealData: Callable[[str, str, str], None]
    OnReceiveMsg: Callable[[str, str, str, str], None]
    OnReceiveChejanData: Callable[[str, int, str], None]
    OnEventConnect: Callable[[int], None]
    OnReceiveInvestRealData: Callable[[str], None]
    OnReceiveRealCondition: Callable[[str, str, str, str], None]
    OnReceiveTrCondition: Callable[[str, str, str, int, int], None]
    OnReceiveConditionVer: Callable[[int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a control is made; see `SimulatedControl`."""

    events: Events
    exchange: Exchange
    messages: Messages
    faults: ControlFaults
    logins: Logins
    accounts: tuple[str, ...]
    user: str
    mock: bool
    spend: Callable[[float], None]
    answer_seconds: float
    windows: Sequence[tuple[int, float]]


class ControlCore:
    """The common ground of the control's parts."""

    def __init__(self, setup: Setup) -> None:
        self.faults = setup.faults
        self.violations: list[str] = []
        self.registrations = Registrations()
        self._events = setup.events
        self._exchange = setup.exchange
        self._market = setup.exchange.market
        self._messages = setup.messages
        self._accounts = setup.accounts
        self._mock = setup.mock
        self._answer_seconds = setup.answer_seconds
        self._spend = setup.spend
        self._thread = threading.get_ident()
        self._connected = False
        self._dead = False
        self._order_number = ""

    def _called(self, seconds: float = CALL_SECONDS) -> None:
        if threading.get_ident() != self._thread:
            raise WrongThreadCall(f"called from {threading.current_thread().name}")
        if self.faults.dies_after is not None:
            if self.faults.dies_after <= 0:
                self._dead, self._connected, self.faults.dies_after = True, False, None
            else:
                self.faults.dies_after -= 1
        if self._dead:
            raise ControlDied("the control's server is gone")
        self._spend(seconds)

    def _later(self, work: Callable[[], None], seconds: float = ANSWER_SECONDS) -> None:
        def do() -> None:
            if not self._dead:
                work()

        self._messages.post(do, seconds + self.faults.jitter())

    def _use_screen(self, number: str) -> None:
        if len(number) != 4 or not number.isdecimal() or number == "0000":
            self.violations.append(f"{number} is not a screen number")
        self.registrations.screen(number)
        if len(self.registrations.screens) > MOST_SCREENS:
            self.violations.append(f"{len(self.registrations.screens)} screens are in use")

    def _instrument(self, code: str) -> Instrument | None:
        return self._market.instruments.find(code) or self._market.instruments.find(f"Q{code}")

    def _known(self, code: str) -> Instrument | None:
        return self._instrument(code) if self._connected else None
