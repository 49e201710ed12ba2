"""What a KIS service is given and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from broker_server.simulator.kis.errors import invalid_account, invalid_field, missing_field
from broker_server.simulator.kis.tables import Environment, Operation, Tr

VENDOR = "kis"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the gateway let through.

    Attributes:
        parameters: Query string or body; all values are text.
        continued: The request header ``tr_cont`` was ``N``.
        account_allowed: Whether the account in the parameters belongs to the key.
    """

    operation: Operation
    tr: Tr
    environment: Environment
    parameters: dict[str, str]
    continued: bool = False
    account_allowed: bool = True

    @property
    def paper(self) -> bool:
        """Whether it is for paper trading."""
        return self.environment == "paper"

    def get(self, name: str, default: str = "") -> str:
        """A parameter, by its upper-case name."""
        return self.parameters.get(name, default)

    def whole(self, name: str) -> int:
        """A parameter that is a whole number.

        Raises:
            KisError: It is none.
        """
        text = self.get(name).strip()
        if not (text.isascii() and text.isdigit()):
            raise invalid_field(name)
        return int(text)

    def require(self) -> None:
        """Check that every needed parameter is there.

        Raises:
            KisError: One is missing.
        """
        for name in self.operation.required:
            if name not in self.parameters:
                raise missing_field(name)

    @property
    def account(self) -> str:
        """``12345678-01`` from CANO and ACNT_PRDT_CD.

        Raises:
            KisError: Malformed, of another product, or another key's.
        """
        number, product = self.get("CANO"), self.get("ACNT_PRDT_CD")
        well_formed = len(number) == 8 and number.isdigit() and product == "01"
        if not well_formed or not self.account_allowed:
            raise invalid_account()
        return f"{number}-{product}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    Attributes:
        outputs: ``output``, ``output1`` … and the paging keys.
        tr_cont: The response header: F or M when more pages follow, D or E at the end, else blank.
    """

    outputs: dict[str, Any]
    tr_cont: str = ""
    msg_cd: str = "MCA00000"
    msg1: str = "정상처리 되었습니다."

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return {**self.outputs, "rt_cd": "0", "msg_cd": self.msg_cd, "msg1": self.msg1}
