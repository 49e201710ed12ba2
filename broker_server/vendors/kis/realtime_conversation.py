"""One live connection, from its opening to its end: it reads, answers pings, and carries the plan out.

One request is on its way at a time: some errors do not say what they are about, and are then about that one.
"""

from __future__ import annotations

import asyncio
from typing import Literal, NamedTuple

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from broker_client.errors import TaskFailed
from broker_server.core.feeds import FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.frames import (
    Acknowledgement,
    DataFrame,
    Ping,
    Quarantined,
    Refusal,
    parse_frame,
)
from broker_server.vendors.kis.realtime_codes import (
    ENDS_CONNECTION,
    Treatment,
    known_codes,
    redacted,
    refusal_error,
    refusal_of,
    treatment_of,
)
from broker_server.vendors.kis.realtime_intake import Intake
from broker_server.vendors.kis.realtime_keys import is_notice, shown
from broker_server.vendors.kis.realtime_link import request_text
from broker_server.vendors.kis.realtime_pace import Pace
from broker_server.vendors.live_conversation import LiveConversation
from broker_server.vendors.live_endings import End, Ending, Events
from broker_server.vendors.live_link import why_closed
from broker_server.vendors.live_plan import Plan, Request
from broker_server.vendors.live_timing import Timing
from broker_server.vendors.oddities import OddityLog

log = structlog.get_logger(__name__)


_ENDS = {
    Treatment.IN_USE: End.IN_USE,
    Treatment.KEY_REFUSED: End.KEY_REFUSED,
    Treatment.NEW_APPROVAL_KEY: End.STALE_PASS,
}


class _Answer(NamedTuple):
    treatment: Treatment
    code: str = ""
    message: str = ""


