"""The reason of a lost or refused connection is one line, whichever library wraps it."""

from __future__ import annotations

import pytest
from aiormq.exceptions import AMQPConnectionError as AiormqConnectionError
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorSocketConnectError,
)
from pika.exceptions import AMQPConnectionError, ConnectionClosedByBroker

from broker_client.reasons import MAX_REASON, reason_of

REFUSED = ConnectionRefusedError(111, "Connection refused")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (REFUSED, "Connection refused"),
        (AMQPConnectionWorkflowFailed([AMQPConnectorSocketConnectError(REFUSED)]), "Connection refused"),
        (AMQPConnectionError(AMQPConnectionWorkflowFailed([REFUSED])), "Connection refused"),
        (AiormqConnectionError(*REFUSED.args), "Connection refused"),
        (
            ConnectionClosedByBroker(530, "NOT_ALLOWED - vhost gone not found"),
            "530 NOT_ALLOWED - vhost gone not found",
        ),
        (ValueError("first\nsecond"), "first"),
        (TimeoutError(), "TimeoutError"),
        (
            RuntimeError("Connection.OpenOk expected"),
            "there is no such virtual host, or this user may not use it",
        ),
        ("closed", "closed"),
    ],
)
def test_the_innermost_cause_is_told(error: object, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_long_reason_is_cut() -> None:
    assert len(reason_of(ValueError("x" * 10_000))) == MAX_REASON + 1
