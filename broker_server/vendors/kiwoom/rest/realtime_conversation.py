"""One live connection of Kiwoom, from its login to its end.

Answers do not say what they are about, and come in order: one request is on its way at a time, and one that
is not answered ends the connection, for its answer may come later and be taken for that of the next.

Several registrations go in one message, and are refused as one. Half of them are then asked for, and so on,
until one is alone: it is the one that Kiwoom does not want, or for which there was no more room.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from broker_client.errors import TaskFailed, VendorUnavailable
from broker_server.core.feeds import FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.rest.errors import VENDOR
from broker_server.vendors.kiwoom.rest.realtime_codes import (
    Treatment,
    login_ending,
    login_error,
    refusal_error,
    refusal_of,
    system_ending,
    treatment_of,
)
from broker_server.vendors.kiwoom.rest.realtime_intake import Intake
from broker_server.vendors.kiwoom.rest.realtime_messages import (
    Told,
    kind_of,
    login_text,
    parse,
    request_text,
    told,
)
from broker_server.vendors.kiwoom.rest.wire import throttle_pause
from broker_server.vendors.live_conversation import LiveConversation
from broker_server.vendors.live_endings import End, Ending, Events
from broker_server.vendors.live_link import why_closed
from broker_server.vendors.live_plan import Plan, Refusal, Request
from broker_server.vendors.live_timing import Timing
from broker_server.vendors.oddities import OddityLog

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 100
"""Items of one message; Kiwoom's document."""

_KNOWN_KINDS = ("LOGIN", "PING", "REAL", "REG", "REMOVE", "SYSTEM")


