"""What an order may have done of which nobody has heard: what to say of it, by the name of its method."""

from __future__ import annotations

import re

__all__ = ["possible_effect", "warning"]

CANCEL_ALL = "broker.cancel-all-orders"
_CANCEL = re.compile(r"[a-z]+\.cancel(-overseas)?-order\Z|kis\.call-cancel\Z")
_MODIFY = re.compile(r"[a-z]+\.modify(-overseas)?-order\Z")


def possible_effect(method: str) -> str:
    """What may have happened, as a clause.

    Args:
        method: See `broker_client.protocol.is_order_method`.
    """
    if method == CANCEL_ALL:
        return "orders may have been cancelled"
    if _CANCEL.match(method):
        return "the order may have been cancelled"
    if _MODIFY.match(method):
        return "the order may have been changed"
    if method == "kis.call-order":
        return "the order may have been placed or changed"
    return "the order may have been placed"


def warning(method: str) -> str:
    """What not to do about it; a second cancel harms nobody, so there is nothing to warn of."""
    is_harmless = method == CANCEL_ALL or _CANCEL.match(method) is not None
    return "" if is_harmless else "Do not send a new one. "
