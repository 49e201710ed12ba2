"""The access token of one key: one issue for all threads, kept on disk, renewed ahead of its expiry."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from broker_client.errors import RateLimited, TaskFailed, VendorUnavailable
from broker_server.core.methods import TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.http import ExchangeFailed, HttpRequest, HttpResponse, Transport
from broker_server.vendors.token_cache import Token, TokenCache
from broker_server.vendors.values import KST

log = structlog.get_logger(__name__)

RENEW_AHEAD = timedelta(minutes=10)
PAUSE_AFTER_FAILED_ISSUE = timedelta(seconds=1)
PAUSE_AFTER_REFUSED_KEY = timedelta(seconds=30)
RENEW_AT_MOST_EVERY = timedelta(minutes=1)
_LOOK_AT_CACHE_EVERY = 1.0


class TokenSource(ABC):
    """Hands out the access token of one key.

    One thread issues a token while the others wait for it; a token that another process wrote to the cache
    is taken over. After a refusal for the rate of issues nothing is issued for a while: a task waits through
    that pause at most once, and one whose deadline is sooner is told at once when to try again. A token that
    is about to expire serves on while its successor is being issued.

    Args:
        transport: Sends the request.
        cache: Where the token is kept.
        clock: The time.
    """

    vendor: str
    """As in errors, and at the beginning of the names of the log's events."""
    vendor_name: str
    """In messages."""
    pause_after_throttle: timedelta
    """How long nothing is issued after a refusal for the rate of issues."""

    def __init__(self, transport: Transport, cache: TokenCache, clock: Clock) -> None:
        self._transport = transport
        self._cache = cache
        self._clock = clock
        self._changed = threading.Condition()
        self._token: Token | None = None
        self._refused: set[str] = set()
        self._issuing = False
        self._not_before: datetime | None = None
        self._renew_not_before: datetime | None = None
        self._last_failure: TaskFailed | None = None
        self._closed = False

    def get(self, context: TaskContext) -> str:
        """The token to send.

        Raises:
            AuthenticationFailed: The vendor refuses the key.
            RateLimited: The vendor issues no token for a while, which is too long for this task.
            VendorUnavailable: The vendor cannot be reached, or the worker stops.
        """
        waits_until: datetime | None = None
        while True:
            with self._changed:
                if self._closed:
                    raise VendorUnavailable("the worker is stopping; nothing was sent", vendor=self.vendor)
                token = self._usable()
                if token is not None:
                    return token.value.get_secret_value()
                pause = self._pause_left()
                if self._issuing or pause > 0:
                    if pause > 0 and not self._issuing:
                        self._refuse_unless_worth_waiting(context, waits_until)
                        waits_until = self._not_before
                    context.ensure_in_time()
                    nap = min(pause, _LOOK_AT_CACHE_EVERY) if pause > 0 else _LOOK_AT_CACHE_EVERY
                    self._clock.wait(self._changed, nap)
                    continue
                self._issuing = True
            self._issue()

    def refuse(self, value: str) -> None:
        """The vendor does not accept this token; it is not handed out again unless it is issued again."""
        with self._changed:
            self._refused.add(value)
            if self._token is not None and self._token.value.get_secret_value() == value:
                self._token = None

    def status(self) -> dict[str, Any]:
        """Whether there is a token, how old it is and when it expires; never the token.

        ``failure`` is the code of the last attempt to get one, unless that went well.
        """
        with self._changed:
            token, now = self._token, self._clock.now()
            failure = self._last_failure.code if self._last_failure is not None else None
            if token is None:
                return {"state": "none", "age_seconds": None, "expires_at": None, "failure": failure}
            return {
                "state": "valid" if token.expires_at > now else "expired",
                "age_seconds": int((now - token.issued_at).total_seconds()),
                "expires_at": token.expires_at.astimezone(KST).isoformat(timespec="seconds"),
                "failure": failure,
            }

    def close(self) -> None:
        """Wake and refuse everybody who waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @abstractmethod
    def _request(self) -> Token:
        """Ask the vendor for a token.

        Raises:
            RateLimited: It was asked too often.
            TaskFailed: There is none for another reason.
        """

    def _post(self, url: str, headers: Mapping[str, str], document: Mapping[str, str]) -> HttpResponse:
        """Send the request for a token.

        Args:
            url: Where to.
            headers: Of the request.
            document: What is sent besides the kind of grant.

        Raises:
            VendorUnavailable: There is no complete answer.
        """
        body = json.dumps({"grant_type": "client_credentials", **document}).encode()
        try:
            return self._transport.send(HttpRequest("POST", url, headers, body=body))
        except ExchangeFailed as error:
            raise VendorUnavailable(
                f"{self.vendor_name} issues no token: {error}; try again later", vendor=self.vendor
            ) from error

    def _usable(self) -> Token | None:
        """The token in memory, else the one on disk by now, else ``None``: it is time to issue one."""
        if self._token is not None and self._is_fresh(self._token):
            return self._token
        stored = self._cache.load()
        if stored is not None and self._is_fresh(stored):
            self._token = stored
            return stored
        for token in (self._token, stored):
            if token is not None and self._is_alive(token) and self._renewal_can_wait():
                return token
        return None

    def _renewal_can_wait(self) -> bool:
        pause = self._renew_not_before
        return self._issuing or self._pause_left() > 0 or (pause is not None and pause > self._clock.now())

    def _is_fresh(self, token: Token) -> bool:
        return (
            token.value.get_secret_value() not in self._refused
            and token.expires_at - RENEW_AHEAD > self._clock.now()
        )

    def _is_alive(self, token: Token) -> bool:
        return token.value.get_secret_value() not in self._refused and token.expires_at > self._clock.now()

    def _pause_left(self) -> float:
        if self._not_before is None:
            return 0.0
        return max(0.0, (self._not_before - self._clock.now()).total_seconds())

    def _refuse_unless_worth_waiting(self, context: TaskContext, waits_until: datetime | None) -> None:
        """Raise the failure of the last issue when this task cannot, or need not, wait for the next."""
        failure, retry_at = self._last_failure, self._not_before
        if failure is None or retry_at is None:
            return
        worthwhile = failure.retryable and waits_until in (None, retry_at)
        if worthwhile and (context.deadline is None or context.deadline > retry_at):
            return
        when = retry_at.astimezone(KST).isoformat(timespec="seconds")
        raise type(failure)(
            f"{failure.message}; not before {when}",
            retryable=failure.retryable,
            vendor=self.vendor,
            vendor_code=failure.vendor_code,
            vendor_message=failure.vendor_message,
        )

    def _issue(self) -> None:
        """Ask the vendor for a token, outside the lock, and tell the others how it went."""
        token: Token | None = None
        failure: TaskFailed | None = None
        pause = PAUSE_AFTER_FAILED_ISSUE
        try:
            token = self._request()
            self._cache.save(token)
        except RateLimited as error:
            failure, pause = error, self.pause_after_throttle
        except TaskFailed as error:
            failure, pause = error, PAUSE_AFTER_FAILED_ISSUE if error.retryable else PAUSE_AFTER_REFUSED_KEY
        finally:
            with self._changed:
                self._issuing = False
                self._last_failure = failure
                if token is None:
                    self._not_before = self._clock.now() + pause
                else:
                    self._token, self._not_before = token, None
                    self._renew_not_before = self._clock.now() + RENEW_AT_MOST_EVERY
                    self._refused.discard(token.value.get_secret_value())
                self._changed.notify_all()
        outcome = "issued" if token else "refused"
        log.info(f"{self.vendor}_token_{outcome}", failure=failure and failure.code)
