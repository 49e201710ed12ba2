"""A client of workers that the test speaks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from broker_client.aio import AsyncClient
from broker_client.errors import BrokerError
from broker_client.protocol import TaskReply
from broker_client.results import TaskResult
from broker_client.streams import StreamEvent, StreamStatus

NOON = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


def a_result(*rows: dict[str, Any]) -> TaskResult:
    """A task that succeeded."""
    reply = TaskReply(task_id="1", result=list(rows), response_time=NOON, status="TASK_SUCCEED")
    return TaskResult.from_reply(reply)


def an_event(
    *,
    price: int = 158_600,
    seconds: float = 0,
    vendor: str = "kis",
    ticker: str = "005930",
    mode: str = "realtime",
    snapshot: bool = False,
    missed: int | None = 0,
    **more: Any,
) -> StreamEvent:
    """A trade as a worker tells it."""
    data = {
        "type": "trade",
        "vendor": vendor,
        "ticker": ticker,
        "venue": "KRX",
        "time": (NOON + timedelta(seconds=seconds)).isoformat(),
        "price": price,
        "quantity": 3,
        "change": -700,
        "volume": 10,
        "side": "buy",
    }
    return StreamEvent(
        data=data | more,
        key=f"trade.{ticker}",
        epoch="e",
        sequence=1,
        missed=missed,
        snapshot=snapshot,
        mode=mode,
        recovered=False,
        received_at=NOON + timedelta(seconds=seconds),
        message=b"",
    )


def a_status(state: str, reason: str | None = None) -> StreamStatus:
    """News of a stream."""
    return StreamStatus(state=state, reason=reason, key=None, data={}, received_at=NOON, message=None)


class FakeStream:
    """A subscription; `tell` is what the worker sends, an error ends it."""

    def __init__(self, client: FakeClient, method: str, parameters: dict[str, Any]) -> None:
        self.method = method
        self.parameters = parameters
        self.ack: TaskResult | None = None
        self.is_closed = False
        self._client = client
        self._items: asyncio.Queue[Any] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        answer = self._client.on_subscribe(self.method)
        if isinstance(answer, BrokerError):
            raise answer
        self.ack = a_result({"mode": answer})
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_closed = True
        await self._client.unsubscribed.wait()

    async def messages(self) -> AsyncIterator[Any]:
        """What comes."""
        while True:
            item = await self._items.get()
            if isinstance(item, BrokerError):
                raise item
            yield item

    def tell(self, item: StreamEvent | StreamStatus | BrokerError) -> None:
        """The worker sends something."""
        self._items.put_nowait(item)

    def acknowledge(self, mode: str) -> None:
        """It has been subscribed again."""
        self.ack = a_result({"mode": mode})


class FakeClient(AsyncClient):
    """Answers as the test says.

    Attributes:
        streams: Every subscription so far.
        calls: Methods and parameters of every task so far.
        on_subscribe: By method: the mode of the acknowledgement, or the refusal.
        on_call: By method and parameters: the row, or the refusal.
        gate: A task is answered when it is set.
        unsubscribed: Unsubscribing is answered when it is set.
        down: Why there is no connection.
    """

    def __init__(self) -> None:
        self.streams: list[FakeStream] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.on_subscribe: Callable[[str], str | BrokerError] = lambda method: "realtime"
        self.on_call: Callable[[str, dict[str, Any]], dict[str, Any] | BrokerError] = a_quote
        self.gate = asyncio.Event()
        self.gate.set()
        self.unsubscribed = asyncio.Event()
        self.unsubscribed.set()
        self.down: str | None = None

    @property
    def trouble(self) -> str | None:
        """See `AsyncClient`."""
        return self.down

    def stream(self, method: str, /, **parameters: Any) -> Any:
        """See `AsyncClient`."""
        parameters.pop("timeout")
        made = FakeStream(self, method, parameters)
        self.streams.append(made)
        return made

    def send_parameters(self, method: str, parameters: Any, /, **_: Any) -> Any:
        """See `AsyncClient`."""
        self.calls.append((method, dict(parameters)))
        return self._answer(method, dict(parameters))

    async def ping(self, **_: Any) -> Any:
        """See `AsyncClient`."""
        if self.down is not None:
            raise BrokerError(self.down)

    def of(self, vendor: str) -> list[FakeStream]:
        """The subscriptions at a vendor that have not been ended."""
        return [each for each in self.streams if each.method.startswith(vendor) and not each.is_closed]

    async def _answer(self, method: str, parameters: dict[str, Any]) -> TaskResult:
        await self.gate.wait()
        answer = self.on_call(method, parameters)
        if isinstance(answer, BrokerError):
            raise answer
        return a_result(answer)


def a_quote(method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The result of get-current-price."""
    return {
        "ticker": parameters["ticker"],
        "venue": parameters.get("exchange", "KRX"),
        "price": 159_000,
        "change": -300,
        "volume": 20,
        "halted": False,
    }
