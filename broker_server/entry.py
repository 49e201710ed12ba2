"""The console script: an interrupt during the imports ends it as quietly as a later one."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count."""


def main() -> None:
    """Run ``broker-server``."""
    _fill_closed_streams()
    try:
        from broker_server.cli import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _fill_closed_streams() -> None:
    """Whoever closed one wants to hear nothing; its number must not become that of the journal."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as we run
