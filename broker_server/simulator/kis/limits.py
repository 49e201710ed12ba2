"""KIS's limits: calls per second and key, and how often a token is issued."""

from __future__ import annotations

from dataclasses import dataclass, replace

from broker_server.simulator.kis.tables import Environment

_PER_SECOND = ("rest_per_second", "real_per_second", "paper_per_second", "approvals_per_second")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force.

    Attributes:
        real_per_second: REST calls of a real key in any second (published 2026-04-20).
        paper_per_second: The same for a paper key.
        token_interval: Seconds between two token requests of a key.
        approvals_per_second: Approval keys of a key in any second.
    """

    real_per_second: int = 18
    paper_per_second: int = 1
    token_interval: float = 60.0
    approvals_per_second: int = 1

    def lifted(self, changes: dict[str, float]) -> Limits:
        """Limits with some of them changed; ``rest_per_second`` sets all that count by the second.

        Raises:
            ValueError: An unknown name or a senseless value.
        """
        limits = self
        for name, value in changes.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"limits.{name} must be a number >= 0")
            if name == "token_interval":
                limits = replace(limits, token_interval=float(value))
            elif name not in _PER_SECOND:
                raise ValueError(f"unknown limit {name}; allowed: {', '.join(_PER_SECOND)}, token_interval")
            else:
                if value < 1 or value != int(value):
                    raise ValueError(f"limits.{name} must be a whole number >= 1")
                names = _PER_SECOND[1:] if name == "rest_per_second" else (name,)
                limits = replace(limits, **dict.fromkeys(names, int(value)))
        return limits

    def per_second(self, environment: Environment) -> int:
        """REST calls in any second."""
        return self.real_per_second if environment == "real" else self.paper_per_second
