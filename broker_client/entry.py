"""The console script: an interrupt during the imports ends it as quietly as a later one."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count."""


def main() -> None:
    """Run ``broker-client``."""
    try:
        from broker_client.cli import main as run

        sys.exit(run())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
