"""The error answers of KOSCOM's REST: those of the gateway, and those of the services behind it."""

from __future__ import annotations

from broker_server.simulator.koscom.tables import error_text

INVALID_KEY = "Invalid authentication credentials"
NO_KEY = "No API key found in request"
NO_ROUTE = "no Route matched with those values"
QUOTA_EXCEEDED = "API rate limit exceeded"
NOT_YET = "당일 종가 제공 시간이 아닙니다."
WRONG_INPUT = 20055


class RestError(Exception):
    """An error answer.

    Attributes:
        status: HTTP status.
        body: Its JSON.
        code: For the counts.
    """

    def __init__(self, status: int, body: dict[str, object], code: str) -> None:
        super().__init__(code)
        self.status = status
        self.body = body
        self.code = code


def gateway_error(status: int, text: str) -> RestError:
    """The gateway let the call through to nobody."""
    return RestError(status, {"message": text}, str(status))


def service_error(text: str) -> RestError:
    """The service has no answer at present."""
    return RestError(400, {"error": text}, "400")


def wrong_input() -> RestError:
    """A parameter is missing or malformed. That this is how KOSCOM says so is our choice."""
    return RestError(400, {"error": error_text(WRONG_INPUT)}, str(WRONG_INPUT))


def market_error(code: int, text: str | None = None) -> RestError:
    """One of the market data codes, in the JSON-RPC envelope with status 200.

    Where they surface is not documented: this form is our choice.
    """
    error = {"message": text or error_text(code), "code": code}
    return RestError(200, {"jsonrpc": "2.0", "error": error}, str(code))
