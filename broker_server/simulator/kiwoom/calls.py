"""What a Kiwoom service is given and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from broker_server.simulator.kiwoom.errors import malformed, missing
from broker_server.simulator.kiwoom.keys import Credentials
from broker_server.simulator.kiwoom.tables import Api, Environment

DONE = "정상적으로 처리되었습니다"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the gateway let through.

    Attributes:
        owner: Whose token it came with; the account is the token's.
        parameters: The body; all values are text.
        next_key: Asks for a later page; empty for the first one.
    """

    api: Api
    owner: Credentials
    parameters: Mapping[str, str]
    next_key: str = ""

    @property
    def environment(self) -> Environment:
        """``real`` or ``mock``."""
        return self.owner.environment

    def get(self, key: str) -> str:
        """A parameter, without blanks around it; empty when absent."""
        return self.parameters.get(key, "").strip()

    def choice(self, key: str, *allowed: str) -> str:
        """A parameter that is one of a list.

        Raises:
            KiwoomError: It is none of them.
        """
        value = self.get(key)
        if value not in allowed:
            raise malformed(key)
        return value

    def whole(self, key: str) -> int:
        """A parameter that is a whole number.

        Raises:
            KiwoomError: It is none.
        """
        text = self.get(key)
        if not (text.isascii() and text.isdigit()):
            raise malformed(key)
        return int(text)

    def require(self) -> None:
        """Check that every needed parameter is there.

        Raises:
            KiwoomError: One is missing or blank.
        """
        for field in self.api.request:
            if field.required and not self.get(field.key):
                raise missing(field.key)


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    Attributes:
        outputs: The keys of the body.
        next_key: More pages follow, and this asks for the next one.
    """

    outputs: Mapping[str, Any]
    next_key: str = ""
    message: str = DONE

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return {**self.outputs, "return_code": 0, "return_msg": self.message}


Service = Callable[[Call], Answer]
