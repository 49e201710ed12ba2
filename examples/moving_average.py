"""A strategy to start from: buy when the fast moving average crosses above the slow one, sell when below.

It trades on the simulator or on a paper account, never with real money, and only what it bought itself.

* Averages are of closes: candles first, then live trades. After a gap the candles are read again.
* It orders only on a price that has just come: not while the feed is stale or lost, not on one by REST.
* One signal is one ``task_id`` (name, ticker, bar, side): at most one buy and one sale in a bar, also when it
  is started again.
* An order without an answer is looked up until it is settled; it is never sent anew.
* Its position is what the worker's record of orders says, so it survives restarts, too.

Install: ``pip install sapi-broker``. BROKER_URL comes from the environment or ``.env``. Run it::

    python examples/moving_average.py --ticker 005930 --quantity 10 --max-position 20

Ctrl-C stops it; it finishes the order that it is at, and says what it did. A position is left as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections import Counter
from datetime import datetime
from statistics import fmean
from typing import Any, Literal

from broker_client import (
    AsyncClient,
    BrokerError,
    BrokerUnreachable,
    NoAnswer,
    OrderOutcomeIsUnknown,
    OrderOutcomeUnknown,
    OrderRecord,
    StreamEvent,
    StreamStatus,
    TaskExpired,
    TaskFailed,
)

Side = Literal["buy", "sell"]
SIGN = {"buy": 1, "sell": -1}
MOST_ORDERS = 1000
"""Of one list of the worker's record, the newest first."""
BLIND = {"stale", "reconnecting", "suspended", "disconnected", "unanswered"}


class NotNow(Exception):
    """A signal cannot be followed yet."""


class Averages:
    """Two moving averages of closes by bar; the running bar counts with its latest price."""

    def __init__(self, fast: int, slow: int, band: float) -> None:
        self.fast, self.slow, self.band = fast, slow, band / 100
        self.closes: dict[str, float] = {}
        self.is_above: bool | None = None

    def add(self, bar: str, price: float) -> None:
        """Take the latest price of a bar."""
        self.closes[bar] = price
        while len(self.closes) > self.slow:
            del self.closes[next(iter(self.closes))]

    def crossing(self) -> Side | None:
        """The side to take, if the fast average has just crossed the slow one by more than the band."""
        if len(self.closes) < self.slow:
            return None
        closes = list(self.closes.values())
        fast, slow = fmean(closes[-self.fast :]), fmean(closes)
        if abs(fast - slow) <= slow * self.band:
            return None
        was_above, self.is_above = self.is_above, fast > slow
        if was_above in (None, self.is_above):
            return None
        return "buy" if self.is_above else "sell"


