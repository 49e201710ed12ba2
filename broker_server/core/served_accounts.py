"""Whose account a task is about, and the methods of several accounts as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from broker_client.errors import InvalidParameters
from broker_server.core.accounts import DEFAULT, AccountKey, unknown_account
from broker_server.core.methods import Method, Outcome, Parameters, TaskContext

Holds = Callable[[AccountKey], bool]
"""Whether this worker holds the lease of an account. Safe from any thread; returns at once."""


def is_of_an_account(method: Method[Any]) -> bool:
    """Whether a method acts on one account; quotes are subscribed on the connection of the default one."""
    return method.kind in ("order", "stream") or "account" in method.parameters.model_fields


def merge(methods: Mapping[AccountKey, Method[Any]], holds: Holds) -> Method[Any]:
    """One method out of those that the adapters of a vendor's accounts declare under the same name.

    Args:
        methods: By account, in the order of preference for what is of no account.
        holds: Prefers the accounts of this worker for that.
    """
    first = next(iter(methods.values()))
    if not is_of_an_account(first):
        return replace(first, handler=_of_any(methods, holds))

    def of(parameters: Parameters) -> Method[Any]:
        alias = getattr(parameters, "account", DEFAULT)
        found = methods.get(AccountKey(first.vendor, alias))
        if found is None:
            raise unknown_account(first.vendor, alias, (key.account for key in methods))
        return found

    def details(parameters: Parameters) -> Any:
        declared = of(parameters).details
        assert declared is not None  # noqa: S101 - as the first one's is not
        return declared(parameters)

    def stream(parameters: Parameters) -> Any:
        declared = of(parameters).stream
        assert declared is not None  # noqa: S101 - as the first one's is not
        return declared(parameters)

    return replace(
        first,
        handler=lambda parameters, context: of(parameters).handler(parameters, context),
        details=None if first.details is None else details,
        stream=None if first.stream is None else stream,
    )


def _of_any(
    methods: Mapping[AccountKey, Method[Any]], holds: Holds
) -> Callable[[Parameters, TaskContext], Outcome]:
    def handle(parameters: Parameters, context: TaskContext) -> Outcome:
        key = next((each for each in methods if holds(each)), next(iter(methods)))
        return methods[key].handler(parameters, context)

    return handle


def by_name(declared: Mapping[AccountKey, Sequence[Method[Any]]]) -> dict[str, dict[AccountKey, Method[Any]]]:
    """The methods of several adapters, by name and account."""
    found: dict[str, dict[AccountKey, Method[Any]]] = {}
    for key, methods in declared.items():
        for method in methods:
            found.setdefault(method.name, {})[key] = method
    return found


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
