"""Writes down which executions were published, in a thread, until it has succeeded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_server.core.fills import Published

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 5.0


class FillRecord(Protocol):
    """What outlives the worker. Blocking."""

    def load(self, market: str, day: date) -> tuple[Mapping[str, Published], bool]:
        """What was published of a day, by order number, and whether there is a baseline."""

    def save(self, market: str, day: date, published: Mapping[str, Published]) -> None:
        """Write down what has been published of some orders."""

    def set_baseline(self, market: str, day: date, published: Mapping[str, Published]) -> None:
        """Write down that a day has its baseline, and which."""


@dataclass(slots=True)
class _Unwritten:
    """What is to be written of one market's day: of each order only the newest."""

    published: dict[str, Published] = field(default_factory=dict)
    is_baseline: bool = False


class FillWriter:
    """Writes to a record. For one event loop.

    Args:
        record: Written to.
        pause: Waits.
    """

    def __init__(self, record: FillRecord, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._record = record
        self._pause = pause
        self._unwritten: dict[tuple[str, date], _Unwritten] = {}
        self._has_work = asyncio.Event()
        self._writing: asyncio.Future[bool] | None = None

    def add(
        self, market: str, day: date, published: Mapping[str, Published], *, baseline: bool = False
    ) -> None:
        """Write down what has been published of some orders.

        Args:
            baseline: And that the day has its baseline.
        """
        unwritten = self._unwritten.setdefault((market, day), _Unwritten())
        unwritten.published.update(published)
        unwritten.is_baseline |= baseline
        self._has_work.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._has_work.wait()
            self._writing = asyncio.ensure_future(self._write())
            if not await asyncio.shield(self._writing):
                await self._pause(AGAIN_SECONDS)

    async def finish(self) -> None:
        """Write what is left, once."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        await self._write()

    async def _write(self) -> bool:
        """Write everything; whether that succeeded."""
        self._has_work.clear()
        succeeded = True
        for (market, day), unwritten in list(self._unwritten.items()):
            del self._unwritten[market, day]
            write = self._record.set_baseline if unwritten.is_baseline else self._record.save
            try:
                await asyncio.to_thread(write, market, day, unwritten.published)
                continue
            except SQLAlchemyError as error:
                log.error("executions cannot be written down yet", reason=str(error).splitlines()[0])
            except Exception:
                log.exception("executions cannot be written down yet")
            succeeded = False
            newer = self._unwritten.get((market, day), _Unwritten())
            self.add(market, day, unwritten.published | newer.published, baseline=unwritten.is_baseline)
        return succeeded
