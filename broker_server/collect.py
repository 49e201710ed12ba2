"""``broker-server collect``: fills the store of daily candles through the workers."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import SQLAlchemyError

from broker_client.aio import AsyncClient
from broker_client.errors import BrokerError, BrokerUnreachable, NoAnswer
from broker_server.journal.database import DatabaseError
from broker_server.logs import configure_logs
from broker_server.prices.candles.collector import CollectingStopped, Collector
from broker_server.prices.candles.markets import list_market
from broker_server.prices.candles.store import CandleStore, Target
from broker_server.prices.candles.tally import Tally
from broker_server.prices.candles.watch_list import WatchListError, read_tickers, read_watch_list
from broker_server.prices_settings import PricesSettings
from broker_server.settings import SettingsError
from broker_server.wiring.candles import candle_store
from broker_server.wiring.clock import utc_now

FAILED, USAGE, NO_ANSWER, INTERRUPTED = 1, 2, 3, 130
PING_SECONDS = 15.0
A_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for.

    Attributes:
        tickers: As ``--tickers`` has them.
        watch_list: The file that ``--watch-list`` names.
        markets: Names of markets. Without any of the three: everything that was asked for before.
        since: The first day; ``None``: as before, or a year back for what is new.
        vendor: Whose candles.
        simulated: The workers' market is simulated.
    """

    tickers: str | None
    watch_list: Path | None
    markets: tuple[str, ...]
    since: date | None
    vendor: str
    simulated: bool


class _Refused(Exception):
    """Nothing can be collected; the message says why.

    Args:
        code: The exit code.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def run_collect(settings: PricesSettings, wanted: Wanted) -> int:
    """Collect until everything that is wanted is there.

    Returns:
        The exit code: 0 when all of it is, 1 when some tickers could not be read or are unknown, or the run
        ended early; 2 with one line on stderr for what is wrong with settings or arguments; 3 when no worker
        or no RabbitMQ answers; 130 after Ctrl-C. Whatever it is, the next run goes on from there.
    """
    configure_logs(settings.log_format, settings.log_level, settings.secrets())
    tally = Tally()
    try:
        broker_url = settings.broker()
        names = _named(wanted)
        url = settings.candles_url(simulated=wanted.simulated)
        with candle_store(url, settings.market_sessions_file) as store:
            trouble, code = None, 0
            try:
                asyncio.run(_collect(broker_url, store, names, wanted, tally))
            except CollectingStopped as error:
                trouble, code = f"{error}; run it again to go on", FAILED
            except (KeyboardInterrupt, asyncio.CancelledError):
                trouble, code = "interrupted; run it again to go on", INTERRUPTED
    except _Refused as error:
        return _complain(str(error), error.code)
    except BrokerUnreachable as error:
        return _complain(str(error), NO_ANSWER)
    except (SettingsError, DatabaseError, WatchListError) as error:
        return _complain(str(error), USAGE)
    except (SQLAlchemyError, OSError) as error:
        return _complain(f"PRICES_URL: {str(error).splitlines()[0]}", FAILED)
    if tally.tickers:
        sys.stdout.write("\n".join(tally.lines(wanted.vendor)) + "\n")
    if trouble is not None:
        return _complain(trouble, code)
    return 0 if tally.is_complete else FAILED


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"broker-server: {message}\n")
    return code


def _named(wanted: Wanted) -> dict[str, str | None]:
    names = {} if wanted.watch_list is None else read_watch_list(wanted.watch_list)
    if wanted.tickers is not None:
        names = {**read_tickers(wanted.tickers), **names}
    return names


async def _collect(
    broker_url: str, store: CandleStore, names: Mapping[str, str | None], wanted: Wanted, tally: Tally
) -> None:
    _end_on_sigterm()
    async with _client(broker_url, wanted) as client:
        await _check_worker(client, wanted)
        listed = dict(names)
        for market in wanted.markets:
            listed = {**await list_market(client, market), **listed}
        targets = await asyncio.to_thread(_targets, store, listed, wanted)
        if not targets:
            raise _Refused(
                "there is nothing to collect yet: name tickers by --tickers 005930,000660, "
                "--watch-list FILE or --market kospi",
                USAGE,
            )
        asked = [target for target in targets if target.refusal is None]
        tally.tickers, tally.skipped = len(asked), len(targets) - len(asked)
        with _progress(len(asked)) as advanced:
            await Collector(
                client, store, wanted.vendor, clock=utc_now, tally=tally, advanced=advanced
            ).collect(asked)


def _client(broker_url: str, wanted: Wanted) -> AsyncClient:
    return AsyncClient(
        broker_url,
        name="broker-collector",
        expected_environment="simulated" if wanted.simulated else None,
    )


async def _check_worker(client: AsyncClient, wanted: Wanted) -> None:
    """Candles of a simulated market must not get among real ones."""
    try:
        answer = await client.call("broker.ping", timeout=PING_SECONDS)
    except NoAnswer as error:
        raise _Refused(str(error), NO_ANSWER) from None
    except BrokerUnreachable:
        raise
    except BrokerError as error:
        raise _Refused(str(error), FAILED) from None
    if answer.environment == "simulated" and not wanted.simulated:
        raise _Refused(
            "the workers there are simulated: say collect --simulate, which keeps their candles apart", USAGE
        )


def _targets(store: CandleStore, names: Mapping[str, str | None], wanted: Wanted) -> list[Target]:
    if not names:
        if wanted.since is not None:
            known = {target.ticker: None for target in store.targets()}
            store.want(known, wanted.since, default=wanted.since)
        return store.targets()
    today = utc_now().date()
    store.want(names, wanted.since, default=today - A_YEAR)
    if wanted.tickers is not None:
        for ticker in read_tickers(wanted.tickers):
            store.ask_again(ticker)
    return store.targets(names)


def _end_on_sigterm() -> None:
    """As on SIGINT, which asyncio turns into the cancellation of this task."""
    task = asyncio.current_task()
    with suppress(NotImplementedError):  # Windows
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; nothing where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("daily candles"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=total)
        yield lambda: progress.advance(bar)
