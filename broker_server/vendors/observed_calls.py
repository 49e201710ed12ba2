"""Measures and traces a vendor's calls that are no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from broker_client.errors import TaskFailed
from broker_server.core.instruments import Instruments
from broker_server.vendors.observed_http import OK


@contextmanager
def observed(
    instruments: Instruments, vendor: str, operation: str, monotonic: Callable[[], float]
) -> Iterator[None]:
    """Watch a call until it returns: the vendor's code of a failure counts, else ours.

    Args:
        operation: The vendor's own name of it; from a table, never from a client.
        monotonic: Seconds.
    """
    began, code = monotonic(), "INTERNAL"
    with instruments.tracer.call(vendor, operation) as ended:
        try:
            yield
            code = OK
        except TaskFailed as error:
            code = error.vendor_code or error.code
            raise
        finally:
            instruments.meter.call_done(vendor, operation, code, monotonic() - began)
            ended(None if code == OK else code)
