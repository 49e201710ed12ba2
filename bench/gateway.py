"""The gateway: how many messages it fans out, how late, what clients that do not read cost, and its HTTP.

``python -m bench.gateway`` measures this alone. What is compared is measured in turn, round after round.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.gateway_server import FANNED_OUT, TICKERS
from bench.report import Report
from bench.servers import Talking, resident_mb, talking
from bench.stalled import Unread, stalled_between, unread

CLIENTS = 500
STALLED = 5
A_ROUND = CLIENTS * len(FANNED_OUT)
WARM_UP = 3
ROUNDS = 15
FILL_UP = 25
TURNS = 3
MOST_MEMORY_MB = 20.0

HTTP_CONNECTIONS = 8
HTTP_SECONDS = 1.0
HTTP_TURNS = 5
GATEWAY_PATH = f"/api/kr/realtime-prices?tickers={','.join(TICKERS)}"
BARE_PATH = "/bare/prices"

HOW = (
    f"{CLIENTS} clients in one process subscribe to {len(FANNED_OUT)} tickers. A round publishes all "
    f"tickers at once, and the next one begins when all messages of it have arrived. In each of {TURNS} "
    f"turns: {ROUNDS} rounds of the broadcast of `websockets` with the same messages, {ROUNDS} of the "
    f"gateway, then {FILL_UP} with {STALLED} clients more that never read, until their sockets are "
    f"full, and {ROUNDS} that are measured. That they do not read is looked up in `/proc/net/tcp`: "
    "bytes wait at both ends of their connections, and none of them was taken during the turn. HTTP: "
    f"{HTTP_CONNECTIONS} connections for {HTTP_SECONDS:g} s, {HTTP_TURNS} times in turn with a bare "
    "FastAPI endpoint that returns as much JSON. Medians of the turns, and of their ratios."
)


@dataclass(frozen=True, slots=True)
class Fan:
    """What came out in one turn.

    Attributes:
        per_second: Messages.
        p99: Seconds from the publishing of a message to its arrival.
    """

    per_second: float
    p99: float


class FanOut:
    """A server with its clients.

    Args:
        server: It.
        clients: Them.
    """

    def __init__(self, server: Talking, clients: Talking) -> None:
        self.server = server
        self._clients = clients
        self.settle()

    def settle(self) -> None:
        """Wait until nothing more is on its way."""
        self._clients.ask("settle")

    def stall(self, count: int) -> None:
        """Have so many more clients, which do not read."""
        self._clients.ask(f"stall {count}")

    def turn(self, rounds: int) -> Fan:
        """Publish so many rounds, each when the one before has arrived everywhere."""
        late: list[tuple[float, int]] = []
        began = time.monotonic()
        for _ in range(rounds):
            published = float(self.server.ask("round"))
            late += [(when - published, count) for when, count in json.loads(self._clients.ask(str(A_ROUND)))]
        seconds = time.monotonic() - began
        return Fan(rounds * A_ROUND / seconds, percentile(late, 0.99))


def percentile(counted: list[tuple[float, int]], share: float) -> float:
    """The value that this share of the counted things does not exceed."""
    left = share * sum(count for _, count in counted)
    for value, count in sorted(counted):
        left -= count
        if left <= 0:
            return value
    raise ValueError("nothing was counted")


@contextmanager
def fan_out(kind: str) -> Iterator[FanOut]:
    """A server of that kind with its clients."""
    with (
        talking("bench.gateway_server", kind) as server,
        talking("bench.gateway_clients", server.ready, str(CLIENTS)) as clients,
    ):
        yield FanOut(server, clients)


def measure_fan_out(report: Report) -> None:
    """Against the broadcast of ``websockets``, and with clients that do not read."""
    turns = []
    stalled: list[dict[int, Unread]] = []
    with fan_out("bare") as bare, fan_out("gateway") as gateway:
        bare.turn(WARM_UP)
        gateway.turn(WARM_UP)
        port = int(gateway.server.ready)
        before = resident_mb(gateway.server.pid)
        for _ in range(TURNS):
            turn = {"bare": bare.turn(ROUNDS), "gateway": gateway.turn(ROUNDS)}
            gateway.stall(STALLED)
            gateway.turn(FILL_UP)  # until nothing goes into their buffers any more
            at_first = unread(port)
            turn["stalled"] = gateway.turn(ROUNDS)
            stalled.append(stalled_between(at_first, unread(port)))
            gateway.stall(0)
            turns.append(turn)
        grown = resident_mb(gateway.server.pid) - before
    speed = {name: statistics.median(turn[name].per_second for turn in turns) for name in turns[0]}
    late = {name: statistics.median(turn[name].p99 for turn in turns) * 1e3 for name in turns[0]}
    ratio = statistics.median(turn["gateway"].per_second / turn["bare"].per_second for turn in turns)
    worse = statistics.median(turn["stalled"].p99 / turn["gateway"].p99 for turn in turns)
    what = f"{CLIENTS} WebSocket clients x {len(FANNED_OUT)} tickers"
    report.add(
        what,
        f"{speed['gateway']:,.0f} messages/s, p99 {late['gateway']:.0f} ms",
        f"websockets' broadcast: {speed['bare']:,.0f}/s, p99 {late['bare']:.0f} ms",
        f"{ratio:.2f}",
        "≥ 0.6",
        met=ratio >= 0.6,
    )
    report.add(
        f"{what}, {STALLED} more that do not read",
        f"p99 {late['stalled']:.0f} ms",
        f"without them: p99 {late['gateway']:.0f} ms",
        f"{worse:.2f}",
        "≤ 1.2",
        met=worse <= 1.2,
    )
    fewest = min(len(each) for each in stalled)
    held = [each.at_server for found in stalled for each in found.values()]
    report.add(
        f"clients of which the kernel shows that nothing was read meanwhile, in each of {TURNS} turns",
        f"{fewest} of {STALLED}",
        "unread at both ends, and no less after the turn than before it",
        f"{min(held, default=0) / 1000:,.0f} kB in the server's socket",
        f"{STALLED}",
        met=fewest == STALLED,
    )
    report.add(
        f"memory of the gateway after {TURNS * (FILL_UP + ROUNDS)} rounds with them",
        f"{grown:+.1f} MB",
        f"{before:.0f} MB",
        "",
        f"≤ {MOST_MEMORY_MB:g} MB",
        met=grown <= MOST_MEMORY_MB,
    )


async def requests_per_second(port: int, path: str) -> float:
    """How many requests are answered, over several connections that are kept."""
    ends = time.monotonic() + HTTP_SECONDS

    async def ask() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answered = 0
        while time.monotonic() < ends:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            answered += 1
        writer.close()
        return answered

    began = time.monotonic()
    total = sum(await asyncio.gather(*(ask() for _ in range(HTTP_CONNECTIONS))))
    return total / (time.monotonic() - began)


def measure_http(report: Report) -> None:
    """A batch of prices against an endpoint of FastAPI that returns as much JSON."""
    with talking("bench.gateway_server", "http") as server:
        port = int(server.ready)
        turns = []
        for path in (GATEWAY_PATH, BARE_PATH):
            asyncio.run(requests_per_second(port, path))
        for _ in range(HTTP_TURNS):
            ours = asyncio.run(requests_per_second(port, GATEWAY_PATH))
            turns.append((ours, asyncio.run(requests_per_second(port, BARE_PATH))))
    ours, bare = (statistics.median(each) for each in zip(*turns, strict=True))
    ratio = statistics.median(one / other for one, other in turns)
    report.add(
        f"HTTP, {len(TICKERS)} prices in one answer",
        f"{ours:,.0f} requests/s",
        f"bare FastAPI, as much JSON: {bare:,.0f}/s",
        f"{ratio:.2f}",
        "≥ 0.6",
        met=ratio >= 0.6,
    )


def measure_gateway(report: Report) -> None:
    """Everything of the gateway."""
    measure_fan_out(report)
    measure_http(report)


def main() -> int:
    """Measure this alone."""
    report = Report()
    measure_gateway(report)
    return report.show()


if __name__ == "__main__":
    raise SystemExit(main())
