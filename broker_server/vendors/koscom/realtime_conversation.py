"""One live connection of KOSCOM, from its init to its end.

Answers have the id of what they answer, so several requests are on their way at once. An error without an id
is about one of them, or about none: nobody is blamed for it. What is not answered soon after it is asked for
again, one at a time from then on, and only what is alone on its way when such an error comes is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from broker_client.errors import TaskFailed
from broker_server.core.feeds import FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.koscom.live_timing import KoscomTiming
from broker_server.vendors.koscom.realtime_codes import (
    Treatment,
    end_of,
    refusal_error,
    refusal_of,
    treatment_of,
    unclear_error,
)
from broker_server.vendors.koscom.realtime_entry import Pass, introduce
from broker_server.vendors.koscom.realtime_heartbeats import Heartbeats
from broker_server.vendors.koscom.realtime_intake import Intake
from broker_server.vendors.koscom.realtime_messages import (
    HEARTBEAT,
    PUSH,
    Told,
    documents,
    echo_text,
    is_answer,
    is_record,
    subscribe_text,
    told,
    unsubscribe_text,
)
from broker_server.vendors.live_conversation import LiveConversation
from broker_server.vendors.live_endings import End, Ending, Events
from broker_server.vendors.live_link import why_closed
from broker_server.vendors.live_pace import Pace
from broker_server.vendors.live_plan import Plan, Refusal, Request
from broker_server.vendors.oddities import OddityLog

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 50
"""Requests on their way; KOSCOM's diagram has two of them, and names no limit."""


class _Pending(NamedTuple):
    request: Request
    answer: asyncio.Future[None]


