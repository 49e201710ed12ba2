"""What a process and a broker hold: memory, threads, descriptors; connections, channels, queues."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds.

    Attributes:
        memory: Resident, in bytes.
        anonymous: The part of it that no file backs: heaps and stacks.
        threads: Of it.
        descriptors: Open files and sockets.
        cpu: Seconds of processor time so far.
    """

    memory: int
    anonymous: int
    threads: int
    descriptors: int
    cpu: float


def held(pid: int) -> Held:
    """What a process holds now (Linux)."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]  # utime, stime
    return Held(
        memory=int(fields["VmRSS"].split()[0]) * 1024,
        anonymous=int(fields["RssAnon"].split()[0]) * 1024,
        threads=int(fields["Threads"]),
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),
        cpu=sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
    )


@dataclass(frozen=True, slots=True)
class AtBroker:
    """What there is at a broker."""

    connections: int
    channels: int
    queues: int
    consumers: int
    exchanges: int

    def __sub__(self, other: AtBroker) -> dict[str, int]:
        """What there is more of."""
        before = asdict(other)
        return {name: count - before[name] for name, count in asdict(self).items() if count != before[name]}


def at_broker(management_url: str) -> AtBroker:
    """Ask the management plugin."""
    answer = requests.get(f"{management_url}/api/overview", auth=("guest", "guest"), timeout=60)
    answer.raise_for_status()
    totals: dict[str, Any] = answer.json()["object_totals"]
    return AtBroker(**{name: totals[name] for name in AtBroker.__slots__})


def channels_by_connection(management_url: str) -> Counter[str]:
    """How many channels there are on the connections of each name; process ids and host names are in it."""
    answer = requests.get(f"{management_url}/api/channels", auth=("guest", "guest"), timeout=60)
    answer.raise_for_status()
    answer_of_connections = requests.get(
        f"{management_url}/api/connections", auth=("guest", "guest"), timeout=60
    )
    answer_of_connections.raise_for_status()
    names = {
        each["name"]: each.get("client_properties", {}).get("connection_name", each["name"])
        for each in answer_of_connections.json()
    }
    connections = (each.get("connection_details", {}).get("name", "") for each in answer.json())
    return Counter(names.get(each, each) for each in connections)


def slope(points: list[tuple[float, float]]) -> float:
    """The rise of a line through points by least squares, per unit of the first value."""
    count = len(points)
    middle_x = sum(x for x, _ in points) / count
    middle_y = sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0
