"""Orders that a guard refuses."""

from __future__ import annotations

from typing import Any

from tests.support.order_floor import Floor


def refused(floor: Floor, method: str, parameters: dict[str, Any], setting: str) -> str:
    """An order that breaks a limit: nothing of it leaves. Returns the words."""
    booked = len(floor.brokerage.orders())
    error = floor.refusal(method, parameters)
    assert error["code"] == "ORDER_GUARD", error
    assert setting in error["message"]
    assert error["retryable"] is False
    assert len(floor.brokerage.orders()) == booked
    return str(error["message"])