class Conversation(LiveConversation[list[Request]]):
    """Talks over one connection of single issues.

    Args:
        connection: Open.
        entry: What to introduce ourselves with.
        ids: Of requests; never used before, on any connection.
        plan: What to do; outlives the connection.
        pace: How fast; likewise.
        intake: Where records go; likewise.
        oddities: Where what should not happen is counted.
        events: Whom to tell.
        timing: The waits.
        observer: Is told each step.
    """

    vendor = "KOSCOM"
    _timing: KoscomTiming

    def __init__(
        self,
        connection: ClientConnection,
        entry: Pass,
        ids: Iterator[int],
        *,
        plan: Plan,
        pace: Pace,
        intake: Intake,
        oddities: OddityLog,
        events: Events,
        timing: KoscomTiming,
        observer: FeedObserver | None = None,
    ) -> None:
        super().__init__(
            connection, plan=plan, oddities=oddities, events=events, timing=timing, observer=observer
        )
        self._entry = entry
        self._ids = ids
        self._pace = pace
        self._intake = intake
        self._pending: dict[int, _Pending] = {}
        self._late: dict[int, Request] = {}
        self._beats = Heartbeats(connection, ids, timing, self._heard)
        self._one_by_one = False
        self._unclear: Told | None = None
        self._unclear_timer: asyncio.TimerHandle | None = None

    async def enter(self) -> Ending | None:
        """Send the init."""
        ending = await introduce(self._connection, self._entry, next(self._ids), self._timing.answer)
        self._heard_at = self._loop.time()
        return ending

    async def hold(self) -> Ending:
        """Talk until there is a reason to end; the connection is still to be closed then."""
        beating = self._loop.create_task(self._beats.run())
        try:
            return await super().hold()
        finally:
            beating.cancel()
            if self._unclear_timer is not None:
                self._unclear_timer.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _read(self) -> Ending:
        receive, now = self._connection.recv, self._loop.time
        try:
            while True:
                frame = await receive(decode=False)
                self._heard_at = now()
                found = documents(frame)
                if found is None:
                    self._oddities.note("malformed", "frame")
                    continue
                for document in found:
                    await self._take(document)
        except ConnectionClosed as error:
            return Ending(End.LOST, why_closed(self.vendor, error))

    async def _take(self, document: Any) -> None:
        if isinstance(document, dict):
            if document.get("method") == PUSH:
                self._intake.take_push(document.get("params"))
            else:
                await self._control(document)
        elif isinstance(document, list):
            await self._take_list(document)
        else:
            self._oddities.note("malformed", "message")

    async def _take_list(self, entries: list[Any]) -> None:
        """Several messages in one, which JSON-RPC allows."""
        for entry in entries:
            if isinstance(entry, dict):
                await self._take(entry)
            else:
                self._oddities.note("malformed", "message")

    async def _control(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None and is_answer(message):
            self._answered(told(message))
        elif method == HEARTBEAT:
            self._observer.pinged()
            if message.get("id") is not None:
                await self._connection.send(echo_text(message["id"]))
        elif method is None and isinstance(message.get("params"), dict):
            self._intake.take_push(message["params"])
        elif method is None and is_record(message):
            self._intake.take_push(message)
        else:
            self._oddities.note("unknown_message", "")

    def _answered(self, answer: Told) -> None:
        number = answer.number
        if number is None:
            self._without_id(answer)
        elif (pending := self._pending.pop(number, None)) is not None:
            self._in_a_row_unanswered = 0
            self._settle(pending.request, answer)
            if not pending.answer.done():
                pending.answer.set_result(None)
            self._announce()
        elif self._beats.answered(number):
            self._observer.pinged()
        elif (request := self._late.pop(number, None)) is not None:
            self._too_late(request, answer)
        else:
            self._oddities.note("unasked_answer", "")

    def _too_late(self, request: Request, answer: Told) -> None:
        """It was given up waiting for, and may have been asked for again."""
        self._oddities.note("late_answer", "")
        asked_again = {one.request.registration for one in self._pending.values()}
        if answer.failed or request.registration in asked_again:
            return
        if request.register:
            self._plan.registered(request.registration)
        else:
            self._removed(request.registration, unasked=True)
        self.wake()

    def _without_id(self, answer: Told) -> None:
        if not answer.failed:
            return  # to a sign of life, as far as it may be told
        text = self._entry.without_key(answer.text)
        self._oddities.note("error_without_id", "", code=answer.code[:20], text=text[:200])
        self._observer.answered(None, answer.code, text)
        treatment = treatment_of(answer.code)
        if treatment is Treatment.RECONNECT or (treatment is Treatment.KEY and not self.has_registered):
            self._end_with(treatment, refusal_error(answer.code, text))
        elif self._pending and self._unclear_timer is None:
            self._unclear = answer
            self._unclear_timer = self._loop.call_later(self._timing.unclear, self._give_up_waiting)

    def _give_up_waiting(self) -> None:
        """What is unanswered yet may be what an error without an id was about."""
        self._unclear_timer = None
        answer, self._unclear = self._unclear, None
        waiting, self._pending = self._pending, {}
        if answer is None or not waiting:
            return
        was_alone = self._one_by_one and len(waiting) == 1 and not self._beats.is_open
        self._one_by_one = True
        for number, (request, future) in waiting.items():
            if was_alone:
                self._settle(request, answer)
            else:
                self._late[number] = request
                self._plan.unanswered(request, self._loop.time())
                self._tell_refused(request, unclear_error(answer.code, self._entry.without_key(answer.text)))
            if not future.done():
                future.set_result(None)

    def _next_step(self, now: float) -> list[Request] | float | None:
        most = 1 if self._one_by_one else MOST_AT_ONCE
        step = self._plan.next_steps(now, most)
        return self._pace.wait(now) or step if isinstance(step, list) else step

    async def _ask(self, step: list[Request]) -> Ending | None:
        self.in_flight = step
        asked: dict[int, _Pending] = {}
        try:
            for request in step:
                number = next(self._ids)
                self._plan.asking(request)
                if request.register:
                    self._intake.open(request.registration)
                asked[number] = self._pending[number] = _Pending(request, self._loop.create_future())
                self._observer.asked(request.registration, register=request.register)
                text = subscribe_text if request.register else unsubscribe_text
                await self._connection.send(text(number, request.registration))
                self._sent_at = self._loop.time()
                self._pace.take(self._sent_at)
        except ConnectionClosed as error:
            return Ending(End.LOST, why_closed(self.vendor, error))
        await asyncio.wait([one.answer for one in asked.values()], timeout=self._timing.answer)
        self.in_flight = None
        waiting = {number: self._pending.pop(number) for number in asked if number in self._pending}
        if not waiting:
            return None
        self._late.update((number, one.request) for number, one in waiting.items())
        log.warning("koscom_live_request_unanswered", requests=len(waiting))
        requests = [one.request for one in waiting.values()]
        if len(waiting) == len(asked):
            return self._unanswered(requests)
        for request in requests:
            self._plan.unanswered(request, self._loop.time())
        return None

    def _settle(self, request: Request, answer: Told) -> None:
        registration, register = request
        code, text = answer.code, self._entry.without_key(answer.text)
        self._observer.answered(registration, code or ("" if answer.failed else "ok"), text)
        treatment = treatment_of(code) if answer.failed else Treatment.DONE
        if treatment is Treatment.DONE or (treatment is Treatment.NOT_THERE and not register):
            if not register:
                self._removed(registration)
                return
            self.has_registered = True
            self._plan.registered(registration)
            if answer.data is not None:
                self._intake.take_result(registration, answer.data)
            return
        if treatment is Treatment.RECONNECT or (treatment is Treatment.KEY and not self.has_registered):
            self._end_with(treatment, refusal_error(code, text))
            return
        refusal = refusal_of(treatment)
        log.warning(
            "koscom_live_request_refused", of=" ".join(registration)[:200], register=register, code=code[:20]
        )
        for_good = self._plan.refused(request, refusal, self._loop.time())
        if refusal is Refusal.LIMIT:
            self._told_limit.add(registration)
        self._tell_refused(request, refusal_error(code, text), for_good=for_good)

    def _end_with(self, treatment: Treatment, error: TaskFailed) -> None:
        self.end(Ending(end_of(treatment), error.message, error))

    def _tell_refused(self, request: Request, error: TaskFailed, *, for_good: bool = False) -> None:
        registration, register = request
        if register and self._plan.is_wanted(registration):
            self._events.refused(registration, error, for_good=for_good)

    def _removed(self, registration: Registration, *, unasked: bool = False) -> None:
        self._intake.close(registration)
        if self._plan.removed(registration, self._loop.time(), unasked=unasked):
            self._events.interrupted([registration], "it is being registered again, or gave way to others")

    async def _watch_for_silence(self) -> Ending:
        """Silence says something only of a server that has answered our signs of life before."""
        while True:
            rest = self._heard_at + self._timing.silence - self._loop.time()
            if rest <= 0 and self._beats.are_answered:
                return Ending(End.SILENT, f"nothing came for {self._timing.silence:g} seconds")
            await asyncio.sleep(rest if rest > 0 else self._timing.silence)

    def _heard(self) -> None:
        self._heard_at = self._loop.time()

    def _opened(self, registration: Registration) -> None:
        pass  # its records are handed on since it was asked for

    def _limit_error(self) -> TaskFailed:
        return refusal_error("20056", "KOSCOM has said so before")
