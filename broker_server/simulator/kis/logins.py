"""The simulated token service, and the hash of a body."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import orjson
from aiohttp import web

from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.kis.errors import gateway_error, oauth_error
from broker_server.simulator.kis.http import json_object, json_response
from broker_server.simulator.kis.keys import APP_KEY_LENGTH, TOKEN_LIFETIME, KeyStore, expiry_text
from broker_server.simulator.kis.limits import Limits
from broker_server.simulator.sliding_window import SlidingWindow

Login = Callable[[web.BaseRequest, bytes, Limits], web.Response]


class Logins:
    """Answers what needs no token.

    Args:
        clock: Simulated time.
        keys: Who may log in.
        monotonic: Real seconds, for the rate of approval keys.
    """

    def __init__(self, clock: SimulatedClock, keys: KeyStore, monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._keys = keys
        self._approvals = SlidingWindow(monotonic)
        self._by_path: dict[str, Login] = {
            "/oauth2/tokenP": self._token,
            "/oauth2/revokeP": self._revoke,
            "/oauth2/Approval": self._approval,
            "/uapi/hashkey": self._hashkey,
        }

    def find(self, path: str) -> Login | None:
        """The handler of a path, if it is one of these."""
        return self._by_path.get(path)

    def _token(self, request: web.BaseRequest, body: bytes, limits: Limits) -> web.Response:
        fields = _login_fields(body)
        token = self._keys.issue_token(
            fields.get("appkey", ""), fields.get("appsecret", ""), fields.get("grant_type", ""), limits
        )
        left = math.ceil((token.expires - self._clock.now()).total_seconds())
        return json_response(
            {
                "access_token": token.value,
                "access_token_token_expired": expiry_text(token.expires),
                "token_type": "Bearer",
                "expires_in": min(left, int(TOKEN_LIFETIME.total_seconds())),
            }
        )

    def _revoke(self, request: web.BaseRequest, body: bytes, limits: Limits) -> web.Response:
        fields = _login_fields(body)
        self._keys.revoke(fields.get("appkey", ""), fields.get("appsecret", ""), fields.get("token", ""))
        return json_response({"code": 200, "message": "접근토큰 폐기에 성공하였습니다"})

    def _approval(self, request: web.BaseRequest, body: bytes, limits: Limits) -> web.Response:
        fields = _login_fields(body)
        app_key, secret = fields.get("appkey", ""), fields.get("secretkey", "")
        self._keys.check_login(app_key, secret, fields.get("grant_type", ""))
        if not self._approvals.accept(app_key, limits.approvals_per_second):
            raise oauth_error("EGW00201")
        approval = self._keys.approve(app_key)
        return json_response({"approval_key": approval})

    def _hashkey(self, request: web.BaseRequest, body: bytes, limits: Limits) -> web.Response:
        app_key = request.headers.get("appkey", "")
        if not app_key:
            raise gateway_error("EGW00102")
        if len(app_key) != APP_KEY_LENGTH:
            raise gateway_error("EGW00103")
        if not request.headers.get("appsecret"):
            raise gateway_error("EGW00104")
        fields = json_object(body)
        return json_response({"BODY": fields, "HASH": hashlib.sha256(body).hexdigest()})


def _login_fields(body: bytes) -> dict[str, str]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise oauth_error("EGW00101") from None
    if not isinstance(document, dict):
        raise oauth_error("EGW00101")
    return {key: value for key, value in document.items() if isinstance(value, str)}
