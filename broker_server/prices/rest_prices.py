"""Prices by REST, where no stream has told one; then the last daily close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from broker_client.aio import AsyncClient
from broker_client.errors import BrokerError, InvalidParameters, TaskFailed
from broker_server.prices.board import PriceBoard
from broker_server.prices.history import DailyCandle, History
from broker_server.prices.model import DEFAULT_VENUE, PriceKey, Standing, State
from broker_server.prices.tickers import spelled_for
from broker_server.prices.translation import price_of_close, price_of_result, refusal_of

log = structlog.get_logger(__name__)

UNKNOWN_FOR = timedelta(minutes=5)
"""A ticker that no vendor knows is not asked for again so soon."""
PATIENCE_SECONDS = 1.0
"""When the next vendor is asked too, if one says nothing, neither of this price nor of another."""
SILENT_SECONDS = 30.0
FAILED_FOR = timedelta(seconds=2)
MOST_REMEMBERED = 10_000
MOST_AT_ONCE = 500
"""So many prices are asked for at the same time; a worker would not get to more of them in time."""
BUSY = Standing(State.UNAVAILABLE, "too many prices are being asked for now")
NOBODY = Standing(State.UNAVAILABLE, "no worker can be asked now")


class RestPrices:
    """Asks workers for prices, once for all who want the same.

    Args:
        client: Sends the tasks.
        board: Is told.
        vendors: Whom to ask, the most trusted first.
        history: The last resort.
        closed_at: When a trading day was over.
        fresh_for: How long an answer is good enough for others.
        timeout: Seconds that a worker has.
        clock: UTC.
        is_connected: Whether a task could be sent now.
    """

    def __init__(
        self,
        client: AsyncClient,
        board: PriceBoard,
        vendors: Sequence[str],
        history: History,
        *,
        closed_at: Callable[[DailyCandle], datetime],
        fresh_for: timedelta,
        timeout: float,
        clock: Callable[[], datetime],
        is_connected: Callable[[], bool],
    ) -> None:
        self._client = client
        self._board = board
        self._vendors = vendors
        self._history = history
        self._closed_at = closed_at
        self._fresh_for = fresh_for
        self._timeout = timeout
        self._clock = clock
        self._is_connected = is_connected
        self._heard: dict[str, float] = {}
        self._silent_until: dict[str, float] = {}
        self._running: set[asyncio.Task[Standing | None]] = set()
        self._asking: dict[PriceKey, asyncio.Task[Standing | None]] = {}
        self._asked: dict[PriceKey, tuple[datetime, Standing | None]] = {}

    async def ask(self, key: PriceKey, *, again: bool = False) -> Standing | None:
        """Have the board know the price.

        Args:
            again: An answer of a moment ago is not good enough.

        Returns:
            Why REST has none; ``None`` if it has.
        """
        asking = self._asking.get(key)
        if asking is None:
            known = self._asked.get(key)
            if known is not None and not again and self._clock() < known[0]:
                return known[1]
            if len(self._asking) >= MOST_AT_ONCE:
                return BUSY
            asking = self._asking[key] = asyncio.ensure_future(self._ask_all(key))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    def unknown(self, key: PriceKey) -> Standing | None:
        """That no vendor knows it, if REST has said so a while ago and no price has come since."""
        known = self._asked.get(key)
        if known is None or known[1] is None or self._clock() >= known[0]:
            return None
        is_unknown = known[1].state is State.UNKNOWN and self._board.price(key) is None
        return known[1] if is_unknown else None

    def forget(self, key: PriceKey) -> None:
        """Let go of what is known of a key."""
        self._asked.pop(key, None)

    async def _ask_all(self, key: PriceKey) -> Standing | None:
        verdicts = await self._ask_in_turn(key)
        if verdicts is None:
            self._remember(key, self._fresh_for, None)
            return None
        unknown = [each for each in verdicts if each.state is State.UNKNOWN]
        standing = (unknown or verdicts or [Standing(State.UNAVAILABLE, "no vendor is asked")])[0]
        await self._read_last_close(key)
        self._remember(key, UNKNOWN_FOR if unknown else FAILED_FOR, standing)
        return standing

    async def _ask_in_turn(self, key: PriceKey) -> list[Standing] | None:
        """Ask one vendor after the other; one that is silent does not keep the next one waiting.

        A vendor whose worker is away lets its tasks wait until their deadline. Then it is asked last for
        a while.

        Returns:
            What those said who have no price; ``None`` once there is a price.
        """
        now = asyncio.get_running_loop().time
        waiting = sorted(self._vendors, key=lambda vendor: now() < self._silent_until.get(vendor, 0))
        asked: dict[asyncio.Task[Standing | None], tuple[str, float]] = {}
        verdicts: dict[str, Standing] = {}
        while waiting or asked:
            if waiting:
                vendor = waiting.pop(0)
                asked[self._ask_apart(vendor, key)] = vendor, now()
            while asked:
                are_silent = all(now() < self._silent_until.get(each, 0) for each, _ in asked.values())
                if are_silent and waiting:
                    break
                if are_silent and any(each.state is State.UNKNOWN for each in verdicts.values()):
                    return self._in_order(verdicts)
                patience = PATIENCE_SECONDS if waiting else None
                done, _ = await asyncio.wait(asked, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    vendor, _ = asked.pop(task)
                    verdict = task.result()
                    if verdict is None:
                        return None
                    verdicts[vendor] = verdict
                    if verdict is NOBODY:
                        waiting.clear()
                if not done:
                    silent = [each for each, since in asked.values() if self._heard.get(each, 0) < since]
                    self._silent_until |= dict.fromkeys(silent, now() + SILENT_SECONDS)
        return self._in_order(verdicts)

    def _in_order(self, verdicts: dict[str, Standing]) -> list[Standing]:
        return [verdicts[vendor] for vendor in self._vendors if vendor in verdicts]

    def _ask_apart(self, vendor: str, key: PriceKey) -> asyncio.Task[Standing | None]:
        """In a task of its own: an answer that nobody waits for any more is still news."""

        async def ask() -> Standing | None:
            try:
                verdict = await self._ask_one(vendor, key)
            except BrokerError as error:  # nobody answers, whatever the vendor
                log.warning("no worker answers for a price", vendor=vendor, reason=str(error))
                return NOBODY
            self._heard[vendor] = asyncio.get_running_loop().time()
            return verdict

        task = asyncio.ensure_future(ask())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _ask_one(self, vendor: str, key: PriceKey) -> Standing | None:
        if not self._is_connected():
            return NOBODY
        try:
            answer = await self._client.send_parameters(
                f"{vendor}.get-current-price", _parameters(vendor, key), timeout=self._timeout
            )
            price = price_of_result(answer.result[0], vendor, self._clock())
        except InvalidParameters as error:
            return Standing(refusal_of(error), error.message)
        except TaskFailed as error:
            return Standing(State.UNAVAILABLE, error.message)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            log.warning("a price cannot be used", vendor=vendor, ticker=key.ticker, reason=str(error))
            return Standing(State.UNAVAILABLE, f"the answer of {vendor} cannot be used")
        if price is None:
            return Standing(State.UNAVAILABLE, f"{vendor} has no price of it")
        asked = key._replace(ticker=spelled_for(vendor, key.ticker))
        if price.key != asked:
            log.warning("a worker answered for something else", vendor=vendor, ticker=key.ticker)
            return Standing(State.UNAVAILABLE, f"the answer of {vendor} cannot be used")
        self._board.put(replace(price, key=key))
        return None

    async def _read_last_close(self, key: PriceKey) -> None:
        try:
            found = await asyncio.to_thread(self._history.last_close, key.ticker, venue=key.venue)
        except Exception:  # a store out of order must not take away what else there is
            log.exception("the store of daily candles cannot be read", ticker=key.ticker)
            return
        if found is not None:
            candle, before = found
            self._board.put(price_of_close(candle, before, self._closed_at(candle)))

    def _remember(self, key: PriceKey, good_for: timedelta, standing: Standing | None) -> None:
        if len(self._asked) >= MOST_REMEMBERED:
            del self._asked[next(iter(self._asked))]
        self._asked.pop(key, None)
        self._asked[key] = (self._clock() + good_for, standing)


def _parameters(vendor: str, key: PriceKey) -> dict[str, Any]:
    exchange = {} if key.venue == DEFAULT_VENUE else {"exchange": key.venue}
    return {"ticker": spelled_for(vendor, key.ticker), **exchange}
