"""What ``broker-server check`` makes of the live connections of a worker that runs."""

from __future__ import annotations

from typing import Any

import pytest

from broker_server.check_worker import live_data


def session(state: str, **more: Any) -> dict[str, Any]:
    shown = {"environment": "real", "capacity": 40, "registered": 0, "failures": 0, "last_failure": None}
    return {"state": state, **shown, **more}


def status(*sessions: dict[str, Any]) -> dict[str, Any]:
    return {"worker": "w1", "streams": {"kis": {"feed": {"sessions": list(sessions)}}}}


def test_idle_and_connected_keys_are_in_order() -> None:
    (result,) = live_data("kis", status(session("connected", registered=2), session("idle")))
    assert result.passed
    assert result.detail == (
        "asked the worker w1: real key connected, 2 of 40 registered; real key idle, 0 of 40 registered"
    )


@pytest.mark.parametrize("state", ["waiting", "connecting", "refused", "connected"])
def test_a_key_that_cannot_connect_fails_and_says_why(state: str) -> None:
    broken = session(state, failures=4, last_failure="KIS refuses the key")
    (result,) = live_data("kis", status(session("connected"), broken))
    assert not result.passed
    assert f"real key {state}, 4 failures in a row, the last one: KIS refuses the key" in result.detail


def test_a_failure_that_is_over_does_not_count() -> None:
    (result,) = live_data("kis", status(session("connected", last_failure="nothing came")))
    assert result.passed


@pytest.mark.parametrize(
    "row", [{}, {"streams": {"error": "no answer"}}, {"streams": {"kis": {"feed": {"capacity": 0}}}}]
)
def test_without_live_connections_there_is_nothing_to_say(row: dict[str, Any]) -> None:
    assert list(live_data("kis", row)) == []
