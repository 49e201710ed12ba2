"""The three shapes in which KIS says no."""

from __future__ import annotations

from broker_server.simulator.kis.tables import gateway_message, refusal
from broker_server.simulator.orders import OrderRefused


class KisError(Exception):
    """An error answer.

    Attributes:
        status: HTTP status.
        code: ``msg_cd`` or ``error_code``.
        body: The JSON body.
    """

    def __init__(self, status: int, code: str, body: dict[str, object]) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.body = body


def gateway_error(code: str, message: str | None = None) -> KisError:
    """Refused before it reached a service: HTTP 500."""
    text = gateway_message(code) if message is None else message
    return KisError(500, code, {"rt_cd": "1", "msg_cd": code, "msg1": text})


def oauth_error(code: str, message: str | None = None) -> KisError:
    """Refused by the token service: HTTP 403 and another shape."""
    text = gateway_message(code) if message is None else message
    return KisError(403, code, {"error_description": text, "error_code": code})


def business_error(code: str, message: str, rt_cd: str = "7") -> KisError:
    """Refused by a service: HTTP 200 and ``rt_cd`` other than 0."""
    return KisError(200, code, {"rt_cd": rt_cd, "msg_cd": code, "msg1": message})


def missing_field(name: str) -> KisError:
    """A parameter that the operation needs."""
    return business_error("OPSQ2001", f"ERROR : INPUT FIELD NOT FOUND [{name}]", "2")


def invalid_field(name: str) -> KisError:
    """A parameter with a value outside its list."""
    return business_error("OPSQ2001", f"ERROR : INPUT INVALID_CHECK_{name}", "2")


def invalid_account() -> KisError:
    """The account does not belong to the key."""
    return business_error("OPSQ2000", "ERROR : INPUT INVALID_CHECK_ACNO", "2")


def order_refused(error: OrderRefused, *, paper: bool = False, overseas: bool = False) -> KisError:
    """A refusal of the simulated market in the vendor's words."""
    reason = str(error.reason)
    if overseas and reason == "market_closed":
        reason = "overseas_market_closed"
    if paper and reason in ("nothing_left", "wrong_venue"):
        reason = f"paper_{reason}"
    return business_error(*refusal(reason))
