"""A server that speaks as much of KIS's WebSocket as a measurement needs: ``python -m bench.tick_source``.

It acknowledges every registration and sends trades at an even pace, one record in a frame, each with the time
of its sending in place of the day's volume. A line with a number on the standard input sets the pace.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from bench.realtime_codec import NAMES, TR, trades

VOLUME = NAMES.index("ACML_VOL")
TRICKLE = 20.0
"""Frames a second while nothing is measured, so that the feed is not taken for mute."""
RECORDS = 1_000
LONGEST_LAG = 0.1
"""Seconds; what is due for longer is left out rather than sent in one lump."""


class Pace:
    """How many frames are sent in a second."""

    per_second = TRICKLE


def talk(connection: ServerConnection) -> None:
    """Acknowledge, and begin to send with the first registration."""
    with suppress(ConnectionClosed):
        answer_all(connection)


def answer_all(connection: ServerConnection) -> None:
    """Until the connection ends.

    Raises:
        ConnectionClosed: It has ended without a farewell.
    """
    sender: threading.Thread | None = None
    for text in connection:
        wanted = json.loads(text)["body"]["input"]
        answer = {
            "header": {"tr_id": wanted["tr_id"], "tr_key": wanted["tr_key"], "encrypt": "N"},
            "body": {"rt_cd": "0", "msg_cd": "OPSP0000", "msg1": "SUBSCRIBE SUCCESS"},
        }
        connection.send(json.dumps(answer))
        if sender is None and wanted["tr_id"] == TR:
            sender = threading.Thread(target=send, args=(connection,), daemon=True)
            sender.start()


def send(connection: ServerConnection) -> None:
    """Send trades until the connection ends."""
    halves = [
        ("^".join(record[:VOLUME]), "^".join(record[VOLUME + 1 :])) for record in trades(RECORDS, seed=2)
    ]
    due = time.monotonic()
    number = 0
    try:
        while True:
            now = time.monotonic()
            if now < due:
                time.sleep(due - now)
            due = max(due, now - LONGEST_LAG) + 1 / Pace.per_second
            before, after = halves[number % RECORDS]
            number += 1
            connection.send(f"0|{TR}|001|{before}^{time.monotonic_ns() // 1000}^{after}")
    except ConnectionClosed:
        return


def obey(server: Server) -> None:
    """Set the pace as told; the end of the input ends the server."""
    for line in sys.stdin:
        Pace.per_second = float(line)
        print("ok", flush=True)
    server.shutdown()


def main() -> None:
    """Serve on a free port, which the first line tells."""
    with serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        threading.Thread(target=obey, args=(server,), daemon=True).start()
        print("ready", server.socket.getsockname()[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