class Conversation(LiveConversation[list[Request]]):
    """Talks over one connection.

    Args:
        connection: Open.
        token: To log in with.
        plan: What to do; outlives the connection.
        intake: Where data frames go; likewise.
        oddities: Where what should not happen is counted.
        events: Whom to tell.
        timing: The waits.
        observer: Is told each step.
    """

    vendor = "Kiwoom"

    def __init__(
        self,
        connection: ClientConnection,
        token: str,
        *,
        plan: Plan,
        intake: Intake,
        oddities: OddityLog,
        events: Events,
        timing: Timing,
        observer: FeedObserver | None = None,
    ) -> None:
        super().__init__(
            connection, plan=plan, oddities=oddities, events=events, timing=timing, observer=observer
        )
        self._token = token
        self._intake = intake
        self._answer: asyncio.Future[Told] | None = None
        self._most = MOST_AT_ONCE
        self._too_fast = 0

    async def enter(self) -> Ending | None:
        """Log in; nothing else may be sent before that is answered."""
        try:
            async with asyncio.timeout(self._timing.answer):
                await self._connection.send(login_text(self._token))
                while True:
                    frame = await self._connection.recv(decode=False)
                    message = parse(frame)
                    if message is not None and message["trnm"] == "LOGIN":
                        return self._turned_away(told(message))
                    if ending := await self._control(message, frame):
                        return ending
        except ConnectionClosed as error:
            return Ending(End.LOST, f"{why_closed(self.vendor, error)} during the login")
        except TimeoutError:
            return Ending(End.LOST, "Kiwoom left the login unanswered")

    async def _read(self) -> Ending:
        receive, take, now = self._connection.recv, self._intake.take, self._loop.time
        try:
            while True:
                frame = await receive(decode=False)
                self._heard_at = now()
                message = parse(frame)
                if message is not None and message["trnm"] == "REAL":
                    take(message.get("data"))
                elif ending := await self._control(message, frame):
                    return ending
        except ConnectionClosed as error:
            return Ending(End.LOST, why_closed(self.vendor, error))

    async def _control(self, message: dict[str, Any] | None, frame: bytes) -> Ending | None:
        if message is None:
            self._oddities.note("malformed", "frame")
            return None
        kind = message["trnm"]
        if kind == "PING":
            await self._connection.send(frame, text=True)
            self._observer.pinged()
        elif kind == "SYSTEM":
            return self._system(str(message.get("code") or ""))
        elif kind in ("REG", "REMOVE"):
            if self._answer is None or self._answer.done() or kind_of(self.in_flight or []) != kind:
                self._oddities.note("unasked_answer", kind)
            else:
                self._answer.set_result(told(message))
        elif kind != "REAL":
            self._oddities.note("unknown_message", kind if kind in _KNOWN_KINDS else "")
        return None

    def _system(self, code: str) -> Ending | None:
        found = system_ending(code)
        if found is None:
            self._oddities.note("unknown_system_code", "", code=code[:20])
            return None
        kind, reason = found
        return Ending(kind, reason, VendorUnavailable(reason, vendor=VENDOR, vendor_code=code))

    def _turned_away(self, answer: Told) -> Ending | None:
        if answer.succeeded:
            self._heard_at = self._loop.time()
            return None
        text = answer.text.replace(self._token, "***")
        kind = login_ending(answer.code)
        error = login_error(kind, answer.code, text)
        return Ending(kind, error.message, error)

    def _next_step(self, now: float) -> list[Request] | float | None:
        return self._plan.next_steps(now, self._most)

    async def _ask(self, step: list[Request]) -> Ending | None:
        for request in step:
            self._plan.asking(request)
            if request.register:
                self._intake.open(request.registration)
        self.in_flight, self._answer = step, self._loop.create_future()
        try:
            for request in step:
                self._observer.asked(request.registration, register=request.register)
            await self._connection.send(request_text(step))
            self._sent_at = self._loop.time()
            async with asyncio.timeout(self._timing.answer):
                answer = await self._answer
        except ConnectionClosed as error:
            return Ending(End.LOST, why_closed(self.vendor, error))
        except TimeoutError:
            log.warning("kiwoom_live_request_unanswered", kind=kind_of(step), registrations=len(step))
            return self._unanswered(step)
        self.in_flight = None
        self._in_a_row_unanswered = 0
        for request in step:
            self._observer.answered(request.registration, answer.code or "0", answer.text)
        if answer.succeeded:
            self._done(step)
            return None
        return self._refused(step, answer)

    def _done(self, step: list[Request]) -> None:
        self._too_fast = 0
        self._most = min(2 * self._most, MOST_AT_ONCE)
        missed = []
        for registration, register in step:
            if register:
                self.has_registered = True
                self._plan.registered(registration)
            else:
                if self._plan.removed(registration, self._loop.time()):
                    missed.append(registration)
        if missed:
            self._events.interrupted(missed, "it is being registered again, or gave way to others")

    def _refused(self, step: list[Request], answer: Told) -> Ending | None:
        treatment = treatment_of(answer.code)
        log.warning(
            "kiwoom_live_request_refused", kind=kind_of(step), registrations=len(step), code=answer.code
        )
        if treatment is Treatment.LOG_IN:
            error = refusal_error(treatment, answer.code, answer.text)
            return Ending(End.STALE_PASS, error.message, error)
        if treatment is Treatment.TOO_FAST:
            for request in step:
                self._plan.set_back(request)
            self._too_fast += 1
            pause = min(throttle_pause(self._too_fast), self._timing.longest_retry)
            self._sent_at = self._loop.time() + pause - self._timing.between_requests
        elif len(step) > 1:
            for request in step:
                self._plan.set_back(request)
            self._most = (len(step) + 1) // 2
        else:
            self._give_way(step[0], treatment, answer)
        return None

    def _give_way(self, request: Request, treatment: Treatment, answer: Told) -> None:
        registration = request.registration
        refusal = refusal_of(treatment)
        for_good = self._plan.refused(request, refusal, self._loop.time())
        if request.register and self._plan.is_wanted(registration):
            if refusal is Refusal.LIMIT:
                self._told_limit.add(registration)
            log.warning(
                "kiwoom_live_registration_refused", of=" ".join(registration).strip(), code=answer.code
            )
            error = refusal_error(treatment, answer.code, answer.text)
            self._events.refused(registration, error, for_good=for_good)

    def _opened(self, registration: Registration) -> None:
        self._intake.open(registration)

    def _limit_error(self) -> TaskFailed:
        return refusal_error(Treatment.LIMIT, "", "it has said so before")
