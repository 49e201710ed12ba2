"""Kiwoom's refusals: a small class number, and the documented code inside the text."""

from __future__ import annotations

from typing import Literal

from broker_server.simulator.kiwoom.tables import Environment, class_text, message, refusal

Dialect = Literal["class", "number", "text"]
"""How ``return_code`` is written: the class (as observed), the documented code (as the vendor's own client
expects it), or the class as text."""

REFUSED = 20
"""The class of what the TR itself refuses."""


class KiwoomError(Exception):
    """An error answer.

    Attributes:
        status: HTTP status.
        code: The documented code, for the counts.
        body: The JSON body.
    """

    def __init__(self, status: int, code: str, body: dict[str, object]) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.body = body


def failure(
    code: str,
    detail: str = "",
    *,
    text: str | None = None,
    dialect: Dialect = "class",
    status: int | None = None,
) -> KiwoomError:
    """An error of the gateway.

    Args:
        code: Four digits; another code is a refusal of a TR.
        detail: Appended to the text of the code.
        text: Instead of the code's own text.
        dialect: How ``return_code`` is written.
        status: HTTP status; by default 429 for too many requests, else 200.
    """
    number, known = message(code)
    shown = f"{known if text is None else text}{detail}"
    full = f"{class_text(number)}[{code}:{shown}]"
    if len(code) != 4 or not code.isdigit():
        number, full = REFUSED, f"[2000]({code}:{shown})"
    body: dict[str, object] = {"return_msg": full, "return_code": number}
    if dialect == "number":
        body = {"return_msg": shown, "return_code": int(code) if code.isdigit() else REFUSED}
    elif dialect == "text":
        body["return_code"] = str(number)
    return KiwoomError(status or (429 if code.startswith("17") else 200), code, body)


def missing(key: str) -> KiwoomError:
    """A key that the TR needs."""
    return failure("1511", f". 필수입력 파라미터={key}")


def malformed(key: str) -> KiwoomError:
    """A value that is not of the form that the key wants."""
    return failure("1517", f". 파라미터={key}")


def unknown_code(code: str) -> KiwoomError:
    """No such instrument."""
    return failure("1902", f". 종목코드={code}")


def too_many_requests(api_id: str, limit: int) -> KiwoomError:
    """The limit of one TR."""
    return failure("1700", f". 유량={limit}, API ID={api_id}")


def order_refused(reason: str, environment: Environment) -> KiwoomError:
    """The market or the account did not take an order."""
    code, text = refusal(reason, environment)
    return failure(code, text=text)
