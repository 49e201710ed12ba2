"""The methods of several accounts as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from broker_server.account_errors import unknown_account
from broker_server.core.accounts import DEFAULT, AccountKey
from broker_server.core.methods import Method, Outcome, Parameters, TaskContext
from broker_server.core.served_accounts import Holds, is_of_an_account


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
