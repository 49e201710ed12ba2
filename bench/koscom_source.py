"""A server that speaks as much of KOSCOM's WebSocket as a benchmark needs: ``python -m bench.koscom_source``.

It lets everybody in and sends the trades of a whole market at an even pace, as many in a message as KOSCOM
sends at most. A line with a number on the standard input sets the pace, in trades a second; 0 is as fast as
they are taken.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import threading
import time
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

ISSUES = 2_700
"""Of a day's KOSPI and KOSDAQ together."""
PER_MESSAGE = 50
MESSAGES = 540
"""Prepared: each issue ten times."""
TRICKLE = 100.0
"""Trades a second while nothing is measured."""
LONGEST_LAG = 0.1
"""Seconds; what is due for longer is left out rather than sent in one lump."""


class Pace:
    """How many trades are sent in a second, and how many were."""

    per_second = TRICKLE
    sent = 0


def messages(count: int = MESSAGES, seed: int = 1) -> list[str]:
    """Messages of the feed of a market: each issue's price goes its way, as text like everything else."""
    chance = random.Random(seed)  # noqa: S311 - price paths, no secret
    codes = [f"{number * 37:06}" for number in range(1, ISSUES + 1)]
    prices = dict.fromkeys(codes, 50_000)
    found, number = [], 0
    turn = itertools.cycle(codes)
    for _ in range(count):
        records = []
        for code in itertools.islice(turn, PER_MESSAGE):
            number += 1
            prices[code] += chance.choice((-50, 0, 0, 50))
            minutes, rest = divmod(number, 6_000)
            clock = f"{9 + minutes // 60 % 6:02}{minutes % 60:02}{rest:04}"
            records.append(
                {
                    "isuSrtCd": code,
                    "trdPrc": str(prices[code]),
                    "trdVol": str(chance.randint(1, 900)),
                    "trdTm": clock,
                }
            )
        found.append(json.dumps(records, separators=(",", ":")))
    return found


def talk(connection: ServerConnection) -> None:
    """Answer the init, and send until the connection ends."""
    with suppress(ConnectionClosed):
        number = json.loads(connection.recv())["id"]
        connection.send(json.dumps({"jsonrpc": "2.0", "id": number, "result": {"message": "ok"}}))
        if connection.request is not None and connection.request.path == "/ws_ksp":
            send(connection)
        for _ in connection:
            continue


def send(connection: ServerConnection) -> None:
    """Send trades until the connection ends.

    Raises:
        ConnectionClosed: It has ended.
    """
    due = time.monotonic()
    for text in itertools.cycle(messages()):
        now, pace = time.monotonic(), Pace.per_second
        if pace:
            if now < due:
                time.sleep(due - now)
            due = max(due, now - LONGEST_LAG) + PER_MESSAGE / pace
        connection.send(text)
        Pace.sent += PER_MESSAGE


def obey(server: Server) -> None:
    """Set the pace as told, and say how many were sent so far; the end of the input ends the server."""
    for line in sys.stdin:
        Pace.per_second = float(line)
        print(Pace.sent, flush=True)
    server.shutdown()


def main() -> None:
    """Serve on a free port, which the first line tells."""
    with serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        threading.Thread(target=obey, args=(server,), daemon=True).start()
        print("ready", server.socket.getsockname()[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
