"""A worker on the simulator that dies (-9) at steps of orders: those that its seed chooses, or a named one.

Run as ``from tests.support.chaos_worker import main``. Read from the environment: CHAOS_SEED and CHAOS_ODDS
(deaths per step), or CHAOS_STEP (``step`` or ``step task_id``).
"""

from __future__ import annotations

import os
import random
import signal

from broker_server.orders.gate import Step
from broker_server.run import run_worker
from broker_server.settings import load_settings


def die(step: str, task_id: str) -> None:
    """Kill this process."""
    os.write(2, f"CHAOS died at {step} {task_id}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


class Killer:
    """Told of each step of an order; kills this process at some of them.

    Args:
        seed: Chooses which.
        odds: Of dying at one step.
    """

    def __init__(self, seed: str, odds: float) -> None:
        self._random = random.Random(seed)
        self._odds = odds

    def __call__(self, step: str, task_id: str) -> None:
        if self._random.random() < self._odds:
            die(step, task_id)


class Assassin:
    """Kills this process at one step.

    Args:
        target: The step, and the order if it matters.
    """

    def __init__(self, target: str) -> None:
        self._step, _, self._task_id = target.partition(" ")

    def __call__(self, step: str, task_id: str) -> None:
        if step == self._step and self._task_id in ("", task_id):
            die(step, task_id)


def main() -> int:
    """Run until killed."""
    target = os.environ.get("CHAOS_STEP")
    step: Step = (
        Assassin(target) if target else Killer(os.environ["CHAOS_SEED"], float(os.environ["CHAOS_ODDS"]))
    )
    return run_worker(load_settings(env_file=None), simulate=True, step=step)


if __name__ == "__main__":
    raise SystemExit(main())
