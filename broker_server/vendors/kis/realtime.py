"""The live connection of one app key: connected while something is wanted, and never twice at once."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection

from broker_server.core.feeds import FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.approval import ApprovalKeys
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.realtime_codes import Treatment, refusal_error
from broker_server.vendors.kis.realtime_conversation import Conversation
from broker_server.vendors.kis.realtime_intake import Intake
from broker_server.vendors.kis.realtime_keys import is_notice
from broker_server.vendors.live_endings import End, Ending
from broker_server.vendors.live_pace import Pace
from broker_server.vendors.live_plan import Plan
from broker_server.vendors.live_session import LiveSession, Pause, SessionListener
from broker_server.vendors.live_timing import Timing


class KisSession(LiveSession[Conversation]):
    """Keeps one connection and what is registered on it.

    Args:
        config: Of the app key; it has a ``live_url``.
        approval: Its approval keys.
        listener: Whom to tell.
        clock: The time, and of events the wall time.
        chance: For the jitter of the back-off.
        timing: The waits.
        pause: Waits before a connection is made again.
        alias: How the account is called in events.
        observer: Is told each step.
    """

    vendor = "kis"
    vendor_name = "KIS"

    def __init__(
        self,
        config: KisConfig,
        approval: ApprovalKeys,
        listener: SessionListener,
        *,
        clock: Clock,
        chance: Random,
        timing: Timing | None = None,
        pause: Pause = asyncio.sleep,
        alias: str = "default",
        observer: FeedObserver | None = None,
    ) -> None:
        if config.live_url is None:
            raise ValueError("KIS_WS_URL must be set: a simulator's address of live data has no default")
        self.config = config
        super().__init__(
            config.live_url,
            listener,
            Plan(timing := timing or Timing(), is_notice, capacity=config.ws_max_registrations),
            clock=clock,
            chance=chance,
            timing=timing,
            pause=pause,
            environment="simulated" if config.simulated else config.environment,
            observer=observer,
        )
        self._approval = approval
        self._pace = Pace(timing)
        self._intake = Intake(listener.received, config.account, alias, clock, self._oddities)

    def _get_pass(self) -> str:
        return self._approval.get()

    def _is_configured_pass(self) -> bool:
        return self._approval.state() == "configured"

    def _discard_pass(self, value: str) -> None:
        self._approval.discard(value)

    def _begin(self, connection: ClientConnection, value: str) -> Conversation:
        config = self.config
        return Conversation(
            connection,
            value,
            config.cust_type,
            (
                config.hts_id.get_secret_value() if config.hts_id else "",
                config.app_key.get_secret_value(),
                config.app_secret.get_secret_value(),
            ),
            plan=self._plan,
            pace=self._pace,
            intake=self._intake,
            oddities=self._oddities,
            events=self._listener,
            timing=self._timing,
            observer=self._observer,
        )

    def _forget(self) -> None:
        self._intake.forget()

    def _dropped(self, registration: Registration) -> None:
        self._intake.close(registration)

    def _counts(self) -> dict[str, Any]:
        return {
            "capacity": self.config.ws_max_registrations,
            "approval_key": self._approval.state(),
            **self._intake.counts(),
        }

    def _ended(self, conversation: Conversation, ending: Ending) -> None:
        if ending.kind is End.LOST and (request := conversation.in_flight):
            now = asyncio.get_running_loop().time()
            if self._plan.broke_on(request, now, had_worked=conversation.has_registered):
                error = refusal_error(
                    Treatment.WRONG_HTS_ID, "", "it cuts the connection whenever it is asked"
                )
                self._listener.refused(request.registration, error, for_good=True)
