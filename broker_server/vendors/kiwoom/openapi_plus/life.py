"""One life of the control, for callers on other threads: made, logged in, watched, ended.

What is asked of it is posted to its thread; who asks waits for a future, as long as its task may.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import structlog

from broker_server.core.methods import TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.control import ControlEvents, KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.errors import unavailable
from broker_server.vendors.kiwoom.openapi_plus.login import LoggedIn
from broker_server.vendors.kiwoom.openapi_plus.registrar import RealSink
from broker_server.vendors.kiwoom.openapi_plus.session import Session
from broker_server.vendors.kiwoom.openapi_plus.sta import (
    ControlLoop,
    ControlThread,
    Pump,
    on_its_thread,
    timed_events,
)
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice, OnNotice

log = structlog.get_logger(__name__)

MakeControl = Callable[[ControlEvents], KiwoomControl]
"""Makes the control on the thread that it is called on; its events go to the argument."""

NAP = 0.25
"""Seconds between two looks whether a caller may still wait."""
_LOOK = 10.0
_NOT_YET = "the login begins when this worker serves the account: one login of an ID ends the other"
_WINDOW_WAITS = "the control's thread is held up: a window of Kiwoom waits for somebody on the host's desktop"

_T = TypeVar("_T")


class ControlLife:
    """Makes the control on its thread and carries out what others ask of it.

    Args:
        config: The login.
        make_control: Makes the control.
        pump: Dispatches the messages of the control's thread.
        clock: The time.
        sink: Whom live data are told to.
        on_session: Called on the control's thread with a session that is about to log in.
        remote: See `ControlLoop`.

    Attributes:
        listeners: Told of each state, on the control's thread; must return at once.
        notice: The present state.
        session: Once the control is made.
        logged_in: What the login told, once there was one.
        password_missing: An order or a query was refused for want of a registered password.
        loop: The work of the control's thread.
    """

    def __init__(
        self,
        config: OpenApiPlusConfig,
        make_control: MakeControl,
        *,
        pump: Pump,
        clock: Clock,
        sink: RealSink,
        on_session: Callable[[Session], None],
        remote: Callable[[], float],
    ) -> None:
        self._config = config
        self._make_control = make_control
        self._clock = clock
        self._sink = sink
        self._on_session = on_session
        self.listeners: list[OnNotice] = []
        self.notice = Notice(HostState.CONNECTING, _NOT_YET)
        self.session: Session | None = None
        self.logged_in: LoggedIn | None = None
        self.password_missing = False
        self.loop = ControlLoop(clock.monotonic, remote)
        self._thread = ControlThread(self.loop, pump)
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._started = False

    def start(self) -> None:
        """Make the control on its thread and log in; returns at once. Later calls do nothing."""
        with self._starting:
            if self._started or self._closing.is_set():
                return
            self._started = True
        self._thread.start(self._begin, self._ended)
        threading.Thread(target=self._watch, name="kiwoom-watch", daemon=True).start()

    def close(self) -> None:
        """End what waits, and the thread."""
        self._closing.set()
        self._thread.post(lambda: self._end("the worker is stopping"))
        self._thread.stop()
        self._told(Notice(HostState.STOPPED, "the worker is stopping"))

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def post(self, work: Callable[[], None]) -> None:
        """Do it on the control's thread as soon as possible."""
        self._thread.post(work)

    def ready_session(self, context: TaskContext) -> Session:
        """The session once it is logged in.

        Raises:
            TaskFailed: It is not, and will not be soon.
        """
        self.start()
        give_up = self._clock.monotonic() + self._config.timing.ready
        while True:
            session, notice = self.session, self.notice
            # Its accounts are on record a moment later than the login itself.
            if session is not None and session.is_ready and self.logged_in is not None:
                return session
            over = None if session is None else session.error()
            if over is not None:
                raise over
            if notice.state is not HostState.CONNECTING and notice.state is not HostState.READY:
                raise unavailable(f"{notice.state}: {notice.reason}")
            if self._clock.monotonic() >= give_up:
                raise unavailable(f"{notice.state}: Kiwoom's control is not logged in yet")
            context.ensure_in_time()
            with self._changed:
                self._clock.wait(self._changed, NAP)

    def ask(self, question: Callable[[KiwoomControl], _T], context: TaskContext) -> _T:
        """Ask for what the control knows by itself; no limit counts it."""
        session, future = self.ready_session(context), Future[_T]()

        def do() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(question(session.control))
            except Exception as error:
                future.set_exception(unavailable(f"the control failed: {error}"))
                self._told(Notice(HostState.CONTROL_FAILED, f"a look-up raised {error}", restart=True))

        self._thread.post(do)
        return self.wait(future, context)

    def wait(self, future: Future[_T], context: TaskContext) -> _T:
        """The future's result, as long as the task may wait and the thread works.

        Raises:
            TaskFailed: The future's error, or the wait is over.
        """
        while True:
            try:
                return future.result(NAP)
            except TimeoutError:
                try:
                    context.ensure_in_time()
                    self._ensure_alive()
                except BaseException:
                    future.cancel()
                    raise

    # What follows runs on the control's thread.

    def _begin(self) -> None:
        try:
            made = self._make_control(timed_events(lambda: self.session, self.loop))
        except Exception as error:
            self._told(Notice(HostState.CONTROL_FAILED, str(error), restart=True))
            return
        control = on_its_thread(made, self._thread.is_current)
        session = Session(
            control,
            self.loop,
            timing=self._config.timing,
            sink=self._sink,
            notify=self._told,
            ready=self._ready,
        )
        self._on_session(session)
        self.session = session
        session.begin()

    def _ready(self, logged_in: LoggedIn) -> None:
        self.logged_in = logged_in
        with self._changed:
            self._changed.notify_all()

    def _told(self, notice: Notice) -> None:
        if notice.state is HostState.ACCOUNT_PASSWORD_NOT_SET:
            self.password_missing = True
        elif notice.state is not HostState.OVERLOADED or notice.restart:
            self.notice = notice
        with self._changed:
            self._changed.notify_all()
        for listener in self.listeners:
            try:
                listener(notice)
            except Exception as error:  # such as a pipe whose supervisor is gone: the state must go on
                log.warning("kiwoom_notice_not_told", state=str(notice.state), reason=repr(error))

    def _end(self, reason: str) -> None:
        if self.session is not None:
            self.session.end(reason)

    def _ended(self) -> None:
        self._end("the control's thread has ended")

    # What follows runs on the caller's.

    def _ensure_alive(self) -> None:
        if not self._thread.is_alive():
            raise unavailable("the control's thread has ended")
        if self.loop.held_up > self._config.timing.held_up:
            raise unavailable(_WINDOW_WAITS)

    def _watch(self) -> None:
        """Tell once when the control's thread is held up or has ended: only a new process helps.

        Before the login it is the login, or an update, that waits for somebody; a new process would take the
        window away from whoever is at it.
        """
        limit = self._config.timing.held_up
        while not self._closing.wait(min(_LOOK, limit / 4)):
            if not self._thread.is_alive():
                reason = "the control's thread has ended"
            elif self.loop.held_up > limit and self.logged_in is None:
                if self.notice.state is HostState.CONNECTING:
                    self._told(Notice(HostState.LOGIN_REQUIRED, _WINDOW_WAITS))
                continue
            elif self.loop.held_up > limit:
                reason = _WINDOW_WAITS
            else:
                self._thread.post(lambda: None)  # an idle loop would not be seen to live
                continue
            if not self.notice.restart:
                self._told(Notice(HostState.CONTROL_FAILED, reason, restart=True))
            return
