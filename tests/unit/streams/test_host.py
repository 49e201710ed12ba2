"""The thread of live data."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from broker_server.streams.host import StreamThread


class Main:
    """Runs until it is cancelled, and says how it ended."""

    def __init__(self) -> None:
        self.cancelled = False

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


@pytest.fixture
def main() -> Main:
    return Main()


@pytest.fixture
def thread(main: Main) -> Iterator[StreamThread]:
    made = StreamThread(main.run)
    made.start()
    yield made
    made.stop()


def test_it_calls_and_returns(thread: StreamThread) -> None:
    assert thread.call(lambda: threading.current_thread().name, 5) == "streams"


def test_it_passes_errors_on(thread: StreamThread) -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        thread.call(fail, 5)

    def fail_by_time() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        thread.call(fail_by_time, 5)


def test_what_has_begun_is_waited_for(thread: StreamThread) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go_on.wait(10)
        return "done"

    found = []
    caller = threading.Thread(target=lambda: found.append(thread.call(slow, 0.01)))
    caller.start()
    assert begun.wait(10)
    caller.join(0.05)
    go_on.set()
    caller.join(10)
    assert found == ["done"]


def test_what_has_not_begun_in_time_never_happens(thread: StreamThread) -> None:
    begun, go_on, called = threading.Event(), threading.Event(), []

    def block() -> None:
        begun.set()
        go_on.wait(10)

    assert thread.post(block)
    assert begun.wait(10)
    with pytest.raises(TimeoutError):
        thread.call(lambda: called.append(1), 0.01)
    go_on.set()
    thread.call(lambda: None, 5)
    assert called == []


def test_stopping_cancels_and_is_for_good(main: Main, thread: StreamThread) -> None:
    thread.stop()
    assert main.cancelled
    assert not thread.post(lambda: None)
    with pytest.raises(TimeoutError, match="does not run"):
        thread.call(lambda: None, 5)
    thread.stop()


def test_before_the_start_nothing_can_be_called(main: Main) -> None:
    thread = StreamThread(main.run)
    assert not thread.post(lambda: None)
    thread.stop()
