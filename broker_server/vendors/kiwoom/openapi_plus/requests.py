"""Queries: when each may leave, what it sends, and which answer is its own.

One query's inputs and its `CommRqData` are one piece of work, so nothing gets between them. Each has a name
and a screen of its own, by which its answer is known. The rows are copied inside the answer's event, the only
place where they can be read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from broker_client.errors import InvalidParameters, TaskFailed, TaskTimeout
from broker_server.core.composite_limiter import CompositeLimiter
from broker_server.core.methods import Lane
from broker_server.vendors.kiwoom.openapi_plus.control import KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.errors import (
    NO_PASSWORD,
    OVERLOADED,
    REGISTER_IT,
    VENDOR,
    error_for,
    refused_by_message,
    unavailable,
)
from broker_server.vendors.kiwoom.openapi_plus.screens import ScreenPool
from broker_server.vendors.kiwoom.openapi_plus.sta import ControlLoop, Timer
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice, OnNotice
from broker_server.vendors.kiwoom.openapi_plus.timing import Timing
from broker_server.vendors.kiwoom.openapi_plus.tr_request import (
    TrPage,
    TrRequest,
    expired,
    fail,
    is_wanted,
    read_answer,
)

FIRST_PAGE, NEXT_PAGE = 0, 2
_MORE = "2"


@dataclass(slots=True, eq=False)
class _Chain:
    """The pages of one query: all are asked for on one screen and by one name."""

    name: str
    screen: str
    code: str
    inputs: Sequence[tuple[str, str]]
    expiry: Timer | None = None


@dataclass(slots=True, eq=False)
class _Sent:
    request: TrRequest
    chain: _Chain
    timers: list[Timer] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


class Requests:
    """The queries of one control; everything on its thread.

    Args:
        control: What to ask.
        loop: Where to be called later.
        limiter: How often Kiwoom allows it.
        screens: Numbers for queries alone.
        timing: The waits.
        notify: Whom to tell of -200 and -301.
    """

    def __init__(
        self,
        control: KiwoomControl,
        loop: ControlLoop,
        *,
        limiter: CompositeLimiter,
        screens: ScreenPool,
        timing: Timing,
        notify: OnNotice,
    ) -> None:
        self._control = control
        self._loop = loop
        self._limiter = limiter
        self._screens = screens
        self._timing = timing
        self._notify = notify
        self._waiting: dict[Lane, deque[TrRequest]] = {lane: deque() for lane in Lane if lane >= Lane.CANCEL}
        self._sent: dict[str, _Sent] = {}
        self._chains: dict[str, _Chain] = {}
        self._numbers = count(1)
        self._open = False
        self._refusal: Callable[[], TaskFailed] | None = None
        self._overloads = 0
        self._step_timer: Timer | None = None
        self.answered = self.late = self.timed_out = 0

    def submit(self, request: TrRequest) -> None:
        """Send it as soon as it may leave."""
        if self._refusal is not None:
            fail(request, self._refusal())
            return
        request.asked_at = self._loop.monotonic()
        self._waiting[request.lane].append(request)
        if request.deadline is not None:
            self._loop.call_later(max(0.0, request.deadline - self._loop.monotonic()), self.step)
        self.step()

    def open(self) -> None:
        """Logged in: what waits may leave."""
        self._open, self._refusal, self._overloads = True, None, 0
        self.step()

    def shut(self, error: Callable[[], TaskFailed]) -> None:
        """Nothing can be asked any more: end what waits and what was sent, and refuse what comes.

        Args:
            error: Makes the error of each.
        """
        self._open, self._refusal = False, error
        for queue in self._waiting.values():
            while queue:
                fail(queue.popleft(), error())
        for sent in list(self._sent.values()):
            self._end(sent, keep=False)
            fail(sent.request, error())
        for chain in list(self._chains.values()):
            self._drop(chain)

    def step(self) -> None:
        """Send what may be sent now, and come back when more may be."""
        while (request := self._next()) is not None:
            now = self._loop.monotonic()
            earliest = self._limiter.earliest(request.lane, now)
            if earliest > now:
                self._come_back(earliest - now)
                return
            chain = self._chain_of(request)
            if chain is None:
                return
            self._waiting[request.lane].popleft()
            if not request.future.set_running_or_notify_cancel():  # given up at this very moment
                self._free(chain.screen)
                continue
            self._limiter.start(request.lane, now)
            request.waited = now - request.asked_at
            self._send(request, chain)

    def on_tr_data(self, name: str, screen: str, record: str, more: str) -> bool:
        """An answer; whether it is one of these.

        Args:
            name: Of the request.
            screen: That it was asked for on.
            record: Of the record, as the event tells it.
            more: The event's ``sPrevNext``.
        """
        sent = self._sent.get(name)
        if sent is None:
            return self._is_late(name, screen)
        request = sent.request
        try:
            rows, beside = read_answer(self._control, request, record or name)
        except Exception as error:
            self._end(sent, keep=False)
            fail(request, unavailable(f"the answer of {request.code} could not be read: {error}"))
            return True
        self.answered += 1
        self._overloads = 0
        has_more = more.strip() == _MORE and request.record is not None and bool(rows)
        self._end(sent, keep=has_more)
        request.future.set_result(TrPage(rows, sent.chain.name if has_more else None, beside))
        return True

    def on_message(self, name: str, text: str) -> bool:
        """A text of the server; whether it is of a query. One without a name is about the last one sent."""
        sent = self._sent.get(name) if name else next(reversed(self._sent.values()), None)
        if sent is None:
            return False
        sent.texts.append(text)
        sent.timers.append(self._loop.call_later(self._timing.message, lambda: self._refused(sent)))
        return True

    def status(self) -> dict[str, Any]:
        """Counts."""
        return {
            "waiting": {lane.name.lower(): len(queue) for lane, queue in self._waiting.items()},
            "under_way": len(self._sent),
            "answered": self.answered,
            "timed_out": self.timed_out,
            "answers_too_late": self.late,
            "screens": f"{self._screens.used}/{self._screens.size}",
        }

    def _next(self) -> TrRequest | None:
        """The first that still wants an answer."""
        if not self._open:
            return None
        now = self._loop.monotonic()
        for queue in self._waiting.values():
            for request in [each for each in queue if not is_wanted(each, now)]:
                queue.remove(request)
                fail(request, expired())
        return next((queue[0] for queue in self._waiting.values() if queue), None)

    def _chain_of(self, request: TrRequest) -> _Chain | None:
        """The pages that it belongs to; ``None`` while it has to wait, or when it has failed."""
        if request.after is None:
            screen = self._screens.take()
            if screen is None:  # answers and time-outs give screens back
                return None
            return _Chain(f"tr{next(self._numbers)}", screen, request.code, tuple(request.inputs))
        chain = self._chains.pop(request.after, None)
        if chain is None or (chain.code, chain.inputs) != (request.code, tuple(request.inputs)):
            if chain is not None:
                self._chains[chain.name] = chain
            self._waiting[request.lane].popleft()
            fail(
                request,
                InvalidParameters(
                    "after: this query has no such next page (any more); begin with the first one",
                    vendor=VENDOR,
                ),
            )
            self._loop.post(self.step)
            return None
        if chain.expiry is not None:
            chain.expiry.cancel()
        return chain

    def _send(self, request: TrRequest, chain: _Chain) -> None:
        sent = _Sent(request, chain)
        # Events may come from within the call, so it is on record before.
        self._sent[chain.name] = sent
        sent.timers.append(self._loop.call_later(self._timing.request, lambda: self._unanswered(sent)))
        try:
            for item, value in request.inputs:
                self._control.SetInputValue(item, value)
            code = self._control.CommRqData(
                chain.name, request.code, FIRST_PAGE if request.after is None else NEXT_PAGE, chain.screen
            )
        except Exception as error:
            self._end(sent, keep=False)
            fail(request, unavailable(f"the control failed: {error}"))
            self._notify(Notice(HostState.CONTROL_FAILED, f"CommRqData raised {error}", restart=True))
            return
        if code == 0 or self._sent.get(chain.name) is not sent:
            return
        self._end(sent, keep=False)
        if code == OVERLOADED:
            self._overloaded(request)
            return
        if code == NO_PASSWORD:
            self._notify(Notice(HostState.ACCOUNT_PASSWORD_NOT_SET, REGISTER_IT, str(code)))
        fail(request, error_for(code, " ".join(sent.texts) or None))

    def _overloaded(self, request: TrRequest) -> None:
        """Ask nothing for a while; if that has not helped before, nothing but a new login does."""
        holds, now = self._timing.holds, self._loop.monotonic()
        if self._overloads >= len(holds):
            self._notify(
                Notice(
                    HostState.OVERLOADED,
                    "Kiwoom keeps refusing queries for their number; its hidden limit ends with a new login",
                    str(OVERLOADED),
                    restart=True,
                )
            )
            fail(request, error_for(OVERLOADED))
            return
        pause = holds[self._overloads]
        self._overloads += 1
        self._limiter.hold(now + pause)
        self._notify(
            Notice(
                HostState.OVERLOADED,
                f"Kiwoom refuses queries for their number; none is sent for {pause:g} s",
                str(OVERLOADED),
            )
        )
        fail(request, error_for(OVERLOADED))

    def _unanswered(self, sent: _Sent) -> None:
        if self._sent.get(sent.chain.name) is not sent:
            return
        self.timed_out += 1
        self._end(sent, keep=False)
        fail(
            sent.request,
            TaskTimeout(
                f"Kiwoom did not answer {sent.request.code} within {self._timing.request:g} s",
                vendor=VENDOR,
                vendor_message=" ".join(sent.texts) or None,
            ),
        )

    def _refused(self, sent: _Sent) -> None:
        """Nothing has come but a text."""
        if self._sent.get(sent.chain.name) is sent:
            self._end(sent, keep=False)
            fail(sent.request, refused_by_message(" ".join(sent.texts)))

    def _end(self, sent: _Sent, *, keep: bool) -> None:
        """It is over; its screen is freed unless a next page may be asked for on it."""
        del self._sent[sent.chain.name]
        for timer in sent.timers:
            timer.cancel()
        chain = sent.chain
        if keep:
            self._chains[chain.name] = chain
            chain.expiry = self._loop.call_later(self._timing.chain, lambda: self._drop(chain))
        else:
            self._free(chain.screen)
        self._loop.post(self.step)

    def _is_late(self, name: str, screen: str) -> bool:
        """Whether nobody waits for it any more; the live data that it has registered meanwhile end again."""
        if not name.startswith("tr"):
            return False
        self.late += 1

        def disconnect() -> None:
            if self._screens.is_free(screen):  # else whoever has it now frees it
                self._control.DisconnectRealData(screen)

        self._loop.post(disconnect)
        return True

    def _drop(self, chain: _Chain) -> None:
        if self._chains.pop(chain.name, None) is not None:
            if chain.expiry is not None:
                chain.expiry.cancel()
            self._free(chain.screen)

    def _free(self, screen: str) -> None:
        """A query registers live data of its instrument by itself; they end with the screen."""

        def free() -> None:
            try:
                self._control.DisconnectRealData(screen)
            finally:
                self._screens.give_back(screen)
            self.step()

        self._loop.post(free)

    def _come_back(self, seconds: float) -> None:
        if self._step_timer is not None:
            self._step_timer.cancel()
        self._step_timer = self._loop.call_later(seconds, self.step)
