"""How the simulated controls behave, and what they did: the part of the control server that is about them."""

from __future__ import annotations

import random
from collections import Counter, deque
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from broker_server.simulator.control_messages import json_object, json_response
from broker_server.simulator.kiwoom_control.control import SimulatedControl
from broker_server.simulator.kiwoom_control.core import ANSWER_SECONDS
from broker_server.simulator.kiwoom_control.faults import ControlFaults, Logins
from broker_server.simulator.kiwoom_control.limits import QUERY_WINDOWS

PATH = "/openapi-plus"
_MOST_SHOWN = 50


class ControlRequest(BaseModel):
    """The body of ``POST /openapi-plus``: faults as `ControlFaults` has them, and what is here.

    Attributes:
        answer_seconds: Until an answer comes; of controls that are made from now on.
        query_windows: Queries and seconds that are allowed; likewise.
        jitter_seconds: Each event is late by up to so many seconds: events overtake each other.
        lose_connection: Ends every login now: the code of the event that tells, or 0 for none.
    """

    model_config = ConfigDict(extra="forbid")

    login_code: int = 0
    login_waits: bool = False
    silent: set[str] = set()
    refused: dict[str, str] = {}
    overloads: int = Field(0, ge=0)
    order_overloads: int = Field(0, ge=0)
    order_code: int = 0
    no_password: bool = False
    chejan_first: bool = False
    text_first: bool = False
    dies_after: int | None = Field(None, ge=0)
    moved: dict[str, tuple[str, ...]] = {}
    real_width: int | None = Field(None, ge=0)
    answer_seconds: float = Field(ANSWER_SECONDS, ge=0)
    query_windows: list[tuple[int, float]] = Field(list(QUERY_WINDOWS), min_length=1)
    jitter_seconds: float = Field(0, ge=0)
    lose_connection: int | None = None


_OF_FAULTS = ControlRequest.model_fields.keys() & ControlFaults.__dataclass_fields__.keys()


class ControlBoard:
    """What all simulated controls share.

    Args:
        chance: Makes events late.

    Attributes:
        faults: What goes wrong.
        logins: The IDs that are logged in.
        answer_seconds: Until an answer comes.
        windows: Queries and seconds that are allowed.
    """

    def __init__(self, chance: random.Random) -> None:
        self.faults = ControlFaults()
        self.logins = Logins()
        self._chance = chance
        self._jitter_seconds = 0.0
        self._made: deque[tuple[str, SimulatedControl]] = deque(maxlen=_MOST_SHOWN)
        self._present: set[SimulatedControl] = set()
        self.answer_seconds = ANSWER_SECONDS
        self.windows = tuple(QUERY_WINDOWS)
        self.faults.jitter = self._jitter

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add its paths."""
        router.add_get(PATH, self.show)
        router.add_post(PATH, self.change)
        router.add_delete(PATH, self.restore)

    def made(self, server: str, control: SimulatedControl) -> None:
        """A program has made a control."""
        self._made.append((server, control))
        self._present.add(control)

    def gone(self, control: SimulatedControl) -> None:
        """Its program has ended."""
        self._present.discard(control)

    async def show(self, request: web.Request) -> web.Response:
        """The faults, and every control with what it was asked."""
        shown = {name: getattr(self.faults, name) for name in _OF_FAULTS}
        shown["silent"] = sorted(self.faults.silent)
        shown["jitter_seconds"] = self._jitter_seconds
        shown["answer_seconds"] = self.answer_seconds
        shown["query_windows"] = self.windows
        return json_response({"settings": shown, "controls": [self._control(*each) for each in self._made]})

    async def change(self, request: web.Request) -> web.Response:
        """Change some; nothing where one is wrong."""
        self._apply(ControlRequest.model_validate(await json_object(request)))
        return await self.show(request)

    async def restore(self, request: web.Request) -> web.Response:
        """As in the beginning."""
        self._apply(ControlRequest.model_validate(ControlRequest().model_dump(exclude={"lose_connection"})))
        return await self.show(request)

    def _apply(self, wanted: ControlRequest) -> None:
        for name in wanted.model_fields_set & _OF_FAULTS:
            setattr(self.faults, name, getattr(wanted, name))
        given = wanted.model_fields_set
        if "jitter_seconds" in given:
            self._jitter_seconds = wanted.jitter_seconds
        if "answer_seconds" in given:
            self.answer_seconds = wanted.answer_seconds
        if "query_windows" in given:
            self.windows = tuple(wanted.query_windows)
        if wanted.lose_connection is not None:
            for control in list(self._present):
                control.lose_connection(wanted.lose_connection or None)

    def _jitter(self) -> float:
        return self._chance.uniform(0, self._jitter_seconds) if self._jitter_seconds else 0.0

    def _control(self, server: str, control: SimulatedControl) -> dict[str, Any]:
        screens = control.registrations.screens
        return {
            "server": server,
            "present": control in self._present,
            "connected": control.connected,
            "queries": Counter(code.upper() for _, code, *_ in control.sent),
            "orders": len(control.ordered),
            "live_data": {
                number: {
                    "asked": {code: sorted(fids) for code, fids in screen.asked.items()},
                    "automatic": sorted(screen.automatic),
                }
                for number, screen in sorted(screens.items())
            },
            "violations": control.violations,
        }
