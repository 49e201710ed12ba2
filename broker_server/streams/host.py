"""The thread of live data: an event loop of its own, so that neither ticks nor tasks hold each other up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from contextvars import Context
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)
T = TypeVar("T")

STOP_SECONDS = 10.0


class StreamThread:
    """Runs a coroutine in a thread until told to stop, and lets other threads call into its event loop.

    Args:
        main: Runs until it is cancelled.
    """

    def __init__(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._main = main
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._started = threading.Event()
        self._waits: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="streams", daemon=True)

    def start(self) -> None:
        """Begin; returns when the event loop runs."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Cancel the coroutine and wait for its end."""
        if self._loop is not None and self._task is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(STOP_SECONDS)
            if self._thread.is_alive():
                log.warning("live data did not end in time; it goes with the process")

    def post(self, function: Callable[..., object], *arguments: object) -> bool:
        """Call something on the event loop, soon. For any thread.

        Returns:
            Whether there is an event loop to call it on.
        """
        try:
            if self._loop is None:
                return False
            # Without the caller's context: what begins here may outlive the task that it begins for by far.
            self._loop.call_soon_threadsafe(function, *arguments, context=Context())
        except RuntimeError:
            return False
        return True

    def call(self, function: Callable[[], T], timeout: float) -> T:
        """Call something on the event loop and wait for what it returns. For any other thread.

        Raises:
            TimeoutError: It was not called in time, or there is no event loop.
            Exception: Whatever it raises.
        """
        answer: Future[T] = Future()

        def run() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(function())
            except BaseException as error:
                answer.set_exception(error)

        if not self.post(run):
            raise TimeoutError("the thread of live data does not run")
        try:
            return answer.result(timeout)
        except TimeoutError:
            if answer.cancel():
                raise
            return answer.result()  # it has begun, so it happens: whoever called must know the outcome

    def wait(self, make: Callable[[], Coroutine[Any, Any, None]], timeout: float) -> bool:
        """Run a coroutine on the event loop. For any other thread.

        Returns:
            Whether it came to its end in time.
        """
        over: Future[None] = Future()

        def begin() -> None:
            task = asyncio.ensure_future(asyncio.wait_for(make(), timeout))
            self._waits.add(task)
            task.add_done_callback(end)

        def end(task: asyncio.Task[None]) -> None:
            self._waits.discard(task)
            if not task.cancelled() and task.exception() is None:
                over.set_result(None)
            else:
                over.cancel()

        try:
            if self.post(begin):
                over.result(timeout + 1.0)
                return True
        except (TimeoutError, CancelledError):
            pass
        return False

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            self._loop = runner.get_loop()
            self._task = self._loop.create_task(self._main())
            self._started.set()
            with suppress(asyncio.CancelledError):
                runner.run(self._wait_for(self._task))

    @staticmethod
    async def _wait_for(task: asyncio.Task[None]) -> None:
        try:
            await task
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("live data ended by a defect")
