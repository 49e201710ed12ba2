"""Which worker a task belongs to: the owner of the account that it acts on, or any of its vendor's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from broker_client.errors import TaskFailed, UnknownMethod, VendorNotConfigured
from broker_client.protocol import TaskRequest
from broker_server.account_errors import unknown_account
from broker_server.amqp.forwarding import ORIGINAL_METHODS, alias_named, vendor_named, vendor_of
from broker_server.amqp.neighbours import Neighbours
from broker_server.core.accounts import DEFAULT, AccountKey, alias_asked
from broker_server.core.methods import Method, MethodRegistry
from broker_server.core.served_accounts import Holds, is_of_an_account


@dataclass(frozen=True, slots=True)
class Destination:
    """Whose worker is to run a task.

    Attributes:
        alias: Of the account; ``None`` for any of the vendor's.
    """

    vendor: str
    alias: str | None

    @property
    def key(self) -> AccountKey:
        """The account, the default one where none is named."""
        return AccountKey(self.vendor, self.alias or DEFAULT)


class Router:
    """Decides who runs a task. Runs on the event loop; never blocks.

    Args:
        registry: The methods of this worker.
        accounts: Those that it may serve.
        holds: Whether it owns an account now.
        neighbours: The other workers.
    """

    def __init__(
        self,
        registry: MethodRegistry,
        accounts: Sequence[AccountKey],
        holds: Holds,
        neighbours: Neighbours,
    ) -> None:
        self._registry = registry
        self._accounts = accounts
        self._holds = holds
        self._neighbours = neighbours

    def route(self, request: TaskRequest) -> Method[Any] | Destination:
        """The method that this worker runs, or who else is to run the task.

        Raises:
            UnknownMethod: Nobody has such a method.
        """
        named = vendor_named(request) or self._owner_of_a_bare_name(request)
        if named is not None and not self._of(named):
            return Destination(named, alias_named(request) or self._any_alias(request, named))
        method = self._registry.get(request.method)
        if method is None:
            vendor = vendor_of(request.method)
            if vendor is None or self._of(vendor):
                raise _unknown_method(request.method, self._registry)
            return Destination(vendor, alias_named(request))
        return self._elsewhere(request, method, named or method.vendor) or method

    def nobody_serves(self, target: Destination) -> TaskFailed:
        """The answer to a task that nobody can be given: of an account that there is not, or a vendor."""
        known = {key.account for key in (*self._of(target.vendor), *self._neighbours.accounts(target.vendor))}
        if target.alias is not None and known:
            return unknown_account(target.vendor, target.alias, known - {target.alias})
        return VendorNotConfigured(
            f"no worker on this broker serves {target.vendor}; broker.list-methods names what is served"
        )

    def _of(self, vendor: str) -> list[AccountKey]:
        return [key for key in self._accounts if key.vendor == vendor]

    def _owner_of_a_bare_name(self, request: TaskRequest) -> str | None:
        """The bare names are Kiwoom's wherever a Kiwoom worker serves, or has served, this broker: a client
        must not get another answer by which worker took its task.
        """
        owner = vendor_of(request.method) if request.method in ORIGINAL_METHODS else None
        return owner if owner is not None and self._neighbours.claims(owner) else None

    def _elsewhere(self, request: TaskRequest, method: Method[Any], vendor: str) -> Destination | None:
        own = self._of(vendor)
        if not own:
            return None  # of the worker itself
        of_all = vendor_named(request) is not None and request.parameters.get("account") is None
        if not of_all and (is_of_an_account(method) or vendor_named(request) is not None):
            alias = alias_asked(request.parameters)
            if alias is None:
                return None  # the check of its arguments says that this is no alias
            key = AccountKey(vendor, alias)
            return None if key in own and self._holds(key) else Destination(vendor, alias)
        if any(self._holds(key) for key in own):
            return None
        return Destination(vendor, own[0].account if of_all else None)

    def _any_alias(self, request: TaskRequest, vendor: str) -> str | None:
        """An account of a vendor that is served elsewhere, for a task about all of them."""
        known = sorted(key.account for key in self._neighbours.accounts(vendor))
        if vendor_named(request) is None or DEFAULT in known or not known:
            return None
        return known[0]


def _unknown_method(name: str, registry: MethodRegistry) -> UnknownMethod:
    close = registry.suggest(name)
    hint = f"did you mean {' or '.join(close)}?" if close else "broker.list-methods names them all"
    return UnknownMethod(f"there is no method {name[:100]!r}; {hint}")
