"""Who may order, settle orders, or let them through again: the AMQP user that RabbitMQ verified."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any

from broker_client.errors import OrderGuard
from broker_server.core.methods import Method, Outcome, Parameters, TaskContext


def ensure_user(users: Set[str] | None, user: str | None, action: str) -> None:
    """Check who asks.

    Args:
        users: Those who may; ``None`` for anybody.
        user: Who asks, as far as RabbitMQ verified it.
        action: What is asked for, for the message.

    Raises:
        OrderGuard: The user may not.
    """
    if users is None or user in users:
        return
    who = f"the AMQP user {user}" if user else "a message without the user_id property"
    raise OrderGuard(f"{who} may not {action}; ORDER_USERS names those who may")


def reserved(method: Method[Any], users: Set[str] | None, action: str) -> Method[Any]:
    """The method, for these users only; see `ensure_user`."""
    handler = method.handler

    def guarded(parameters: Parameters, context: TaskContext) -> Outcome:
        ensure_user(users, context.user, action)
        return handler(parameters, context)

    return replace(method, handler=guarded)
