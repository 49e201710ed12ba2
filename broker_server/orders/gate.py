"""What an order has to get past right before its bytes leave."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker_server.journal.orders import OrderJournal
from broker_server.orders.checks import OrderChecks
from broker_server.orders.floors import NumberFloors
from broker_server.orders.obstacles import Obstacles
from broker_server.orders.ownership import Ownership

Step = Callable[[str, str], None]
"""Told of each step of an order, by name and task_id; tests make workers die there."""


def no_step(_: str, __: str) -> None:
    """Nobody listens."""


def pause(seconds: float) -> None:
    """Wait."""
    threading.Event().wait(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The same for every order of a worker; safe to share between threads.

    Attributes:
        checks: What holds right before a send.
        journal: Where ``SENDING`` is recorded.
        ownership: The leases of this worker.
        floors: Order numbers known before a send.
        obstacles: Finds what an order has to wait for.
        worker: The name of this worker.
        clock: UTC.
        monotonic: Seconds as ``Grant.orders_from`` counts them.
        pause: Waits some seconds for a lease that is not fresh.
        step: Told of each step.
    """

    checks: OrderChecks
    journal: OrderJournal
    ownership: Ownership
    floors: NumberFloors
    obstacles: Obstacles
    worker: str
    clock: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = pause
    step: Step = no_step
