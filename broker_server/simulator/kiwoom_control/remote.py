"""A simulated control of another process: see `broker_server.simulator.kiwoom_control.door`.

What the control's methods return comes over loopback, while the thread that calls them waits, as it does for
the real one. What is read inside an event has come with it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from typing import Any

import orjson
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from broker_server.simulator.kiwoom_control.faults import ControlDied, ReadOutsideEvent
from broker_server.simulator.kiwoom_control.messages import Messages
from broker_server.simulator.kiwoom_control.text import padded

# ruff: noqa: N802, N803 - the names are the control's own

ANSWER_SECONDS = 10.0
_OPEN_SECONDS, _CLOSE_SECONDS = 10.0, 1.0
_LOST = -106
_NUMBER = "주문번호"


class NoControl(RuntimeError):
    """The simulator gives no control."""


class RemoteMessages(Messages):
    """The messages of a control of a simulator, and the way to it. `close` ends both.

    Args:
        url: ``ws://127.0.0.1:…/openapi-plus?server=mock`` or ``real``.

    Attributes:
        waited: Seconds that calls of the control have waited for the other process.

    Raises:
        NoControl: Nobody answers there, or not with a control.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self.waited = 0.0
        self._open = ExitStack()
        try:
            self.connection: ClientConnection = self._open.enter_context(
                connect(
                    url,
                    compression=None,
                    proxy=None,
                    max_size=None,
                    ping_interval=None,
                    open_timeout=_OPEN_SECONDS,
                    close_timeout=_CLOSE_SECONDS,
                )
            )
        except (OSError, InvalidHandshake) as error:
            raise NoControl(f"no simulated OpenAPI+ control at {url}: {error}") from None

    def make(self, events: Any) -> RemoteControl:
        """The control, on the thread that turns these messages; its events go to the argument."""
        return RemoteControl(events, self)

    def close(self) -> None:
        """Forget what waits, and let the control go."""
        super().close()
        self._open.close()


class RemoteControl:
    """Has the control's methods by their own names; all but those below are asked for.

    Args:
        events: Where its events go.
        messages: Of its thread.
    """

    def __init__(self, events: Any, messages: RemoteMessages) -> None:
        self._events = events
        self._messages = messages
        self._connection = messages.connection
        self._numbers = count(1)
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reads: dict[str, Any] | None = None
        self._died: str | None = None
        threading.Thread(target=self._receive, name="simulated-control", daemon=True).start()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name[0].isupper():
            raise AttributeError(name)
        return partial(self._call, name)

    def GetRepeatCnt(self, sTrCode: str, sRecordName: str) -> int:
        return len(self._read("answer", sTrCode)["rows"])

    def GetCommData(self, strTrCode: str, strRecordName: str, nIndex: int, strItemName: str) -> str:
        if self._reads is not None and "order_number" in self._reads:
            return padded(self._reads["order_number"].strip()) if strItemName == _NUMBER else ""
        answer = self._read("answer", strTrCode)
        if nIndex == 0 and strItemName in answer["single"]:
            return padded(answer["single"][strItemName])
        if nIndex < len(answer["rows"]) and strItemName in answer["columns"]:
            return padded(answer["rows"][nIndex][answer["columns"].index(strItemName)])
        return ""

    def GetCommDataEx(self, strTrCode: str, strRecordName: str) -> Sequence[Sequence[str]] | None:
        return self._read("answer", strTrCode)["rows"] or None

    def GetCommRealData(self, sCode: str, nFid: int) -> str:
        return str(self._read("real", sCode)["fields"].get(str(nFid), ""))

    def GetChejanData(self, nFid: int) -> str:
        return str(self._read("chejan")["fields"].get(str(nFid), ""))

    def _read(self, kind: str, of: str = "") -> dict[str, Any]:
        if self._died is not None:
            raise ControlDied(self._died)
        found: dict[str, Any] | None = (self._reads or {}).get(kind)
        if found is None or found["of"] != of.upper():
            raise ReadOutsideEvent(f"{kind} data were read outside of their event")
        return found

    def _call(self, name: str, *arguments: Any) -> Any:
        if self._died is not None:
            raise ControlDied(self._died)
        started = self._messages.monotonic()
        try:
            return self._asked(name, arguments)
        finally:
            self._messages.waited += self._messages.monotonic() - started

    def _asked(self, name: str, arguments: Sequence[Any]) -> Any:
        number = next(self._numbers)
        with suppress(ConnectionClosed):  # its end is among the answers
            self._connection.send(
                orjson.dumps({"id": number, "call": name, "args": arguments}).decode(), text=True
            )
        while True:
            try:
                answer = self._answers.get(timeout=ANSWER_SECONDS)
            except queue.Empty:
                raise ControlDied(f"the control did not return from {name}") from None
            if answer is None:
                raise ControlDied(self._died or "the simulator has ended")
            if answer["id"] != number:  # of a call that was given up
                continue
            if "error" not in answer:
                return answer["result"]
            if answer.get("died"):
                raise ControlDied(answer["error"])
            raise RuntimeError(f"{name}: {answer['error']}")

    def _receive(self) -> None:
        try:
            with suppress(ConnectionClosed):
                while True:
                    self._received(orjson.loads(self._connection.recv()))
        finally:
            self._died = "the simulator has ended"
            self._answers.put(None)
            self._messages.post(partial(self._events.OnEventConnect, _LOST))

    def _received(self, told: dict[str, Any]) -> None:
        if "event" in told:
            self._messages.post(partial(self._tell, told["event"], told["args"], told["reads"]))
        else:
            self._answers.put(told)

    def _tell(self, name: str, arguments: Sequence[Any], reads: dict[str, Any] | None) -> None:
        self._reads = reads
        try:
            getattr(self._events, name)(*arguments)
        finally:
            self._reads = None
