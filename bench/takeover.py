"""How long an account has no owner when its owner dies or is cut off: ``python -m bench.takeover``.

Two whole workers, the first by way of a proxy, on a RabbitMQ node of their own.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import pika

from broker_server.amqp.private_node import PrivateNode
from broker_server.simulator.process import SimulatorProcess
from tests.support.processes import CommandProcess, start_server
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until


def main() -> None:
    """Print a table: the seconds until the standby has the lease, and until it consumes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heartbeats", type=int, nargs="+", default=[2, 5])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'heartbeat':>9}  {'owner':<11}  {'lease after (s)':<24}  ready after (s)")
    with PrivateNode.start() as node, SimulatorProcess.start() as simulator:
        for heartbeat in options.heartbeats:
            for how in ("killed", "silent cut"):
                rounds = [_round(node.url, simulator, heartbeat, how) for _ in range(options.rounds)]
                lease, ready = ([each[part] for each in rounds] for part in (0, 1))
                print(f"{heartbeat:>7} s  {how:<11}  {_shown(lease):<24}  {_shown(ready)}", flush=True)


def _shown(seconds: list[float]) -> str:
    each = " ".join(f"{value:.1f}" for value in seconds)
    return f"{statistics.median(seconds):.1f}  ({each})"


def _round(url: str, simulator: SimulatorProcess, heartbeat: int, how: str) -> tuple[float, float]:
    address = pika.URLParameters(url)
    with tempfile.TemporaryDirectory() as folder, TcpProxy(address.host, address.port) as proxy:
        cuttable = f"amqp://guest:guest@127.0.0.1:{proxy.port}/%2F"
        with _worker(cuttable, simulator, heartbeat, Path(folder)) as first:
            first.wait_ready()
            with _worker(url, simulator, heartbeat, Path(folder)) as second:
                second.wait_for_line("standby")
                began = time.monotonic()
                if how == "killed":
                    first.process.kill()
                else:
                    proxy.pause()
                wait_until(lambda: any("lease taken" in line for line in second.stderr_lines), 120)
                lease = time.monotonic() - began
                second.wait_ready(120)
                ready = time.monotonic() - began
                second.terminate()
    return lease, ready


def _worker(url: str, simulator: SimulatorProcess, heartbeat: int, folder: Path) -> CommandProcess:
    keys = simulator.credentials["kis"]["real"]
    return start_server(
        "run",
        "--simulate",
        environment={
            "BROKER_URL": url,
            "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}",
            "KIS_REST_URL": simulator.kis_rest_url,
            "KIS_APP_KEY": keys["app_key"],
            "KIS_APP_SECRET": keys["app_secret"],
            "KIS_ACCOUNT": keys["account"],
            "LEASE_HEARTBEAT": str(heartbeat),
            "LOG_FORMAT": "json",
        },
    )


if __name__ == "__main__":
    main()