class Conversation(LiveConversation[Request]):
    """Talks over one connection.

    Args:
        connection: Open.
        approval_key: For every request.
        customer: ``custtype``.
        secrets: What must not appear in a text of KIS that is passed on; the approval key is one anyway.
        plan: What to do; outlives the connection.
        pace: How fast; likewise.
        intake: Where data frames go; likewise.
        oddities: Where unknown codes are counted.
        events: Whom to tell.
        timing: The waits.
        observer: Is told each step.
    """

    vendor = "KIS"

    def __init__(
        self,
        connection: ClientConnection,
        approval_key: str,
        customer: Literal["P", "B"],
        secrets: tuple[str, ...],
        *,
        plan: Plan,
        pace: Pace,
        intake: Intake,
        oddities: OddityLog,
        events: Events,
        timing: Timing,
        observer: FeedObserver | None = None,
    ) -> None:
        super().__init__(
            connection, plan=plan, oddities=oddities, events=events, timing=timing, observer=observer
        )
        self._approval_key = approval_key
        self._customer = customer
        self._secrets = (approval_key, *secrets)
        self._pace = pace
        self._intake = intake
        self._answer: asyncio.Future[_Answer] | None = None
        self._read_anew: set[Registration] = set()

    async def _read(self) -> Ending:
        receive, take, now = self._connection.recv, self._intake.take, self._loop.time
        try:
            while True:
                # One broken character must not cost the connection.
                frame = parse_frame(str(await receive(decode=False), "utf-8", "replace"))
                self._heard_at = now()
                if type(frame) is not DataFrame:
                    if ending := await self._control(frame):
                        return ending
                    continue
                try:
                    take(frame)
                except Exception:
                    self._oddities.counts["defect"] += 1
                    log.exception("kis_live_record_failed", tr_id=frame.tr_id)
        except ConnectionClosed as error:
            return Ending(End.LOST, why_closed(self.vendor, error))

    async def _control(
        self, frame: Ping | Acknowledgement | Refusal | Quarantined | DataFrame
    ) -> Ending | None:
        if isinstance(frame, Ping):
            await self._connection.send(frame.text)
            self._observer.pinged()
        elif isinstance(frame, Quarantined):
            self._intake.quarantine(frame)
        elif isinstance(frame, Acknowledgement):
            self._acknowledged(frame)
        elif isinstance(frame, Refusal):
            return self._refused(frame)
        return None

    def _acknowledged(self, frame: Acknowledgement) -> None:
        if frame.registered and frame.cipher is not None:
            self._intake.set_cipher(frame.tr_id, frame.cipher)
        treatment = Treatment.REGISTERED if frame.registered else Treatment.REMOVED
        self._observe_answer(frame.code, redacted(frame.message, self._secrets))
        self._answered(frame.tr_id, frame.tr_key, _Answer(treatment, frame.code))

    def _refused(self, frame: Refusal) -> Ending | None:
        treatment = treatment_of(frame.code)
        message = redacted(frame.message, self._secrets)
        self._observe_answer(frame.code, message)
        if frame.code not in known_codes():
            self._oddities.note("unknown_code", "", code=frame.code[:20], text=message[:200])
        if treatment in ENDS_CONNECTION:
            error = refusal_error(treatment, frame.code, message)
            return Ending(_ENDS[treatment], error.message, error)
        self._answered(frame.tr_id, frame.tr_key, _Answer(treatment, frame.code, message))
        return None

    def _observe_answer(self, code: str, message: str) -> None:
        asked = None if self.in_flight is None else self.in_flight.registration
        self._observer.answered(asked, code, message)

    def _answered(self, tr_id: str | None, tr_key: str | None, answer: _Answer) -> None:
        if self._is_about_request(tr_id, tr_key, answer.treatment):
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(answer)
            return
        # An answer that comes too late, or to nothing that was asked.
        one = None if tr_id is None else self._plan.find(tr_id, tr_key)
        self._oddities.note("late_answer", answer.code if answer.code in known_codes() else "")
        if one is None or (self.in_flight is not None and one == self.in_flight.registration):
            return
        if answer.treatment is Treatment.REGISTERED:
            self._plan.registered(one)
        elif answer.treatment is Treatment.REMOVED:
            self._removed(one, unasked=True)
        self.wake()

    def _is_about_request(self, tr_id: str | None, tr_key: str | None, treatment: Treatment) -> bool:
        if self.in_flight is None:
            return False
        (code, symbol), register = self.in_flight
        if tr_id is not None and tr_id != code:
            return False
        if tr_id is not None and tr_key is not None and tr_key.strip() != symbol and not is_notice(code):
            return False
        if treatment is Treatment.REGISTERED:
            return register
        return not register if treatment is Treatment.REMOVED else True

    def _next_step(self, now: float) -> Request | float | None:
        step = self._plan.next_step(now)
        return self._pace.wait(now) or step if isinstance(step, Request) else step

    async def _ask(self, request: Request) -> Ending | None:
        registration = request.registration
        self._plan.asking(request)
        if request.register:
            self._intake.open(registration)
        self.in_flight, self._answer = request, self._loop.create_future()
        try:
            self._observer.asked(registration, register=request.register)
            await self._connection.send(request_text(self._approval_key, self._customer, request))
            self._sent_at = self._loop.time()
            self._pace.take(self._sent_at)
            async with asyncio.timeout(self._timing.answer):
                answer = await self._answer
        except ConnectionClosed as error:
            return Ending(End.LOST, why_closed(self.vendor, error))
        except TimeoutError:
            log.warning("kis_live_request_unanswered", of=shown(registration), register=request.register)
            return self._unanswered([request])
        self.in_flight = None
        self._in_a_row_unanswered = 0
        self._settle(request, answer)
        return None

    def _settle(self, request: Request, answer: _Answer) -> None:
        registration = request.registration
        if answer.treatment is Treatment.REGISTERED:
            self.has_registered = True
            self._plan.registered(registration)
            if not self._intake.can_read(registration.code) and registration not in self._read_anew:
                # It was registered already, and the key of its notices is not told again.
                self._read_anew.add(registration)
                self._plan.renew(registration)
            return
        if answer.treatment is Treatment.REMOVED:
            self._removed(registration)
            return
        for_good = self._plan.refused(request, refusal_of(answer.treatment), self._loop.time())
        log.warning(
            "kis_live_request_refused", of=shown(registration), register=request.register, code=answer.code
        )
        if request.register and self._plan.is_wanted(registration):
            if answer.treatment is Treatment.LIMIT:
                self._told_limit.add(registration)
            error = refusal_error(answer.treatment, answer.code, answer.message)
            self._events.refused(registration, error, for_good=for_good)

    def _removed(self, registration: Registration, *, unasked: bool = False) -> None:
        self._intake.close(registration)
        if self._plan.removed(registration, self._loop.time(), unasked=unasked):
            self._events.interrupted([registration], "it is being registered again, or gave way to others")

    def _opened(self, registration: Registration) -> None:
        self._intake.open(registration)

    def _limit_error(self) -> TaskFailed:
        return refusal_error(Treatment.LIMIT, "", "it has said so before")
