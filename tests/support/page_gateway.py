"""The gateway with a store that the test fills: all of it is the product, only nobody is behind it."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import orjson
import uvicorn

from broker_server.amqp.private_node.ports import LOOPBACK, free_port
from broker_server.gateway.access import Access
from broker_server.gateway.activity import Activity
from broker_server.gateway.application import GatewayParts, make_application
from broker_server.gateway.serving import server_config
from broker_server.gateway.socket.limits import SocketLimits
from broker_server.prices.board import PriceBoard
from broker_server.prices.demand import Interest
from broker_server.prices.history import DailyCandle, GapReport, TickerGap
from broker_server.prices.model import Book, Level, Price, PriceKey, Source, Standing, State
from tests.support.waiting import PATIENCE, wait_until

LAST_DAY = date(2026, 11, 25)
UNKNOWN_TICKER = "999999"


class PageGateway:
    """A gateway in a thread of its own; it can be stopped and started again on the same port.

    Args:
        keys: Of its readers; none of them lets everybody in.
        token_seconds: How long a browser's token lasts.

    Attributes:
        url: Where the page is.
        history: The candles that it has.
        activity: What happens at the workers; a test feeds it with events.
    """

    def __init__(self, *, keys: Sequence[str] = (), token_seconds: float = 3600) -> None:
        self._port = free_port()
        self._keys = keys
        self._token_seconds = token_seconds
        self._server: uvicorn.Server | None = None
        self.url = f"http://{LOOPBACK}:{self._port}"
        self.history = MadeHistory()
        self.start()

    def start(self) -> None:
        """Start it, with an empty store."""
        self._board = PriceBoard()
        self.activity = Activity("amqp://nowhere", None, _now)  # type: ignore[arg-type]  # it is not run
        app = make_application(
            GatewayParts(
                board=self._board,
                demand=_Nobody(self._board),
                history=self.history,
                access=Access(
                    keys=self._keys,
                    origins=(),
                    trusted=(),
                    secret=secrets.token_bytes(32),
                    token_seconds=self._token_seconds,
                    local=True,
                ),
                rate=1000,
                socket_limits=SocketLimits(),
                epoch=secrets.token_hex(6),
                clock=_now,
                troubles=list,
                activity=self.activity.document,
            )
        )
        listener = socket.create_server((LOOPBACK, self._port))
        self._server = _Server(server_config(app))
        self._thread = threading.Thread(target=self._run, args=(self._server, listener), daemon=True)
        self._thread.start()
        server = self._server
        wait_until(lambda: server.started, what="the gateway")

    def stop(self) -> None:
        """End it as SIGTERM would."""
        server, self._server = self._server, None
        if server is not None:
            server.should_exit = True
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive()

    def put(
        self,
        ticker: str,
        price: int,
        *,
        base_price: int = 75_000,
        source: Source = Source.REALTIME,
        **more: Any,
    ) -> None:
        """A price comes in."""
        figures: dict[str, Any] = {
            "volume": 1_000_000,
            "bid_price": price - 100,
            "ask_price": price,
            "open": base_price,
            "high": max(price, base_price),
            "low": min(price, base_price),
            "vendor": "kis",
            "as_of": _now(),
            **more,
        }
        key = PriceKey(ticker)
        self._do(
            lambda: self._board.put(
                Price(key=key, price=price, base_price=base_price, source=source, **figures)
            )
        )

    def put_book(self, ticker: str, best_ask: int) -> None:
        """An order book comes in."""
        book = Book(
            key=PriceKey(ticker),
            asks=tuple(Level(best_ask + 100 * step, 10 + step) for step in range(10)),
            bids=tuple(Level(best_ask - 100 * step, 20 + step) for step in range(1, 11)),
            source=Source.REALTIME,
            vendor="kis",
            as_of=_now(),
        )
        self._do(lambda: self._board.put_book(book))

    def take_event(self, **event: Any) -> None:
        """An event of ``broker.events`` comes in."""
        body = orjson.dumps({"kind": "event", "worker": "desk-1", "time": _now().isoformat(), **event})
        self._do(lambda: self.activity.take(body))

    def take_workers(self, *statuses: dict[str, Any]) -> None:
        """The workers say how they are."""
        self._do(lambda: self.activity.take_workers(list(statuses)))

    def silence(self, ticker: str, reason: str) -> None:
        """The stream of a ticker is silent."""
        self._do(lambda: self._board.silence(PriceKey(ticker), "kis", reason))

    def __enter__(self) -> Self:
        """Return the gateway itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()

    def _run(self, server: _Server, listener: socket.socket) -> None:
        asyncio.run(server.serve(sockets=[listener]))

    def _do(self, job: Callable[[], None]) -> None:
        assert isinstance(self._server, _Server)
        self._server.loop.call_soon_threadsafe(job)


class MadeHistory:
    """Half a year of candles of every ticker, and one ticker that lacks a day."""

    def candles(
        self, ticker: str, *, venue: str, start: date | None, end: date | None, limit: int
    ) -> Sequence[DailyCandle]:
        """See `History`."""
        found = []
        price = 70_000
        for number in range(180):
            day = LAST_DAY - timedelta(days=179 - number)
            if day.weekday() >= 5:
                continue
            close = price + (number * 37 % 19 - 8) * 100
            found.append(
                DailyCandle(
                    ticker=ticker,
                    day=day,
                    open=price,
                    high=max(price, close) + 300,
                    low=min(price, close) - 300,
                    close=close,
                    volume=10_000_000 + number * 7919 % 13 * 500_000,
                    vendor="kis",
                )
            )
            price = close
        return found[-limit:]

    def last_close(self, ticker: str, *, venue: str) -> tuple[DailyCandle, int | None] | None:
        """See `History`."""
        return None

    def gaps(self) -> GapReport:
        """See `History`."""
        missing = TickerGap(
            ticker="000660",
            name="SK하이닉스",
            newest=date(2026, 11, 24),
            age_days=1,
            missing=(date(2026, 11, 2),),
        )
        return GapReport(
            last_trading_day=LAST_DAY,
            tickers=3,
            complete=1,
            without_data=("035720",),
            newest=LAST_DAY,
            gaps=(missing,),
        )


class _Server(uvicorn.Server):
    """One that is told to end by its attribute only: signals are the test run's."""

    loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: Any = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)


class _Nobody:
    """Knows all tickers but one, and no price of any."""

    def __init__(self, board: PriceBoard) -> None:
        self._board = board

    def want(self, key: PriceKey, interest: Interest) -> Callable[[], None]:
        if key.ticker == UNKNOWN_TICKER:
            self._board.tell(key, Standing(State.UNKNOWN, "no instrument has this code"))
        else:
            self._board.tell(key, Standing(State.LIVE))
        return lambda: None

    async def refresh(self, key: PriceKey, *, fresh: bool = False) -> None:
        return


def _now() -> datetime:
    return datetime.now(UTC)
