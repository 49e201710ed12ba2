"""The console script: an interrupt during the imports ends it as quietly as a later one."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count."""


def main() -> None:
    """Run ``broker-server``."""
    try:
        from broker_server.cli import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
