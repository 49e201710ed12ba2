"""What the checks of every vendor share."""

from __future__ import annotations

from collections.abc import Callable

from broker_client.errors import BrokerError
from broker_server.core.methods import TaskContext
from broker_server.core.vendor import CheckResult
from broker_server.vendors.clock import Clock


def context_without_deadline(task_id: str, clock: Clock) -> TaskContext:
    """The context of what no task asks for."""
    return TaskContext(
        task_id=task_id,
        received_at=clock.now(),
        ensure_in_time=lambda: None,
        report_progress=lambda done, total: None,
    )


def attempt(item: str, trial: Callable[[], str]) -> CheckResult:
    """Try something.

    Args:
        item: What it is called.
        trial: Returns what was seen, or raises an error of the contract.
    """
    try:
        return CheckResult(item, True, trial())
    except BrokerError as error:
        return CheckResult(item, False, str(error))


def clock_text(seconds: int) -> str:
    """How far this machine's clock is from the vendor's, which tells whole seconds.

    Args:
        seconds: Ours less the vendor's.
    """
    if abs(seconds) <= 1:
        return "right"
    return f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} the vendor's"
