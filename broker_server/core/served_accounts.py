"""Whose account a method is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from broker_server.core.accounts import AccountKey
from broker_server.core.methods import Method

Holds = Callable[[AccountKey], bool]
"""Whether this worker holds the lease of an account. Safe from any thread; returns at once."""


def is_of_an_account(method: Method[Any]) -> bool:
    """Whether a method acts on one account; quotes are subscribed on the connection of the default one."""
    return method.kind in ("order", "stream") or "account" in method.parameters.model_fields
