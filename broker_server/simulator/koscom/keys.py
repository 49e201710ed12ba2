"""Keys of the simulated KOSCOM: one of production, and one of the sandbox, which may subscribe to less."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from broker_server.simulator.koscom.tables import Environment

_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and the company that it was given to."""

    environment: Environment
    api_key: str = field(repr=False)
    member_name: str

    def to_json(self) -> dict[str, str]:
        """As the simulator's first output line shows them."""
        return {"api_key": self.api_key, "member_name": self.member_name}


def make_credentials(seed: int) -> dict[Environment, Credentials]:
    """The keys of a seed."""
    members: dict[Environment, str] = {"real": "simulated-securities", "sandbox": "simulated-sandbox"}
    found: dict[Environment, Credentials] = {}
    for environment, member in members.items():
        chance = random.Random(f"{seed}/koscom/{environment}/credentials")  # noqa: S311 - a simulator's keys
        key = "l7xx" + "".join(chance.choices("0123456789abcdef", k=_DIGITS))
        found[environment] = Credentials(environment, key, member)
    return found


class KeyStore:
    """Who may call.

    Args:
        credentials: All that there are.
    """

    def __init__(self, credentials: Mapping[Environment, Credentials]) -> None:
        self._by_key = {each.api_key: each for each in credentials.values()}

    def owner(self, api_key: object) -> Credentials | None:
        """Whose key it is; None for nobody's."""
        return self._by_key.get(api_key) if isinstance(api_key, str) else None
