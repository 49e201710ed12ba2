"""The one thread of the control, and the rules of living on it.

A control of this kind is made, called and heard on one thread, whose messages must be dispatched all the
time: a thread that sleeps gets no event. So nothing here waits. What other threads want done is posted; what
must happen later is a timer; and every piece of work is timed, because one that takes long is a defect.

`ControlLoop` is the order of work, without a thread: tests step it by hand. `ControlThread` runs it over a
`Pump`, which is the only part that knows how messages are dispatched.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, Protocol, cast

import structlog

from broker_server.vendors.kiwoom.openapi_plus.control import EVENTS, METHODS, ControlEvents, KiwoomControl

log = structlog.get_logger(__name__)

Work = Callable[[], None]

LONGEST_WORK = 0.010
"""Seconds that the thread may be kept from its messages."""


class WrongThread(RuntimeError):
    """The control was called on a thread that it does not live on: a defect."""


class Pump(Protocol):
    """Dispatches the messages of one thread."""

    def open(self, work: Callable[[], float | None]) -> None:
        """Make ready, on the thread, before anything else.

        Args:
            work: Does what is due and returns the seconds until more is. A pump calls it where messages are
                dispatched without `wait`: while a window of the control is open.
        """

    def wait(self, seconds: float | None) -> None:
        """Dispatch messages until `wake` was called or the time is over; ``None`` has no end."""

    def wake(self) -> None:
        """End the present or the next `wait`; from any thread."""

    def close(self) -> None:
        """Release what `open` took, on the thread."""


class QueuePump:
    """For controls that need no messages of Windows."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def open(self, work: Callable[[], float | None]) -> None:
        pass

    def wait(self, seconds: float | None) -> None:
        self._event.wait(seconds)
        self._event.clear()

    def wake(self) -> None:
        self._event.set()

    def close(self) -> None:
        pass


class Timer:
    """Work of a later time."""

    __slots__ = ("work",)

    def __init__(self, work: Work) -> None:
        self.work: Work | None = work

    def cancel(self) -> None:
        """Do not do it."""
        self.work = None


class ControlLoop:
    """What is to be done on the control's thread, and when.

    Args:
        monotonic: Seconds that never go back.
        remote: Seconds that the thread has waited so far for a control of another process: of a trial's
            simulator, which is no fault of the work. The real control lives in this process.

    Attributes:
        longest: Seconds that the longest piece of work took, without these.
        slow: How many pieces took longer than `LONGEST_WORK`.
        failed: How many pieces raised, which is a defect and stops nothing.
        seen: When the loop last looked for work.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, remote: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.monotonic = monotonic
        self._remote = remote
        self.longest = 0.0
        self.slow = 0
        self.failed = 0
        self.seen = monotonic()
        self._waiting: deque[Work] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        self._began: float | None = None

    def post(self, work: Work) -> None:
        """Do it as soon as possible, after what was posted before; from any thread."""
        self._waiting.append(work)

    def call_later(self, seconds: float, work: Work) -> Timer:
        """Do it then; only from the control's thread."""
        timer = Timer(work)
        heapq.heappush(self._timers, (self.monotonic() + seconds, next(self._numbers), timer))
        return timer

    @property
    def held_up(self) -> float:
        """Seconds since the loop last looked for work, or since the present work began.

        It is looked for at least as often as there are timers. Long is where a window of the control waits
        for somebody.
        """
        return self.monotonic() - self.seen

    def run_due(self) -> float | None:
        """Do what is due, on the control's thread.

        A call of the control may dispatch messages while a window of it is open; work is never begun inside
        other work, so that no request gets between another one's inputs.

        Returns:
            Seconds until more is due; ``None`` if nothing is.
        """
        if self._began is not None:
            return None
        self.seen = self.monotonic()
        while (work := self._next()) is not None:
            self.timed(work, "work")
        return self._until_next()

    def timed(self, work: Work, what: str) -> None:
        """Do it now and note how long it took; what it raises is logged."""
        outer, started, waited = self._began, self.monotonic(), self._remote()
        self._began = started if outer is None else outer
        try:
            work()
        except Exception:
            self.failed += 1
            log.exception("kiwoom_control_work_failed", what=what)
        finally:
            self._began = outer
        took = self.monotonic() - started - (self._remote() - waited)
        self.longest = max(self.longest, took)
        if took > LONGEST_WORK:
            self.slow += 1
            log.warning("kiwoom_control_thread_held_up", what=what, seconds=round(took, 4))

    def _next(self) -> Work | None:
        now = self.monotonic()
        while self._timers and self._timers[0][0] <= now:
            if (work := heapq.heappop(self._timers)[2].work) is not None:
                return work
        return self._waiting.popleft() if self._waiting else None

    def _until_next(self) -> float | None:
        while self._timers and self._timers[0][2].work is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - self.monotonic()) if self._timers else None


