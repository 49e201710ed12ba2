"""What a task about a wrong account is answered."""

from __future__ import annotations

from collections.abc import Iterable

from broker_client.errors import InvalidParameters
from broker_server.core.accounts import DEFAULT, AccountKey

_MOST_NAMED = 12


def unknown_account(vendor: str, alias: str, known: Iterable[str]) -> InvalidParameters:
    """The answer to a task about an account that nobody serves.

    Args:
        alias: A valid one; a number is refused before.
        known: The aliases that there are.
    """
    names = sorted(set(known), key=lambda name: (name != DEFAULT, name))
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    there_are = f"known: {', '.join(names[:_MOST_NAMED])}{more}" if names else "none is known"
    return InvalidParameters(
        f"account: no worker on this broker serves an account {alias!r} of {vendor}; {there_are}"
    )


def ensure_same_account(
    named: AccountKey, asked: AccountKey, task_id: str, *, parameter: str = "order_task_id"
) -> None:
    """Make sure that an order which a task names is of the account that the task is about.

    Raises:
        InvalidParameters: It is another one's: its number may be that of another order there.
    """
    if named == asked:
        return
    hint = f"name account: {named.account}" if named.vendor == asked.vendor else "use that vendor's method"
    raise InvalidParameters(
        f"{parameter}: {task_id} is an order of {named.label}, not of {asked.label}; nothing was sent, {hint}"
    )
