"""``python -m broker_server.simulator``: ``broker-server simulate`` as `SimulatorProcess` starts it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime

from broker_server.simulator.server import Options, read_moment, run


def _moment(text: str) -> datetime:
    try:
        return read_moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m broker_server.simulator", description=__doc__)
    parser.add_argument("--json", action="store_true", help="announce addresses and keys in one JSON line")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal prices and keys")
    parser.add_argument("--hours", action="store_true", help="trade only in the exchanges' hours")
    parser.add_argument(
        "--start", type=_moment, help="the simulated clock's first moment, ISO 8601 with offset"
    )
    parser.add_argument("--kis-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--kis-ws-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--kiwoom-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--kiwoom-ws-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--koscom-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--koscom-ws-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--control-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--watch-stdin", action="store_true", help="end when stdin is closed")
    chosen = parser.parse_args(arguments)
    options = Options(
        seed=chosen.seed,
        hours=chosen.hours,
        start=chosen.start,
        kis_port=chosen.kis_port,
        kis_ws_port=chosen.kis_ws_port,
        kiwoom_port=chosen.kiwoom_port,
        kiwoom_ws_port=chosen.kiwoom_ws_port,
        koscom_port=chosen.koscom_port,
        koscom_ws_port=chosen.koscom_ws_port,
        control_port=chosen.control_port,
    )
    return run(options, as_json=chosen.json, watch_stdin=chosen.watch_stdin)


if __name__ == "__main__":
    raise SystemExit(main())