class ControlThread:
    """Runs a loop on a thread of its own.

    Args:
        loop: What to do.
        pump: How messages are dispatched in between.
    """

    def __init__(self, loop: ControlLoop, pump: Pump) -> None:
        self.loop = loop
        self._pump = pump
        self._stopping = False
        self._ended: Work = lambda: None
        self._thread = threading.Thread(target=self._run, name="kiwoom-control", daemon=True)

    def start(self, begin: Work, ended: Work = lambda: None) -> None:
        """Start the thread.

        Args:
            begin: The first work on it: makes the control.
            ended: The last, also after a failure of the pump.
        """
        self.loop.post(begin)
        self._ended = ended
        self._thread.start()

    def post(self, work: Work) -> None:
        """Do it on the thread as soon as possible."""
        self.loop.post(work)
        self._pump.wake()

    def stop(self, seconds: float = 5.0) -> None:
        """End the thread after what it does now; give up waiting after that time."""
        self._stopping = True
        self._pump.wake()
        if self.is_alive() and not self.is_current():
            self._thread.join(seconds)

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    def is_current(self) -> bool:
        """Whether the caller is on it."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        try:
            self._pump.open(self.loop.run_due)
            try:
                while True:
                    seconds = self.loop.run_due()
                    if self._stopping:
                        break
                    self._pump.wait(seconds)
            finally:
                self._pump.close()
        except Exception:
            log.exception("kiwoom_control_thread_ended")
        finally:
            self.loop.timed(self._ended, "end")


def on_its_thread(control: KiwoomControl, is_current: Callable[[], bool]) -> KiwoomControl:
    """The control, refusing every call from elsewhere.

    Args:
        control: Made on its thread.
        is_current: Whether the caller is on that thread.

    Returns:
        The same methods; they raise `WrongThread`.
    """
    return cast("KiwoomControl", _Checked(control, is_current))


class _Checked:
    def __init__(self, control: KiwoomControl, is_current: Callable[[], bool]) -> None:
        for name in METHODS:
            setattr(self, name, _checked(name, getattr(control, name), is_current))


def _checked(name: str, method: Callable[..., Any], is_current: Callable[[], bool]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        if not is_current():
            raise WrongThread(f"{name} was called from {threading.current_thread().name}")
        return method(*args)

    return call


def timed_events(events: Callable[[], ControlEvents | None], loop: ControlLoop) -> ControlEvents:
    """Handlers for a control, each timed, and none of them raising: the control drops what a handler raises.

    Args:
        events: Whom to tell; ``None`` while there is nobody yet.
        loop: Where the time is noted.
    """
    return cast("ControlEvents", _Timed(events, loop))


class _Timed:
    def __init__(self, events: Callable[[], ControlEvents | None], loop: ControlLoop) -> None:
        for name in EVENTS:
            setattr(self, name, _timed(name, events, loop))


def _timed(name: str, events: Callable[[], ControlEvents | None], loop: ControlLoop) -> Callable[..., None]:
    def handle(*args: Any) -> None:
        loop.timed(lambda: getattr(events(), name, _nobody)(*args), name)

    return handle


def _nobody(*_: Any) -> None:
    log.warning("kiwoom_event_before_the_login")
