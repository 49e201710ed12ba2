"""Kiwoom's limits: calls per second of each TR and key."""

from __future__ import annotations

from dataclasses import dataclass, replace

from broker_server.simulator.kiwoom.tables import Environment

PREFIX = "kiwoom_"
"""Before the names of these limits where those of other vendors stand beside them."""


@dataclass(frozen=True, slots=True)
class KiwoomLimits:
    """The limits in force.

    Attributes:
        real_per_second: Calls of one TR and a real key in any second.
        mock_per_second: The same for a mock key.
        queries_per_second: All queries of a key together; 0 for no such limit.
        orders_per_second: All orders of a key together; 0 for no such limit.
    """

    real_per_second: int = 5
    mock_per_second: int = 1
    queries_per_second: int = 0
    orders_per_second: int = 0

    def changed(self, changes: dict[str, float]) -> KiwoomLimits:
        """Limits with some of them changed; ``per_second`` sets those of both environments.

        Raises:
            ValueError: An unknown name or a senseless value.
        """
        limits = self
        for name, value in changes.items():
            names = ("real_per_second", "mock_per_second") if name == "per_second" else (name,)
            if any(each not in self.__dataclass_fields__ for each in names):
                known = ", ".join(f"{PREFIX}{each}" for each in ("per_second", *self.__dataclass_fields__))
                raise ValueError(f"unknown limit {PREFIX}{name}; allowed: {known}")
            least = 0 if name in ("queries_per_second", "orders_per_second") else 1
            whole = not isinstance(value, bool) and isinstance(value, int | float) and value == int(value)
            if not whole or value < least:
                raise ValueError(f"limits.{PREFIX}{name} must be a whole number >= {least}")
            limits = replace(limits, **dict.fromkeys(names, int(value)))
        return limits

    def per_second(self, environment: Environment) -> int:
        """Calls of one TR in any second."""
        return self.real_per_second if environment == "real" else self.mock_per_second

    def to_json(self) -> dict[str, int]:
        """As ``GET /faults`` shows them."""
        return {f"{PREFIX}{name}": getattr(self, name) for name in self.__dataclass_fields__}
