"""The live connections of KOSCOM: each connected while something is wanted of it, and never twice at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection

from broker_server.core.feeds import FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.koscom.config import KoscomConfig
from broker_server.vendors.koscom.errors import VENDOR
from broker_server.vendors.koscom.live_timing import KoscomTiming
from broker_server.vendors.koscom.presets import ISSUES_PATH, MARKET_PATHS
from broker_server.vendors.koscom.realtime_conversation import Conversation
from broker_server.vendors.koscom.realtime_entry import Pass
from broker_server.vendors.koscom.realtime_intake import Intake
from broker_server.vendors.koscom.realtime_market import MarketConversation
from broker_server.vendors.koscom.targets import Targets
from broker_server.vendors.live_endings import Ending
from broker_server.vendors.live_pace import Pace
from broker_server.vendors.live_plan import Plan
from broker_server.vendors.live_session import LiveSession, Pause, SessionListener


class KoscomSession(LiveSession[Conversation]):
    """What both kinds of connection have in common; see `LiveSession`.

    Args:
        config: The key and the address; it has a ``live_url``.
        path: Behind the address.
        listener: Whom to tell.
        targets: Whose records are whose.
        ids: Of requests, of all connections.
        pace: How fast, likewise.
        capacity: How many the connection holds.
        clock: The time, and of events the wall time.
        chance: For the jitter of the back-off.
        timing: The waits.
        pause: Waits before a connection is made again.
        observer: Is told each step.
    """

    vendor = VENDOR
    vendor_name = "KOSCOM"

    def __init__(
        self,
        config: KoscomConfig,
        path: str,
        listener: SessionListener,
        *,
        targets: Targets,
        ids: Iterator[int],
        pace: Pace,
        capacity: int,
        clock: Clock,
        chance: Random,
        timing: KoscomTiming,
        pause: Pause,
        observer: FeedObserver | None,
    ) -> None:
        if config.live_url is None:
            raise ValueError("KOSCOM_WS_URL must be set for live data: KOSCOM publishes no address of it")
        super().__init__(
            f"{config.live_url}{path}",
            listener,
            Plan(timing, capacity=capacity),
            clock=clock,
            chance=chance,
            timing=timing,
            pause=pause,
            environment="simulated" if config.simulated else "real",
            observer=observer,
        )
        self._config = config
        self._ids = ids
        self._capacity = capacity
        self._intake = Intake(listener.received, targets, clock, self._oddities)
        self._parts: dict[str, Any] = {
            "plan": self._plan,
            "pace": pace,
            "intake": self._intake,
            "oddities": self._oddities,
            "events": listener,
            "timing": timing,
            "observer": observer,
        }

    def _get_pass(self) -> str:
        return self._config.api_key.get_secret_value()

    def _is_configured_pass(self) -> bool:
        return True

    def _discard_pass(self, value: str) -> None:
        pass  # the key of the settings is the only one

    @abstractmethod
    def _begin(self, connection: ClientConnection, value: str) -> Conversation: ...

    def _forget(self) -> None:
        self._intake.forget()

    def _dropped(self, registration: Registration) -> None:
        pass  # its records have no target any more

    def _counts(self) -> dict[str, Any]:
        return {"holds": self.holds, "capacity": self._capacity, **self._intake.counts()}

    @property
    @abstractmethod
    def holds(self) -> str:
        """What is registered on it, for the status."""

    def _ended(self, conversation: Conversation, ending: Ending) -> None:
        pass  # nothing is suspected of breaking connections


class IssuesSession(KoscomSession):
    """A connection of single issues."""

    holds = "issues"

    def __init__(self, config: KoscomConfig, listener: SessionListener, **more: Any) -> None:
        super().__init__(config, ISSUES_PATH, listener, capacity=config.ws_max_subscriptions, **more)

    def _begin(self, connection: ClientConnection, value: str) -> Conversation:
        return Conversation(connection, Pass(value, self._config.member_name), self._ids, **self._parts)


class MarketSession(KoscomSession):
    """The connection of a whole market.

    Args:
        config: As of `KoscomSession`; likewise the rest.
        listener: Likewise.
        market: Its only registration.
    """

    def __init__(
        self, config: KoscomConfig, listener: SessionListener, market: Registration, **more: Any
    ) -> None:
        super().__init__(config, MARKET_PATHS[market.symbol], listener, capacity=1, **more)
        self._market = market

    @property
    def holds(self) -> str:
        return self._market.symbol

    def _begin(self, connection: ClientConnection, value: str) -> Conversation:
        entry = Pass(value, self._config.member_name)
        return MarketConversation(connection, entry, self._ids, self._market, **self._parts)
