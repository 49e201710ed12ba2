"""How a brokerage account is called: by an alias, never by its number."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, WithJsonSchema

DEFAULT = "default"
"""The account of the plain settings, and of a task that names none."""
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""Fit for names of queues, routing keys and metrics. No account number looks like it."""


class AccountKey(NamedTuple):
    """An account of a vendor.

    Attributes:
        vendor: ``kis``.
        account: The alias.
    """

    vendor: str
    account: str = DEFAULT

    @property
    def label(self) -> str:
        """``kis/default``, ``kis/second``: for people and leases."""
        return f"{self.vendor}/{self.account}"

    @property
    def place(self) -> str:
        """``kis`` for the default account, ``kis/second`` for another: as listings by vendor name it."""
        return self.vendor if self.account == DEFAULT else self.label

    @classmethod
    def of(cls, text: str) -> AccountKey:
        """Read a `label` or a `place`."""
        vendor, _, account = text.partition("/")
        return cls(vendor, account or DEFAULT)


def is_alias(value: object) -> bool:
    """Whether it can be the alias of an account."""
    return isinstance(value, str) and _ALIAS.fullmatch(value) is not None


def alias_asked(parameters: dict[str, Any]) -> str | None:
    """The alias that a task's arguments name; ``None`` for one that cannot be any."""
    value = parameters.get("account", DEFAULT)
    return value if is_alias(value) else None


def _alias(value: object) -> object:
    if not is_alias(value):
        raise ValueError(
            "must be the alias of an account, never its number: default, or the name of its table in "
            "ACCOUNTS_FILE; a small letter, then small letters, digits, _ and -, 32 at most"
        )
    return value


AccountAlias = Annotated[
    str, BeforeValidator(_alias), WithJsonSchema({"type": "string", "pattern": f"^{_ALIAS.pattern}$"})
]
"""Which account a task is about."""