class Strategy:
    """Reads prices, and orders at each crossing."""

    def __init__(self, client: AsyncClient, options: argparse.Namespace) -> None:
        self.client, self.options = client, options
        self.averages = Averages(options.fast, options.slow, options.band)
        self.is_warm = False
        self.blind: str | None = None
        self.stopping = asyncio.Event()
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Trade until `stopping` is set."""
        method, ticker = f"{self.options.vendor}.subscribe-realtime-price", self.options.ticker
        async with self.client.stream(method, ticker=ticker, on_status=self.on_status) as stream:
            while not self.stopping.is_set():
                try:
                    event = await stream.get(timeout=1)
                except TimeoutError:
                    continue
                if not event.data.get("expected"):  # an auction's expected price is no trade
                    await self.on_trade(event)

    async def warm_up(self) -> None:
        """Fill the averages from candles."""
        method = f"{self.options.vendor}.get-{'daily' if self.options.bar == 'day' else 'minute'}-candles"
        candles = await self.ask(method)
        self.averages.closes.clear()
        for candle in candles[-self.options.slow :]:
            self.averages.add(self.bar(candle.get("time") or candle["date"]), candle["close"])
        self.is_warm = True
        say(f"warm: {len(self.averages.closes)} of {self.options.slow} bars")

    async def on_trade(self, event: StreamEvent) -> None:
        """Take a trade into the averages, and follow a signal."""
        if event.missed != 0:
            say(f"{'some' if event.missed is None else event.missed} events are missing")
            self.counts["gaps"] += 1
            self.is_warm = False
        time = event.data["time"]
        try:
            if not self.is_warm:
                await self.warm_up()
            self.averages.add(self.bar(time), float(event.data["price"]))
            age = (event.received_at - datetime.fromisoformat(time)).total_seconds()
            if self.blind or event.mode != "realtime" or event.snapshot or age > self.options.max_age:
                return
            was_above = self.averages.is_above
            if side := self.averages.crossing():
                await self.follow(side, self.bar(time))
            elif was_above is not self.averages.is_above:
                say(f"the fast average is {'above' if self.averages.is_above else 'below'} the slow one")
        except (NoAnswer, BrokerUnreachable, NotNow) as error:
            say(f"not now: {error}")  # nothing was sent: the next trade tries again

    async def follow(self, side: Side, bar: str) -> None:
        """Order what a signal asks for, unless there is nothing to do."""
        try:
            orders = await self.own_orders()
            if waiting := [order.task_id for order in orders if order.is_open]:
                raise NotNow(f"{waiting[0]} is still open")
            held = sum(SIGN.get(order.action, 0) * order.filled_quantity for order in orders)
            room = self.options.max_position - held
            quantity = min(self.options.quantity, room) if side == "buy" else held
            task_id = f"{self.options.name}-{self.options.ticker}-{bar}-{side}"
            known = any(order.task_id == task_id for order in orders)
            nothing = "ordered before" if known else "nothing to do" if quantity <= 0 else ""
            say(f"{side} signal in {bar}, holding {held}" + (nothing and f": {nothing}"))
            if not nothing:
                await self.send(side, quantity, task_id)
        except (NoAnswer, BrokerUnreachable, NotNow):
            self.averages.is_above = side == "sell"
            raise

    async def send(self, side: Side, quantity: int, task_id: str) -> None:
        """Send one order, and find out what became of it."""
        method, ticker = f"{self.options.vendor}.{side}-order", self.options.ticker
        try:
            await self.client.call(
                method, task_id=task_id, ticker=ticker, quantity=quantity, order_type="market"
            )
        except (OrderOutcomeIsUnknown, OrderOutcomeUnknown) as error:
            self.counts["UNKNOWN"] += 1
            say(f"{task_id}: UNKNOWN, asking: {error}")
        except TaskFailed as error:  # refused or rejected for good: this signal is over
            self.counts[error.code] += 1
            say(f"{task_id}: {error}")
            return
        order = await self.finished(task_id)
        self.counts[order.state] += 1
        self.counts[side] += order.filled_quantity
        say(f"{task_id}: {order.state} {order.status}, {order.filled_quantity} at {order.average_price}")

    async def finished(self, task_id: str) -> OrderRecord:
        """The order once it is settled and filled; what is not filled in time is cancelled."""
        order = await self.client.wait_settled(task_id, timeout=self.options.settle)
        for _ in range(self.options.patience * 4):
            if not order.is_open:
                return order
            await asyncio.sleep(0.25)
            order = await self.client.wait_settled(task_id)
        say(f"{task_id}: {order.remaining_quantity} not filled in {self.options.patience} s, cancelling")
        try:
            method = f"{self.options.vendor}.cancel-order"
            await self.client.call(method, task_id=f"{task_id}-cancel", order_task_id=task_id)
        except (TaskFailed, OrderOutcomeUnknown, BrokerUnreachable) as error:
            say(f"{task_id}-cancel: {error}")  # as long as it is open, no other order is sent
        return await self.client.wait_settled(task_id)

    async def own_orders(self) -> list[OrderRecord]:
        """The orders of this strategy that are on record."""
        rows = await self.ask("broker.list-orders", vendor=self.options.vendor, limit=MOST_ORDERS)
        if len(rows) == MOST_ORDERS:
            raise NotNow(f"the record has {MOST_ORDERS} orders or more: older ones are not seen")
        orders = [OrderRecord.model_validate(row) for row in rows]
        own = f"{self.options.name}-{self.options.ticker}-"
        return [order for order in orders if order.task_id.startswith(own)]

    async def ask(self, method: str, **parameters: Any) -> list[dict[str, Any]]:
        """Read something about the stock."""
        try:
            return (await self.client.call(method, ticker=self.options.ticker, **parameters)).rows
        except TaskFailed as error:
            if error.retryable or isinstance(error, TaskExpired):
                raise NotNow(str(error)) from error
            raise

    def on_status(self, status: StreamStatus) -> None:
        """Hear how the stream is."""
        say(f"stream {status.state}" + (f": {status.reason}" if status.reason else ""))
        self.blind = status.state if status.state in BLIND else None

    def bar(self, time: str) -> str:
        """The bar that a time belongs to: ISO 8601, cut off."""
        return time[: 10 if self.options.bar == "day" else 16]

    def summary(self) -> str:
        """What it did, in one line."""
        return "summary: " + (" ".join(f"{name}={count}" for name, count in self.counts.items()) or "nothing")


def say(text: str) -> None:
    """Tell the terminal, at once also through a pipe."""
    print(text, flush=True)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="A moving-average crossover, on the simulator or on paper.")
    add = parser.add_argument
    add("--ticker", default="005930")
    add("--vendor", default="kis", choices=["kis", "kiwoom"])
    add("--environment", default="simulated", choices=["simulated", "paper"], help="of the worker; no other")
    add("--name", default="ma", help="what its task_ids begin with: one for each strategy")
    add("--bar", default="minute", choices=["minute", "day"])
    add("--fast", type=int, default=5, help="bars")
    add("--slow", type=int, default=20, help="bars")
    add("--band", type=float, default=0.05, help="percent between the averages that are no signal")
    add("--quantity", type=int, default=10, help="shares of one buy")
    add("--max-position", type=int, default=20, help="shares")
    add("--max-age", type=float, default=5.0, help="seconds after which a trade is too old to act on")
    add("--patience", type=int, default=10, help="seconds until what is not filled is cancelled")
    add("--settle", type=float, default=180.0, help="seconds to find out about an order of unknown outcome")
    options = parser.parse_args()
    if not 0 < options.fast < options.slow or options.quantity < 1:
        parser.error("--fast must be less than --slow, and --quantity at least 1")
    return options


async def main(options: argparse.Namespace) -> None:
    """Check that the worker is the right one, then trade until Ctrl-C."""
    async with AsyncClient(expected_environment=options.environment, name="moving-average") as client:
        await client.ping()  # a worker of another environment refuses it
        strategy = Strategy(client, options)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(strategy.stopping.set))
        try:
            await strategy.run()
        finally:
            say(strategy.summary())


if __name__ == "__main__":
    try:
        asyncio.run(main(parse()))
    except (BrokerError, ValueError) as error:
        sys.exit(f"stopped: {error}")
