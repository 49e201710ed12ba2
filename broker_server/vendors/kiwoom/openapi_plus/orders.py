"""Orders: each leaves once, and ends with a number, a refusal, or an outcome that nobody knows.

What proves what: a code that `SendOrder` returns says whether the order left at all. An answer with a number
means that Kiwoom has it. An answer without one means that it was refused, unless news of an order came in by
the same screen: then somebody is wrong, and the outcome is unknown. No answer within the time is unknown,
always.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import structlog

from broker_client.errors import TaskExpired, TaskFailed, VendorRejected
from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import Lane
from broker_server.vendors.kiwoom.openapi_plus.control import KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.errors import (
    NO_PASSWORD,
    REGISTER_IT,
    VENDOR,
    OrderVerdict,
    order_not_taken,
    order_refused,
    order_unknown,
    order_verdict,
    unavailable,
)
from broker_server.vendors.kiwoom.openapi_plus.screens import ScreenPool
from broker_server.vendors.kiwoom.openapi_plus.sta import ControlLoop, Timer
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice, OnNotice
from broker_server.vendors.kiwoom.openapi_plus.timing import Timing

log = structlog.get_logger(__name__)

NUMBER_ITEM = "주문번호"
FID_ORDER_NUMBER, FID_TICKER, FID_SCREEN = 9203, 9001, 920
_MOST_KNOWN = 10_000


class OrderNotTaken(Exception):
    """Kiwoom provably does not have the order, and nobody has looked at it.

    Attributes:
        error: For the client.
    """

    def __init__(self, error: TaskFailed) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True, eq=False, kw_only=True)
class OrderCall:
    """The arguments of one `SendOrder`.

    Attributes:
        deadline: Of the loop's clock; it must not leave after it.
        has_slot: An `OrderSlot` was waited for.
        asked_at: When it began to wait, on the loop's clock.
        waited: Seconds that it waited for its turn; ``None`` until it had it.
        future: The order's number, an error, or `OrderNotTaken`.
    """

    account: str
    order_type: int
    ticker: str
    quantity: int
    price: int
    kind: str
    original: str
    lane: Lane
    deadline: float | None = None
    has_slot: bool = False
    asked_at: float = 0.0
    waited: float | None = None
    future: Future[str] = field(default_factory=Future)


@dataclass(slots=True, eq=False, kw_only=True)
class OrderSlot:
    """A place in the rate limit, waited for before the last gate of an order.

    Attributes:
        deadline: Of the loop's clock, after which nobody wants it.
        asked_at: When it began to wait, on the loop's clock.
        waited: Seconds that it waited for its turn; ``None`` until it had it.
        future: Done once an order may leave at once.
    """

    lane: Lane
    deadline: float | None = None
    asked_at: float = 0.0
    waited: float | None = None
    future: Future[None] = field(default_factory=Future)


@dataclass(slots=True, eq=False)
class _Sent:
    call: OrderCall
    name: str
    screen: str
    timers: list[Timer] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    noticed: str | None = None
    blank: bool = False


class Orders:
    """The orders of one control; everything on its thread.

    Args:
        control: What sends.
        loop: Where to be called later.
        limiter: How often Kiwoom allows it.
        screens: Numbers for orders alone.
        timing: The waits.
        notify: Whom to tell that an account has no password registered.
    """

    def __init__(
        self,
        control: KiwoomControl,
        loop: ControlLoop,
        *,
        limiter: SlidingWindowLimiter,
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
        self._waiting: dict[Lane, deque[OrderCall | OrderSlot]] = {
            Lane.CANCEL: deque(),
            Lane.ORDER: deque(),
        }
        self._sent: dict[str, _Sent] = {}
        self._known: dict[str, None] = {}
        self._numbers = count(1)
        self._open = False
        self._step_timer: Timer | None = None
        self.accepted = self.refused = self.unknown = self.late = 0

    def submit(self, call: OrderCall | OrderSlot) -> None:
        """Send it, or give it its slot, as soon as that may be; at once an error unless logged in."""
        if not self._open:
            _fail(
                call, OrderNotTaken(unavailable("the order was not sent: Kiwoom's control is not logged in"))
            )
            return
        call.asked_at = self._loop.monotonic()
        if isinstance(call, OrderCall) and call.has_slot:
            self._waiting[call.lane].appendleft(call)
        else:
            self._waiting[call.lane].append(call)
        self.step()

    def open(self) -> None:
        """Logged in."""
        self._open = True

    def shut(self, reason: str) -> None:
        """The control is gone: what waits was not sent, and nobody knows what became of what was."""
        self._open = False
        for queue in self._waiting.values():
            while queue:
                _fail(queue.popleft(), OrderNotTaken(unavailable(f"the order was not sent: {reason}")))
        for sent in list(self._sent.values()):
            self._end(sent, order_unknown(reason))

    def step(self) -> None:
        """Send what may be sent now, and come back when more may be."""
        while (call := next((queue[0] for queue in self._waiting.values() if queue), None)) is not None:
            now = self._loop.monotonic()
            has_slot = isinstance(call, OrderCall) and call.has_slot
            earliest = now if has_slot else self._limiter.earliest(call.lane, now)
            if earliest > now:
                self._come_back(earliest - now)
                return
            screen = self._screens.take()
            if screen is None:  # answers and time-outs give screens back
                return
            self._waiting[call.lane].popleft()
            is_late = call.deadline is not None and now >= call.deadline
            # From here on the caller cannot take it back any more.
            if is_late or not call.future.set_running_or_notify_cancel():
                self._screens.give_back(screen)
                _fail(call, OrderNotTaken(_expired()))
                continue
            if not has_slot:
                self._limiter.start(call.lane, now)
                call.waited = now - call.asked_at
            if isinstance(call, OrderSlot):
                self._screens.give_back(screen)
                call.future.set_result(None)
            else:
                self._send(call, screen)

    def on_tr_data(self, name: str, code: str) -> bool:
        """An answer; whether it is one of these.

        Args:
            name: Of the order.
            code: The event's TR.
        """
        sent = self._sent.get(name)
        if sent is None:
            is_late = name.startswith("order")
            self.late += is_late
            return is_late
        try:
            number = self._control.GetCommData(code, name, 0, NUMBER_ITEM).strip()
        except Exception as error:
            self._end(sent, order_unknown(f"its answer could not be read: {error}"))
            return True
        if number.strip("0"):
            self._end(sent, number)
        else:
            sent.blank = True
            self._judge_blank(sent)
        return True

    def on_message(self, name: str, text: str) -> bool:
        """A text of the server; whether it belongs to an order."""
        sent = self._sent.get(name)
        if sent is None:
            return False
        sent.texts.append(text)
        if sent.blank:
            self._judge_blank(sent)
        return True

    def on_chejan(self, fields: Mapping[int, str]) -> None:
        """News of an own order, which may be faster than the answer."""
        screen, number = fields.get(FID_SCREEN, "").strip(), fields.get(FID_ORDER_NUMBER, "").strip()
        if not number.strip("0") or number in self._known:
            return  # screens are used again: later news of an older order are not of the one under way
        self._know(number)
        for sent in self._sent.values():
            if sent.screen == screen and fields.get(FID_TICKER, "").strip().endswith(sent.call.ticker):
                sent.noticed = number

    def status(self) -> dict[str, Any]:
        """Counts."""
        return {
            "waiting": {lane.name.lower(): len(queue) for lane, queue in self._waiting.items()},
            "under_way": len(self._sent),
            "accepted": self.accepted,
            "refused": self.refused,
            "unknown": self.unknown,
            "answers_too_late": self.late,
        }

    def _send(self, call: OrderCall, screen: str) -> None:
        sent = _Sent(call, f"order{next(self._numbers)}", screen)
        # Events may come from within the call, so it is on record before.
        self._sent[sent.name] = sent
        sent.timers.append(self._loop.call_later(self._timing.order, lambda: self._unanswered(sent)))
        try:
            code = self._control.SendOrder(
                sent.name,
                screen,
                call.account,
                call.order_type,
                call.ticker,
                call.quantity,
                call.price,
                call.kind,
                call.original,
            )
        except Exception as error:
            self._end(sent, order_unknown(f"the control failed: {error}"))
            self._notify(Notice(HostState.CONTROL_FAILED, f"SendOrder raised {error}", restart=True))
            return
        if code == 0 or sent.name not in self._sent:
            return
        if code == NO_PASSWORD:
            self._notify(Notice(HostState.ACCOUNT_PASSWORD_NOT_SET, REGISTER_IT, str(code)))
        text = " ".join(sent.texts) or None
        verdict = order_verdict(code)
        if sent.noticed is not None or verdict is OrderVerdict.UNKNOWN:
            self._end(sent, order_unknown(f"SendOrder returned {code}", code, text))
        elif verdict is OrderVerdict.REFUSED:
            self._end(sent, order_refused(code, text))
        else:
            self._end(sent, OrderNotTaken(order_not_taken(code)))

    def _judge_blank(self, sent: _Sent) -> None:
        """An answer without a number: the text says why, and may come a little later."""
        if sent.noticed is not None:
            self._end(sent, order_unknown("an answer without a number, but news of an order of its screen"))
        elif sent.texts:
            self._end(sent, order_refused(None, " ".join(sent.texts)))
        else:
            sent.timers.append(
                self._loop.call_later(self._timing.order_message, lambda: self._without_a_text(sent))
            )

    def _without_a_text(self, sent: _Sent) -> None:
        if sent.name in self._sent:
            unknown = sent.noticed is not None
            self._end(
                sent,
                order_unknown("an answer without a number, but news of an order of its screen")
                if unknown
                else order_refused(None, None),
            )

    def _unanswered(self, sent: _Sent) -> None:
        if sent.name in self._sent:
            hint = f"; news came of order {sent.noticed} by its screen" if sent.noticed else ""
            reason = f"Kiwoom did not answer within {self._timing.order:g} s{hint}"
            self._end(sent, order_unknown(reason, None, " ".join(sent.texts) or None))

    def _end(self, sent: _Sent, outcome: str | Exception) -> None:
        del self._sent[sent.name]
        for timer in sent.timers:
            timer.cancel()
        if isinstance(outcome, str):
            self.accepted += 1
            self._know(outcome)
            sent.call.future.set_result(outcome)
        else:
            known = isinstance(outcome, (OrderNotTaken, VendorRejected))
            self.refused += known
            self.unknown += not known
            _fail(sent.call, outcome)
        self._screens.give_back(sent.screen)
        self._loop.post(self.step)

    def _know(self, number: str) -> None:
        self._known[number] = None
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def _come_back(self, seconds: float) -> None:
        if self._step_timer is not None:
            self._step_timer.cancel()
        self._step_timer = self._loop.call_later(seconds, self.step)


def _expired() -> TaskFailed:
    return TaskExpired("the deadline passed before the order left", vendor=VENDOR)


def _fail(call: OrderCall | OrderSlot, error: Exception) -> None:
    with suppress(InvalidStateError):  # who asked has given up
        call.future.set_exception(error)
