"""The collector against workers that have a history, split it, fail, and stop in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from broker_client.errors import (
    BrokerError,
    InvalidParameters,
    NoAnswer,
    RateLimited,
    VendorNotConfigured,
    VendorRejected,
)
from broker_client.protocol import TaskReply
from broker_client.results import TaskResult
from broker_server.prices.candles.collector import (
    FAILURES_IN_A_ROW,
    IN_FLIGHT,
    TRIES,
    CollectingStopped,
    Collector,
)
from broker_server.prices.candles.gaps import find_gaps
from broker_server.prices.candles.markets import list_market
from broker_server.prices.candles.store import CandleStore
from broker_server.prices.candles.tally import Tally
from broker_server.prices.tickers import spelled_for

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 25)
SINCE = date(2022, 1, 3)
Failing = Callable[[str, int], BrokerError | None]


class Worker:
    """A worker whose vendor has a candle of every trading day.

    Attributes:
        asked: (ticker, start, end) of each task.
        gate: Answers wait until it is open.
        most: How many tasks were in flight at most.
    """

    def __init__(self, store: CandleStore, *, failing: Failing = lambda ticker, count: None) -> None:
        self.asked: list[tuple[str, date, date]] = []
        self.most = 0
        self.divisor: dict[str, int] = {}
        self.halted: set[date] = set()
        self.absent: set[date] = set()
        self.newest = TODAY
        self.gate = asyncio.Event()
        self.gate.set()
        self._in_flight = 0
        self._failing = failing
        self._store = store

    async def send_parameters(
        self,
        method: str,
        parameters: dict[str, object],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as `AsyncClient` has it
    ) -> TaskResult:
        if method == "koscom.query":
            raise VendorNotConfigured("no worker serves koscom")
        if method == "get-stock-codes":
            return answer(["005930", "000660 "] if parameters["market"] == "0" else [])
        assert method == "kis.get-daily-candles"
        assert (parameters["interval"], parameters["adjusted"]) == ("day", True)
        ticker = str(parameters["ticker"])
        first, last = (date.fromisoformat(str(parameters[name])) for name in ("start", "end"))
        self.asked.append((ticker, first, last))
        count = len(self.asked)
        self._in_flight += 1
        self.most = max(self.most, self._in_flight)
        await self.gate.wait()
        self._in_flight -= 1
        error = self._failing(ticker, count)
        if error is not None:
            raise error
        days = self._store.calendar.days(first, last).between(first, min(last, self.newest))
        return answer([self._row(ticker, day) for day in days if day not in self.absent])

    def _row(self, ticker: str, day: date) -> dict[str, Any]:
        close = (1_000_000 + day.toordinal()) // self.divisor.get(ticker, 1)
        volume = 0 if day in self.halted else 9
        return {
            "date": day.isoformat(), "open": close, "high": close, "low": close, "close": close,
            "volume": volume, "value": close * volume,
        }  # fmt: skip


def answer(rows: list[Any]) -> TaskResult:
    return TaskResult.from_reply(
        TaskReply(task_id="t", method="m", status="TASK_SUCCEED", result=rows, response_time=NOW)
    )


async def collect(
    store: CandleStore, worker: Worker, *tickers: str, since: date | None = SINCE, now: datetime = NOW
) -> Tally:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    tally = Tally()
    store.want(dict.fromkeys(tickers), since, default=SINCE)
    targets = [target for target in store.targets(tickers or None) if target.refusal is None]
    collector = Collector(worker, store, "kis", clock=lambda: now, tally=tally, sleep=sleep)
    await collector.collect(targets)
    return tally


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what it waits for happens in threads
            await asyncio.sleep(0.005)


def days(store: CandleStore, ticker: str) -> list[date]:
    return [candle.day for candle in store.candles(ticker, limit=10_000)]


def trading_days(store: CandleStore, first: date = SINCE, last: date = TODAY) -> list[date]:
    return store.calendar.days(first, last).between(first, last)


async def test_a_whole_history_is_collected_and_then_not_asked_for_again(store: CandleStore) -> None:
    worker = Worker(store)
    tally = await collect(store, worker, "005930", "000660")
    assert (tally.whole, tally.failed, tally.unknown, tally.behind) == (2, {}, {}, [])
    assert days(store, "005930") == days(store, "000660") == trading_days(store)
    assert find_gaps(store, NOW).complete == 2
    before = list(worker.asked)
    assert (await collect(store, worker)).whole == 2
    assert worker.asked == before


async def test_the_next_day_brings_what_is_new_alone(store: CandleStore) -> None:
    worker = Worker(store)
    await collect(store, worker, "005930", now=NOW - timedelta(days=1))
    worker.asked.clear()
    await collect(store, worker, "005930", since=None)
    assert worker.asked == [("005930", date(2026, 11, 18), TODAY)]
    assert days(store, "005930") == trading_days(store)


async def test_tasks_in_flight_are_bounded(store: CandleStore) -> None:
    worker = Worker(store)
    worker.gate.clear()
    tickers = [f"{number:06}" for number in range(20)]
    run = asyncio.ensure_future(collect(store, worker, *tickers, since=date(2026, 11, 2)))
    await until(lambda: worker.most >= IN_FLIGHT)
    worker.gate.set()
    assert (await run).whole == 20
    assert worker.most == IN_FLIGHT


@pytest.mark.parametrize("journal_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("stopped_at", range(1, 8))
async def test_a_run_that_ends_anywhere_is_gone_on_with(store: CandleStore, stopped_at: int) -> None:
    def stop(ticker: str, count: int) -> BrokerError | None:
        if count == stopped_at:
            raise asyncio.CancelledError
        return None

    worker = Worker(store, failing=stop)
    with pytest.raises(asyncio.CancelledError):
        await collect(store, worker, "005930", "000660", "035720")
    done = {ticker: len(days(store, ticker)) for ticker in ("005930", "000660", "035720")}
    again = Worker(store)
    assert (await collect(store, again)).whole == 3
    for ticker, count in done.items():
        assert days(store, ticker) == trading_days(store)
        if count == len(trading_days(store)):
            assert ticker not in {asked for asked, *_ in again.asked}


async def test_a_split_has_the_whole_history_read_again(store: CandleStore) -> None:
    worker = Worker(store)
    await collect(store, worker, "005930", "000660", now=NOW - timedelta(days=1))
    worker.divisor["005930"] = 50
    tally = await collect(store, worker, since=None)
    assert (tally.whole, tally.adjusted) == (2, ["005930"])
    candles = store.candles("005930", limit=10_000)
    assert [candle.day for candle in candles] == trading_days(store)
    assert {candle.close * 50 // 1_000_000 for candle in candles} == {1}
    assert min(candle.close for candle in store.candles("000660", limit=10_000)) > 1_000_000


async def test_a_split_while_the_past_is_read_leaves_no_mixture(store: CandleStore) -> None:
    def split(ticker: str, count: int) -> BrokerError | None:
        if count == 2:
            raise asyncio.CancelledError
        return None

    with pytest.raises(asyncio.CancelledError):
        await collect(store, Worker(store, failing=split), "005930", now=NOW - timedelta(days=1))
    assert 0 < len(days(store, "005930")) < len(trading_days(store))
    worker = Worker(store)
    worker.divisor["005930"] = 10
    assert (await collect(store, worker)).adjusted == ["005930"]
    assert max(candle.close for candle in store.candles("005930", limit=10_000)) < 200_000
    assert days(store, "005930") == trading_days(store)


async def test_a_suspended_ticker_is_whole(store: CandleStore) -> None:
    worker = Worker(store)
    worker.halted = set(trading_days(store, date(2026, 10, 1)))
    assert (await collect(store, worker, "091990", since=date(2026, 9, 1))).whole == 1
    assert find_gaps(store, NOW).gaps == ()
    found = store.last_close("091990")
    assert found is not None
    assert found[0].day == date(2026, 9, 30)


async def test_a_newest_day_that_the_vendor_does_not_have_yet_is_asked_for_again(store: CandleStore) -> None:
    worker = Worker(store)
    worker.newest = date(2026, 11, 24)
    assert (await collect(store, worker, "005930")).behind == ["005930"]
    assert [gap.age_days for gap in find_gaps(store, NOW).gaps] == [1]
    assert days(store, "005930") == trading_days(store, last=date(2026, 11, 24)), (
        "the past is read all the same"
    )
    worker.newest = TODAY
    assert (await collect(store, worker)).whole == 1
    assert find_gaps(store, NOW).gaps == ()


async def test_a_recent_hole_is_asked_for_with_the_next_day(store: CandleStore) -> None:
    worker = Worker(store)
    hole = date(2026, 11, 5)
    worker.absent = {hole}
    await collect(store, worker, "005930", now=NOW - timedelta(days=1))
    assert [gap.missing for gap in find_gaps(store, NOW).gaps] == [(hole,)]
    worker.absent = set()
    await collect(store, worker)
    assert find_gaps(store, NOW).gaps == ()


async def test_an_earlier_first_day_brings_the_past(store: CandleStore) -> None:
    worker = Worker(store)
    await collect(store, worker, "005930", since=date(2026, 11, 2))
    await collect(store, worker, "005930", since=date(2026, 6, 1))
    assert days(store, "005930") == trading_days(store, date(2026, 6, 1))


async def test_an_unknown_ticker_is_told_once_and_not_asked_for_again(store: CandleStore) -> None:
    def unknown(ticker: str, count: int) -> BrokerError | None:
        return InvalidParameters(f"ticker: KIS knows no {ticker}") if ticker == "999999" else None

    worker = Worker(store, failing=unknown)
    tally = await collect(store, worker, "999999", "005930")
    assert (tally.whole, list(tally.unknown), tally.is_complete) == (1, ["999999"], False)
    worker.asked.clear()
    assert (await collect(store, worker)).is_complete
    assert "999999" not in {ticker for ticker, *_ in worker.asked}
    assert find_gaps(store, NOW).tickers == 1


async def test_trouble_that_passes_is_waited_for(store: CandleStore) -> None:
    def busy(ticker: str, count: int) -> BrokerError | None:
        return RateLimited("busy") if count < TRIES else None

    assert (await collect(store, Worker(store, failing=busy), "005930")).whole == 1


async def test_one_bad_ticker_stops_no_other(store: CandleStore) -> None:
    def refused(ticker: str, count: int) -> BrokerError | None:
        return VendorRejected("no") if ticker == "000660" else None

    worker = Worker(store, failing=refused)
    tally = await collect(store, worker, "000660", "005930", "035720")
    assert (tally.whole, tally.failed) == (2, {"000660": "VENDOR_REJECTED: no"})
    assert [ticker for ticker, *_ in worker.asked].count("000660") == 1
    assert [target.refusal for target in store.targets()] == [None] * 3


async def test_many_failures_in_a_row_end_the_run(store: CandleStore) -> None:
    worker = Worker(store, failing=lambda ticker, count: NoAnswer("t", "kis.get-daily-candles", 120))
    tickers = [f"{number:06}" for number in range(100)]
    with pytest.raises(CollectingStopped, match=f"{FAILURES_IN_A_ROW} tickers in a row .* no answer to kis"):
        await collect(store, worker, *tickers)
    assert len({ticker for ticker, *_ in worker.asked}) < FAILURES_IN_A_ROW + IN_FLIGHT


async def test_a_vendor_that_nobody_serves_ends_the_run_at_once(store: CandleStore) -> None:
    worker = Worker(store, failing=lambda ticker, count: VendorNotConfigured("no worker serves kis"))
    with pytest.raises(CollectingStopped, match="no worker serves kis"):
        await collect(store, worker, *(f"{number:06}" for number in range(100)))
    assert len(worker.asked) <= IN_FLIGHT


async def test_a_market_is_listed_by_a_worker(store: CandleStore) -> None:
    assert await list_market(Worker(store), "kospi") == {"005930": None, "000660": None}
    with pytest.raises(CollectingStopped, match="list of kosdaq is empty"):
        await list_market(Worker(store), "kosdaq")


class KoscomLists:
    """A worker of KOSCOM; without it nobody lists a market."""

    def __init__(self, *rows: dict[str, Any], error: BrokerError | None = None) -> None:
        self._rows, self._error = list(rows), error

    async def send_parameters(
        self,
        method: str,
        parameters: dict[str, object],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as `AsyncClient` has it
    ) -> TaskResult:
        if method != "koscom.query" or self._error is not None:
            raise self._error or VendorNotConfigured("no worker serves kiwoom")
        assert parameters == {"table": "issues", "arguments": {"market": "kospi"}}
        return answer([{"table": "issues", "market": "kospi", "rows": self._rows, "summary": {}}])


async def test_a_market_is_listed_by_koscom_with_names_and_its_etns_by_their_letter() -> None:
    worker = KoscomLists(
        {"isuSrtCd": "005930", "isuCd": "KR7005930003", "isuKorAbbrv": "삼성전자"},
        {"isuSrtCd": "500001", "isuCd": "KRG500001003", "isuKorAbbrv": None},
    )
    assert await list_market(worker, "kospi") == {"005930": "삼성전자", "Q500001": None}


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (VendorNotConfigured("nobody"), "takes Kiwoom or KOSCOM"),
        (RateLimited("the quota of the day is used up"), "cannot be listed: .*quota of the day"),
    ],
)
async def test_why_a_market_cannot_be_listed(error: BrokerError, says: str) -> None:
    with pytest.raises(CollectingStopped, match=says):
        await list_market(KoscomLists(error=error), "kospi")


async def test_an_etn_is_asked_for_as_its_vendor_writes_it(store: CandleStore) -> None:
    worker = Worker(store)
    tally = Tally()
    store.want({"Q500001": None}, date(2026, 11, 20), default=SINCE)
    await Collector(worker, store, "kis", clock=lambda: NOW, tally=tally).collect(store.targets())
    assert {ticker for ticker, _, _ in worker.asked} == {"Q500001"}
    assert [spelled_for(vendor, "Q500001") for vendor in ("kis", "kiwoom", "koscom")] == [
        "Q500001",
        "500001",
        "500001",
    ]
    assert spelled_for("kiwoom", "005930") == "005930"


def test_the_summary_says_each_kind_of_outcome_in_a_line() -> None:
    tally = Tally(tickers=2500, whole=2400, candles=12_345, skipped=3)
    assert tally.lines("kis") == [
        "2,400 of 2,500 tickers are up to date; 12,345 candles were read",
        "3 were skipped, which no vendor knew before",
    ]
    tally.unknown = {f"{number:06}": "?" for number in range(12)}
    tally.failed = {"000660": "busy", "005930": "busy", "035720": "no"}
    lines = tally.lines("kis")
    assert lines[1].startswith("12 are unknown to kis")
    assert lines[1].endswith("000008, 000009 …")
    assert lines[-2:] == [
        "2 could not be read: busy: 000660, 005930; run it again to go on",
        "1 could not be read: no: 035720; run it again to go on",
    ]
