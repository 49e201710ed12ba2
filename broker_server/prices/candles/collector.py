"""Fills the store: asks workers for the candles of each ticker, some tickers at a time.

The tasks are those of the bulk lane, so that prices, balances and orders never wait behind them. What is
stored is the only state: a run that ends at any moment is gone on with by the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Protocol

import structlog

from broker_client.errors import (
    AuthenticationFailed,
    BrokerError,
    ClientClosed,
    InvalidParameters,
    NoAnswer,
    TaskExpired,
    TaskFailed,
    TaskQueueMissing,
    UnknownMethod,
    Unsupported,
    VendorNotConfigured,
    WrongEnvironment,
)
from broker_client.results import TaskResult
from broker_server.prices.candles.gaps import missing_days
from broker_server.prices.candles.plan import (
    OVERLAP,
    Period,
    covered_by,
    differ,
    next_period,
    whole_period,
)
from broker_server.prices.candles.rows import UnusableAnswer, candles_of_rows
from broker_server.prices.candles.store import CandleStore, Target
from broker_server.prices.candles.tally import Tally
from broker_server.prices.history import DailyCandle
from broker_server.prices.model import State
from broker_server.prices.tickers import spelled_for
from broker_server.prices.translation import refusal_of

log = structlog.get_logger(__name__)

IN_FLIGHT = 4
"""Tasks at a time: as many as a worker has threads for bulk reads (a quarter of READ_THREADS)."""

TASK_SECONDS = 120.0
TRIES = 4
FIRST_PAUSE = 1.0
FAILURES_IN_A_ROW = 8
"""After so many tickers that cannot be read, the run ends: it is not the tickers."""

ASKED_AGAIN_FOR = timedelta(days=30)
"""A day that is missing is asked for again for so long."""

_ALWAYS_ADJUSTED = ("koscom",)
"""Their candles are adjusted, and their methods have no parameter for it."""

_FOR_ALL = (
    AuthenticationFailed,
    ClientClosed,
    TaskQueueMissing,
    UnknownMethod,
    Unsupported,
    VendorNotConfigured,
    WrongEnvironment,
)
"""What the next ticker would hear, too."""


class CollectingStopped(Exception):
    """The run cannot go on; the message says why."""


class _Unreadable(Exception):
    """One ticker cannot be read now."""


class Tasks(Protocol):
    """Sends tasks to workers; `AsyncClient` does."""

    def send_parameters(
        self, method: str, parameters: dict[str, object], *, timeout: float | None = None
    ) -> Awaitable[TaskResult]:
        """Run one."""


class Collector:
    """One run.

    Args:
        tasks: The way to the workers.
        store: Is filled.
        vendor: Whose candles.
        clock: UTC.
        tally: Counts what is done.
        sleep: Waits before another try.
        advanced: Called after each ticker.
    """

    def __init__(
        self,
        tasks: Tasks,
        store: CandleStore,
        vendor: str,
        *,
        clock: Callable[[], datetime],
        tally: Tally,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        advanced: Callable[[], None] = lambda: None,
    ) -> None:
        self._tally = tally
        self._tasks = tasks
        self._store = store
        self._vendor = vendor
        self._clock = clock
        self._sleep = sleep
        self._advanced = advanced
        self._failures = 0

    async def collect(self, targets: Iterable[Target]) -> None:
        """Read until the history of each one is whole.

        Raises:
            CollectingStopped: What is wrong concerns all tickers.
        """
        wanted = deque(targets)
        last_day = self._store.calendar.last_complete_day(self._clock())

        async def take() -> None:
            while wanted:
                await self._collect_one(wanted.popleft(), last_day)
                self._advanced()

        readers = [asyncio.ensure_future(take()) for _ in range(min(IN_FLIGHT, len(wanted)))]
        try:
            await asyncio.gather(*readers)
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    async def _collect_one(self, target: Target, last_day: date) -> None:
        ticker = target.ticker
        try:
            newest = await self._read_all(target, last_day)
        except InvalidParameters as error:
            if refusal_of(error) is not State.UNKNOWN:
                self._failed(ticker, error.message)
                return
            await self._unknown(ticker, error.message)
        except _FOR_ALL as error:
            raise CollectingStopped(str(error)) from error
        except (_Unreadable, UnusableAnswer) as error:
            self._failed(ticker, str(error))
            return
        else:
            if newest == last_day:
                self._tally.whole += 1
            else:
                self._tally.behind.append(ticker)
        self._failures = 0

    async def _unknown(self, ticker: str, reason: str) -> None:
        stored = await asyncio.to_thread(self._store.candles, ticker, limit=1)
        if stored and stored[-1].vendor != self._vendor:  # vendors write some codes in different ways
            self._tally.failed[ticker] = f"{self._vendor} does not know it, {stored[-1].vendor} did"
            return
        await asyncio.to_thread(self._store.refuse, ticker, reason, self._clock())
        self._tally.unknown[ticker] = reason

    def _failed(self, ticker: str, reason: str) -> None:
        log.debug("a ticker cannot be read", ticker=ticker, reason=reason)
        self._tally.failed[ticker] = reason
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            raise CollectingStopped(f"{self._failures} tickers in a row could not be read: {reason}")

    async def _read_all(self, target: Target, last_day: date) -> date | None:
        """Read portion by portion; the newest day that is covered."""
        ticker = target.ticker
        adjusted = False
        while (period := await asyncio.to_thread(self._next, target, last_day)) is not None:
            candles = await self._ask(ticker, period)
            stored = await asyncio.to_thread(self._store.closes, ticker, period.first, period.last)
            if differ(stored, candles):
                if adjusted:
                    raise _Unreadable("its closes change from one answer to the next")
                adjusted = True
                self._tally.adjusted.append(ticker)
                period = whole_period(target, last_day)
                candles = await self._ask(ticker, period)
                covered = covered_by(period, candles, target)
                if covered is None:
                    raise _Unreadable("its history was adjusted, and there is none now")
                await asyncio.to_thread(self._store.replace, ticker, candles, covered=covered)
            else:
                covered = covered_by(period, candles, target)
                if covered is None:
                    return target.covered_until
                await asyncio.to_thread(self._store.add, ticker, candles, covered=covered)
            self._tally.candles += len(candles)
            (target,) = await asyncio.to_thread(self._store.targets, [ticker])
            if not period.backwards and covered[1] < last_day:
                last_day = covered[1]  # the vendor has nothing newer: the past comes next
        return target.covered_until

    def _next(self, target: Target, last_day: date) -> Period | None:
        if target.covered_from is None or target.covered_until is None:
            return next_period(target, last_day)
        if target.covered_until >= last_day:
            return next_period(target, last_day)
        overlap = [candle.day for candle in self._store.candles(target.ticker, limit=OVERLAP)]
        first = max(target.covered_from, last_day - ASKED_AGAIN_FOR)
        missing = missing_days(self._store, target.ticker, first, target.covered_until)
        return next_period(target, last_day, overlap=overlap, again_from=min(missing, default=None))

    async def _ask(self, ticker: str, period: Period) -> list[DailyCandle]:
        """One task, tried again while that may help."""
        parameters: dict[str, object] = {
            "ticker": spelled_for(self._vendor, ticker),
            "start": period.first.isoformat(),
            "end": period.last.isoformat(),
            "interval": "day",
        }
        if self._vendor not in _ALWAYS_ADJUSTED:
            parameters["adjusted"] = True
        pause = FIRST_PAUSE
        for attempt in range(1, TRIES + 1):
            try:
                answer = await self._tasks.send_parameters(
                    f"{self._vendor}.get-daily-candles", parameters, timeout=TASK_SECONDS
                )
            except _FOR_ALL:
                raise
            except InvalidParameters:
                raise
            except BrokerError as error:
                if attempt == TRIES or not _worth_another_try(error):
                    raise _Unreadable(_reason(error)) from None
                await self._sleep(pause)
                pause *= 2
            else:
                if answer.truncated is not None:
                    raise _Unreadable(f"an answer is not complete: {answer.truncated}")
                return candles_of_rows(answer.result, ticker, self._vendor, period)
        raise AssertionError("unreachable")


def _worth_another_try(error: BrokerError) -> bool:
    return error.retryable or isinstance(error, TaskExpired) if isinstance(error, TaskFailed) else True


def _reason(error: BrokerError) -> str:
    """Without the task's id, so that tickers with the same trouble are counted together."""
    if isinstance(error, NoAnswer):
        return f"no answer to {error.method} within {TASK_SECONDS:g} s"
    return str(error)
