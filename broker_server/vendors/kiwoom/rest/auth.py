"""The access token of Kiwoom: how it is asked for. It serves REST and the live connection alike.

There is one live token per key, and asking again while it lives brings the same one. It is never revoked, not
even at the end: another program that uses the key would lose it too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import SecretStr

from broker_client.errors import AuthenticationFailed, TaskFailed, VendorUnavailable
from broker_server.vendors import token_source
from broker_server.vendors.clock import Clock
from broker_server.vendors.http import Transport
from broker_server.vendors.kiwoom.rest.answers import Answer, read_answer
from broker_server.vendors.kiwoom.rest.config import RestConfig
from broker_server.vendors.kiwoom.rest.errors import (
    VENDOR,
    Meaning,
    error_for,
    meaning_of,
    shown,
    unreadable,
)
from broker_server.vendors.kiwoom.rest.wire import JSON_HEADERS
from broker_server.vendors.token_cache import Token, TokenCache
from broker_server.vendors.values import KST

LONGEST_LIFE = timedelta(hours=24)


class TokenSource(token_source.TokenSource):
    """Hands out the access token of one key of Kiwoom.

    Args:
        config: The key and the host.
        transport: Sends the request.
        cache: Where the token is kept.
        clock: The time.
    """

    vendor = VENDOR
    vendor_name = "Kiwoom"
    pause_after_throttle = timedelta(seconds=1.3)

    def __init__(self, config: RestConfig, transport: Transport, cache: TokenCache, clock: Clock) -> None:
        super().__init__(transport, cache, clock)
        self._config = config

    def _request(self) -> Token:
        config, asked_at = self._config, self._clock.now()
        response = self._post(
            f"{config.base_url}/oauth2/token",
            {**JSON_HEADERS, "api-id": "au10001"},
            {
                "appkey": config.app_key.get_secret_value(),
                "secretkey": config.app_secret.get_secret_value(),
            },
        )
        answer = read_answer(response)
        if not answer.succeeded:
            raise _issue_error(answer)
        value = answer.text_of("token").strip()
        if not value:
            raise unreadable("the answer to the token request holds no token")
        return Token(SecretStr(value), asked_at, _expiry(answer, asked_at))


def _issue_error(answer: Answer) -> TaskFailed:
    meaning = meaning_of(answer.code)
    if meaning in (Meaning.THROTTLE, Meaning.GATEWAY, Meaning.CREDENTIALS):
        return error_for(answer.code, answer.text)
    if answer.status >= 500:
        return VendorUnavailable(
            f"Kiwoom issues no token: {shown(answer.code, answer.text)}; try again later",
            vendor=VENDOR,
            vendor_code=answer.code or None,
            vendor_message=answer.text or None,
        )
    # Whatever else the token service refuses is about the key.
    return AuthenticationFailed(
        f"Kiwoom issues no token for this key: {shown(answer.code, answer.text)}",
        vendor=VENDOR,
        vendor_code=answer.code or None,
        vendor_message=answer.text or None,
    )


def _expiry(answer: Answer, asked_at: datetime) -> datetime:
    """What Kiwoom says, in Korean time without saying so, and never more than the day that a token lives."""
    try:
        told = datetime.strptime(answer.text_of("expires_dt").strip(), "%Y%m%d%H%M%S").replace(tzinfo=KST)
    except ValueError:
        raise unreadable("the answer to the token request holds no expiry") from None
    if told <= asked_at:
        # A new token that has expired already would be issued again and again.
        raise unreadable("the answer to the token request holds an expiry in the past")
    return min(told, asked_at + LONGEST_LIFE)
