"""``make bench``: every speed target as a ratio measured in one run, on private RabbitMQ nodes.

``python -m bench.run [--only NAME …] [--write PAGE]``. The figures depend on the machine; the ratios are what
counts. Exit 1 when one of them misses its target or a part could not be measured, which stops no other part.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bench import gateway, koscom_feed, live_data, metrics_cost, orders, peers, realtime_codec
from bench.machine import machine, versions
from bench.page import render
from bench.report import Report
from broker_server.amqp.private_node import PrivateNode


class Part(NamedTuple):
    """One part of the run.

    Attributes:
        title: Of its section.
        how: How it is measured.
        measure: Adds its rows.
    """

    title: str
    how: str
    measure: Callable[[Report], None]


PARTS = {
    "tasks": Part("Tasks", peers.HOW, peers.measure_peers),
    "metrics": Part("Being watched", metrics_cost.HOW, metrics_cost.measure_metrics),
    "orders": Part("Orders", orders.HOW, orders.measure_orders),
    "codec": Part("Decoding KIS's live data", realtime_codec.HOW, realtime_codec.measure_codec),
    "live": Part("Live data", live_data.HOW, live_data.measure_live_data),
    "gateway": Part("The gateway", gateway.HOW, gateway.measure_gateway),
    "koscom": Part("KOSCOM's market-wide feed", koscom_feed.HOW, koscom_feed.measure_koscom),
}


def main() -> int:
    """Measure, print the table, write the page, and say whether every target was met."""
    parser = argparse.ArgumentParser(prog="bench.run", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts, instead of all")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="the Markdown page to write")
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write is of a whole run: leave --only out")
    report, on = Report(), list(machine())
    failed: list[str] = []
    began = time.monotonic()
    for name in options.only or PARTS:
        part = PARTS[name]
        sys.stderr.write(f"{time.monotonic() - began:4.0f} s  {part.title}\n")
        report.begin(part.title, part.how)
        try:
            part.measure(report)
        except Exception as error:
            traceback.print_exc()
            report.add(name, "not measured", str(error) or repr(error), "", "to be measured", met=False)
            failed.append(name)
    seconds = time.monotonic() - began
    code = report.show()
    if options.write and failed:
        sys.stderr.write(f"{options.write} is not written: {', '.join(failed)} could not be measured\n")
    elif options.write:
        with PrivateNode.start() as node:
            of = list(versions(node.url))
        page = render(report, machine=on, versions=of, day=datetime.now(UTC).date(), seconds=seconds)
        options.write.write_text(page, "utf-8")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
