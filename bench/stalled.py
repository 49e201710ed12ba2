"""Whether a client really does not read, as the kernel of this machine shows its connection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Unread:
    """What lies between a server and one of its clients.

    Attributes:
        at_server: Bytes that the server has sent and the client's side has not taken.
        at_client: Bytes that have arrived and the client has not read.
    """

    at_server: int
    at_client: int


def unread(port: int) -> dict[int, Unread]:
    """Of every connection to a local port that has bytes at both ends, by the client's port.

    Args:
        port: The server's, on 127.0.0.1.
    """
    sending: dict[int, int] = {}
    waiting: dict[int, int] = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        if state != "01":  # established
            continue
        near, far = (int(end.partition(":")[2], 16) for end in (local, remote))
        to_send, to_read = (int(each, 16) for each in queues.split(":"))
        if near == port:
            sending[far] = to_send
        elif far == port:
            waiting[near] = to_read
    return {
        client: Unread(sending[client], waiting.get(client, 0))
        for client in sending
        if sending[client] and waiting.get(client, 0)
    }


def stalled_between(before: dict[int, Unread], after: dict[int, Unread]) -> dict[int, Unread]:
    """The connections of which nothing was read between two looks: no queue is shorter than it was."""
    return {
        client: after[client]
        for client, was in before.items()
        if client in after
        and after[client].at_server >= was.at_server
        and after[client].at_client >= was.at_client
    }
