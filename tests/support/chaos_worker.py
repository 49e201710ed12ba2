"""A worker on the simulator that dies (-9) at the steps of orders that its seed chooses.

Run as ``from tests.support.chaos_worker import main``. CHAOS_SEED and CHAOS_ODDS (deaths per step) are read
from the environment.
"""

from __future__ import annotations

import os
import random
import signal

from broker_server.run import run_worker
from broker_server.settings import load_settings


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
            os.write(2, f"CHAOS died at {step} {task_id}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """Run until killed."""
    killer = Killer(os.environ["CHAOS_SEED"], float(os.environ["CHAOS_ODDS"]))
    return run_worker(load_settings(env_file=None), simulate=True, step=killer)


if __name__ == "__main__":
    raise SystemExit(main())
