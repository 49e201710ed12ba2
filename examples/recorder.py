"""A recorder: what comes to ``broker.realtime`` goes into Parquet files, and every gap is visible.

* It binds a queue of its own by topics, so any number of programs may read the same. With ``--subscribe``
  it also sees to it that a worker has subscribed to what it records.
* An event is acknowledged when it is on the disk, in a file of JSON lines. When that has ``--rows`` events,
  or is ``--seconds`` old, or the day in Korea ends, it becomes a Parquet file. A recorder that was killed
  goes on where it was: nothing is written twice, and nothing that was acknowledged is lost.
* RabbitMQ hands over at most 5,000 events that are not on the disk. While the disk is slow the others wait
  there. Prices vanish from a queue after the worker's ``TICK_TTL`` (10 s): away for longer makes a gap.
* ``missed`` of a row is how many events of its key before it never came: 0, a number, or NULL where nobody
  can know, at the beginning of a record and of an epoch. ``--gaps`` prints these rows.

Install: ``pip install 'sapi-broker[examples]'``, for DuckDB. BROKER_URL is of the environment or ``.env``::

    python examples/recorder.py --folder ticks --subscribe 005930 --subscribe 000660
    python examples/recorder.py --folder ticks --gaps

Query the files at any time, also while it records::

    import duckdb

    duckdb.sql('''
        SELECT ticker, time_bucket(INTERVAL 1 minute, time) AS minute,
            first(price ORDER BY sequence) AS open, max(price) AS high, min(price) AS low,
            last(price ORDER BY sequence) AS close, sum(quantity) AS volume
        FROM 'ticks/*/*.parquet' WHERE type = 'trade' GROUP BY ALL ORDER BY ALL''').show()
    duckdb.sql("COPY (FROM 'ticks/2026-11-26/*.parquet') TO '2026-11-26.parquet'")  # a day as one file
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import aio_pika
import duckdb
import orjson
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPError

from broker_client import AsyncClient, BrokerError, MalformedMessage
from broker_client.address import HEARTBEAT, url_list
from broker_client.gaps import Gaps
from broker_client.protocol import REALTIME_EXCHANGE, decode_reply

COLUMNS = {
    "received_at": "TIMESTAMPTZ",
    "vendor": "VARCHAR",
    "key": "VARCHAR",
    "epoch": "VARCHAR",
    "sequence": "BIGINT",
    "missed": "BIGINT",
    "type": "VARCHAR",
    "ticker": "VARCHAR",
    "venue": "VARCHAR",
    "time": "TIMESTAMPTZ",
    "price": "DECIMAL(18, 4)",
    "quantity": "BIGINT",
    "side": "VARCHAR",
    "volume": "BIGINT",
    "event": "JSON",  # the event as it came
}
FROM_EVENT = ("vendor", "type", "ticker", "venue", "time", "price", "quantity", "side", "volume")
QUEUE: dict[str, Any] = {"x-max-length": 1_000_000, "x-overflow": "drop-head", "x-expires": 86_400_000}
"""Waits a day for a recorder that is away. What it drops is seen as a gap."""
PREFETCH = 5_000


class Files:
    """A folder for each day: Parquet files, and the file of JSON lines that becomes the next one."""

    def __init__(self, folder: Path, rows: int, seconds: float) -> None:
        self.folder, self.rows, self.seconds = folder, rows, seconds
        self.lines: IO[bytes] | None = None
        self.begun = datetime.now(UTC)
        self.count = 0

    def append(self, rows: list[dict[str, Any]]) -> None:
        """Write rows; they are on the disk when this returns."""
        if self.lines is None:
            self.begun, self.count = datetime.now(UTC), 0
            path = self.folder / korean_day(self.begun) / f"{self.begun:%Y%m%dT%H%M%S.%fZ}.ndjson"
            path.parent.mkdir(parents=True, exist_ok=True)
            self.lines = path.open("wb")
        self.lines.write(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
        self.lines.flush()
        os.fsync(self.lines.fileno())
        self.count += len(rows)

    def rotate_if_due(self) -> None:
        """Make a Parquet file when there is enough for one, or it is time."""
        now = datetime.now(UTC)
        is_old = (now - self.begun).total_seconds() >= self.seconds or korean_day(now) != korean_day(
            self.begun
        )
        if self.lines is not None and (self.count >= self.rows or is_old):
            self.rotate()

    def rotate(self) -> None:
        """Make Parquet files of all JSON lines, also of those that an earlier run has left."""
        if self.lines is not None:
            self.lines.close()
            self.lines = None
        for lines in sorted(self.folder.glob("*/*.ndjson")):
            target, unfinished = lines.with_suffix(".parquet"), lines.with_suffix(".unfinished")
            whole = lines.read_bytes().rpartition(b"\n")[
                0
            ]  # a last line that was cut off was not acknowledged
            if whole and not target.exists():
                lines.write_bytes(whole + b"\n")
                query = f"FROM read_json($lines, format = 'newline_delimited', columns = {COLUMNS})"
                run(f"COPY ({query}) TO $target (FORMAT parquet)", lines=str(lines), target=str(unfinished))
                with unfinished.open("rb+") as file:
                    os.fsync(file.fileno())
                unfinished.replace(target)
            lines.unlink()

    def gaps(self) -> Gaps:
        """What is there already: a repeat is told by it, and what is missing."""
        gaps = Gaps(from_the_start=False)
        days = sorted(path.name for path in self.folder.glob("*-*-*") if any(path.glob("*.parquet")))[-2:]
        query = """SELECT vendor, key, epoch, max(sequence) FROM read_parquet($files)
            WHERE sequence IS NOT NULL GROUP BY ALL ORDER BY max(received_at)"""
        files = [str(path) for day in days for path in (self.folder / day).glob("*.parquet")]
        for vendor, key, epoch, sequence in run(query, files=files) if files else []:
            gaps.take(f"{vendor}.{key}", epoch, sequence)
        return gaps

    def print_gaps(self) -> None:
        """Print the rows before which something may be missing, with tabs between their values."""
        query = """SELECT received_at::VARCHAR, vendor, key, epoch, sequence,
                coalesce(missed::VARCHAR, 'NULL')
            FROM read_parquet($files) WHERE missed IS DISTINCT FROM 0 ORDER BY received_at, sequence"""
        files = [str(path) for path in self.folder.glob("*/*.parquet")]
        print("received_at", "vendor", "key", "epoch", "sequence", "missed", sep="\t")
        for row in run(query, files=files) if files else []:
            print(*row, sep="\t")


class Recorder:
    """Reads a queue and writes what comes."""

    def __init__(self, files: Files, name: str, topics: list[str]) -> None:
        self.files, self.queue, self.topics = files, f"recorder.{name}", topics
        self.urls = cycle(url_list(None))  # the hosts of a cluster are tried in turn
        self.inbox: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self.is_stopping = False

    def stop(self) -> None:
        """Write what is here, and end."""
        self.is_stopping = True
        self.inbox.put_nowait(None)

    async def run(self) -> None:
        """Record until `stop`, over as many connections as it takes."""
        while not self.is_stopping:
            try:
                await self.record()
            except (AMQPError, ConnectionError, TimeoutError) as error:
                print(f"no connection to RabbitMQ, again in 2 s: {error}", flush=True)
                await asyncio.sleep(2)
            await asyncio.to_thread(self.files.rotate)

    async def record(self) -> None:
        """Record over one connection. What was not acknowledged comes again over the next one."""
        self.inbox = asyncio.Queue()
        await asyncio.to_thread(self.files.rotate)
        gaps = await asyncio.to_thread(self.files.gaps)
        async with await aio_pika.connect(next(self.urls), heartbeat=HEARTBEAT) as connection:
            connection.close_callbacks.add(lambda *_: self.inbox.put_nowait(None))
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=PREFETCH)
            queue = await channel.declare_queue(self.queue, durable=True, arguments=QUEUE)
            for topic in self.topics:
                await queue.bind(REALTIME_EXCHANGE, topic)
            await queue.consume(self.inbox.put, exclusive=True)  # two recorders would share the events
            print(f"recording {' '.join(self.topics)} into {self.files.folder}", flush=True)
            while not self.is_stopping:
                if batch := await self.batch():
                    now = datetime.now(UTC)
                    rows = [row for each in batch if (row := read(each, gaps, now))]
                    await asyncio.to_thread(self.files.append, rows)
                    await batch[-1].ack(multiple=True)
                if connection.is_closed:
                    raise ConnectionError("it was lost")
                await asyncio.to_thread(self.files.rotate_if_due)

    async def batch(self) -> list[AbstractIncomingMessage]:
        """What has come, at most after a second; a write for each event would be slow."""
        batch: list[AbstractIncomingMessage] = []
        try:
            async with asyncio.timeout(1):
                while len(batch) < PREFETCH and (message := await self.inbox.get()) is not None:
                    batch.append(message)
        except TimeoutError:
            pass
        return batch


def read(message: AbstractIncomingMessage, gaps: Gaps, now: datetime) -> dict[str, Any] | None:
    """The row of an event; nothing for one that is written already."""
    try:
        reply = decode_reply(message.body)
        (event,) = reply.result
    except (MalformedMessage, ValueError) as error:
        print(f"left out what is no event, by {message.routing_key}: {error}", flush=True)
        return None
    key, epoch, sequence = f"{event['vendor']}.{reply.key}", reply.epoch or "", reply.sequence or 0
    if gaps.is_repeat(key, epoch, sequence):
        return None
    missed = gaps.take(key, epoch, sequence)
    counted = {"key": reply.key, "epoch": epoch, "sequence": sequence, "missed": missed}
    return {"received_at": now, **{name: event.get(name) for name in FROM_EVENT}, **counted, "event": event}


def run(query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Ask DuckDB, which has no file of its own here."""
    with duckdb.connect() as database:
        return database.execute(query, parameters).fetchall()


