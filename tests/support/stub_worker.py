"""A worker with methods that misbehave on purpose, run as a process: ``python -m tests.support.stub_worker``.

It is the product's own worker, given more methods through the seam that exists for them.
"""

from __future__ import annotations

import os

from broker_server.core.methods import Lane, Method, NoParameters, Outcome, Parameters, TaskContext
from broker_server.run import run_worker
from broker_server.settings import load_settings
from tests.support.stub_vendor import Echo, StubVendor, linger


class Pages(Parameters):
    pages: int = 3


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
]


def main() -> int:
    """Run the worker against BROKER_URL with the vendor ``stub``, or with none when STUB_ORDERS is off."""
    vendors = [] if os.environ.get("STUB_ORDERS") == "off" else [StubVendor()]
    settings = load_settings(vendors=())
    return run_worker(settings, simulate=False, extra_methods=METHODS, extra_vendors=vendors)


if __name__ == "__main__":
    raise SystemExit(main())
