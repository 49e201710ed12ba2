"""A worker with methods that misbehave on purpose, run as a process: ``python -m tests.support.stub_worker``.

It is the product's own worker, given more methods through the seam that exists for them.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from pydantic import Field

from broker_server.core.methods import Lane, Method, NoParameters, Outcome, Parameters, TaskContext
from broker_server.run import run_worker
from broker_server.settings import load_settings


class Echo(Parameters):
    value: str | int | None = None
    seconds: float = Field(default=0, ge=0, le=3600)
    started: Path | None = None
    gate: Path | None = None


class Pages(Parameters):
    pages: int = 3


def linger(parameters: Echo) -> None:
    """Leave the file ``started``, then take as long as the test says: some seconds, or until the file
    ``gate`` is there.
    """
    if parameters.started is not None:
        parameters.started.touch()
    if parameters.seconds:
        time.sleep(parameters.seconds)
    while parameters.gate is not None and not parameters.gate.exists():
        time.sleep(0.02)


def echo(parameters: Echo, _: TaskContext) -> Outcome:
    linger(parameters)
    return Outcome([{"value": parameters.value, "pid": os.getpid()}])


def crash(_: NoParameters, __: TaskContext) -> Outcome:
    raise RuntimeError("a defect for the test")


def kill(_: NoParameters, __: TaskContext) -> Outcome:
    os._exit(9)


def pages(parameters: Pages, context: TaskContext) -> Outcome:
    for page in range(1, parameters.pages + 1):
        context.report_progress(page, parameters.pages)
    return Outcome(
        [{"page": page} for page in range(1, parameters.pages + 1)], truncated="the cap of the test"
    )


def place(parameters: Echo, _: TaskContext) -> Outcome:
    """Place an 'order': one line in the file that ORDER_FILE names, the ground truth of the test."""
    with _file_lock, open(os.environ["ORDER_FILE"], "a", encoding="utf-8") as file:
        file.write(f"{parameters.value}\n")
    linger(parameters)
    return Outcome([{"value": parameters.value}])


_file_lock = threading.Lock()


def _method(name: str, parameters: type[Parameters], handler: object, **more: object) -> Method:
    options = {"vendor": "stub", "kind": "read", "lane": Lane.QUOTE, "summary": "For tests."} | more
    return Method(name=name, parameters=parameters, handler=handler, **options)


METHODS = [
    _method("stub.echo", Echo, echo),
    _method("stub.inline-echo", Echo, echo, inline=True),
    _method("stub.account-echo", Echo, echo, lane=Lane.ACCOUNT),
    _method("stub.bulk-echo", Echo, echo, lane=Lane.BULK),
    _method("stub.crash", NoParameters, crash),
    _method("stub.inline-crash", NoParameters, crash, inline=True),
    _method("stub.kill", NoParameters, kill),
    _method("stub.pages", Pages, pages),
    _method("stub.buy-order", Echo, place, kind="order", lane=Lane.ORDER),
    _method("stub.cancel-order", Echo, place, kind="order", lane=Lane.CANCEL),
]


def main() -> int:
    """Run the worker against BROKER_URL with no vendor."""
    return run_worker(load_settings(vendors=""), simulate=False, extra_methods=METHODS)


if __name__ == "__main__":
    raise SystemExit(main())
