"""The access token of KIS: how it is asked for."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from pydantic import SecretStr

from broker_client.errors import AuthenticationFailed, TaskFailed
from broker_server.vendors import token_source
from broker_server.vendors.clock import Clock
from broker_server.vendors.http import Transport
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.errors import VENDOR, Meaning, error_for, meaning_of, unreadable
from broker_server.vendors.kis.values import Answer, korean_time, read_answer, text_of
from broker_server.vendors.token_cache import Token, TokenCache

LONGEST_LIFE = timedelta(hours=24)


class TokenSource(token_source.TokenSource):
    """Hands out the access token of one app key of KIS, which issues one a minute (``EGW00133``).

    Args:
        config: The key and the host.
        transport: Sends the request.
        cache: Where the token is kept.
        clock: The time.
    """

    vendor = VENDOR
    vendor_name = "KIS"
    pause_after_throttle = timedelta(seconds=61)

    def __init__(self, config: KisConfig, transport: Transport, cache: TokenCache, clock: Clock) -> None:
        super().__init__(transport, cache, clock)
        self._config = config

    def _request(self) -> Token:
        config, asked_at = self._config, self._clock.now()
        response = self._post(
            f"{config.base_url}/oauth2/tokenP",
            {"content-type": "application/json; charset=utf-8"},
            {
                "appkey": config.app_key.get_secret_value(),
                "appsecret": config.app_secret.get_secret_value(),
            },
        )
        answer = read_answer(response, is_token=True)
        if not answer.succeeded:
            raise _issue_error(answer)
        value = text_of(answer.body, "access_token")
        if not value:
            raise unreadable("the answer to the token request holds no token")
        return Token(SecretStr(value), asked_at, _expiry(answer, asked_at))


def _issue_error(answer: Answer) -> TaskFailed:
    error = error_for(answer.code, answer.text)
    if meaning_of(answer.code, answer.text) in (Meaning.BUSINESS, Meaning.TOKEN):
        # Whatever else the token service refuses is about the key.
        return AuthenticationFailed(
            f"KIS issues no token for this key: {answer.code} {answer.text}".rstrip(),
            vendor=VENDOR,
            vendor_code=error.vendor_code,
            vendor_message=error.vendor_message,
        )
    return error


def _expiry(answer: Answer, asked_at: datetime) -> datetime:
    """The earlier of what KIS says twice, and never more than the day that a token lives.

    ``expires_in`` counts from the issue and needs no zone; the text is Korean time and says no zone.
    A moment in the past does not count.
    """
    told = []
    with contextlib.suppress(ValueError, OverflowError):
        seconds = float(text_of(answer.body, "expires_in") or "nan")
        if seconds > 0:
            told.append(asked_at + timedelta(seconds=min(seconds, LONGEST_LIFE.total_seconds())))
    with contextlib.suppress(ValueError, OverflowError):
        told.append(korean_time(text_of(answer.body, "access_token_token_expired")))
    # A new token that has expired already would be issued again and again.
    told = [moment for moment in told if moment > asked_at]
    if not told:
        raise unreadable("the answer to the token request holds no expiry")
    return min(*told, asked_at + LONGEST_LIFE)