def korean_day(moment: datetime) -> str:
    """The date in Korea."""
    return moment.astimezone(ZoneInfo("Asia/Seoul")).date().isoformat()


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Records live data into Parquet files.")
    add = parser.add_argument
    add("--folder", type=Path, default=Path("ticks"))
    add("--gaps", action="store_true", help="print what is missing, and end")
    add(
        "--topic",
        action="append",
        help="of broker.realtime, such as kis.trade.* (all: #); repeat it for more",
    )
    add("--subscribe", action="append", default=[], metavar="TICKER", help="have its trades sent; repeatable")
    add("--vendor", default="kis", choices=["kis", "kiwoom"], help="to subscribe at")
    add("--name", default="1", help="of its queue: one for each recorder")
    add("--rows", type=int, default=100_000, help="of a Parquet file")
    add("--seconds", type=float, default=600.0, help="that a Parquet file covers")
    return parser.parse_args()


async def main(options: argparse.Namespace) -> None:
    """Record until Ctrl-C."""
    files = Files(options.folder, options.rows, options.seconds)
    recorder = Recorder(files, options.name, options.topic or ["#"])
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(recorder.stop))
    async with AsyncExitStack() as subscriptions:
        recording = asyncio.ensure_future(recorder.run())
        if options.subscribe:
            client = await subscriptions.enter_async_context(AsyncClient(name="recorder"))
            for ticker in options.subscribe:
                method = f"{options.vendor}.subscribe-realtime-price"
                # It holds the subscription; the events come to the queue, and no copies of them here.
                await subscriptions.enter_async_context(client.stream(method, ticker=ticker, copies=False))
                print(f"subscribed to {ticker}", flush=True)
        await recording


if __name__ == "__main__":
    options = parse()
    try:
        if options.gaps:
            Files(options.folder, 0, 0).print_gaps()
        else:
            asyncio.run(main(options))
    except (BrokerError, ValueError, OSError) as error:
        sys.exit(f"stopped: {error}")
