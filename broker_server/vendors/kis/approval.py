"""The approval key, which every request of the WebSocket carries."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from typing import Literal

import structlog

from broker_client.errors import VendorUnavailable
from broker_server.vendors.clock import Clock
from broker_server.vendors.http import ExchangeFailed, HttpRequest, Transport
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.errors import VENDOR, error_for, unreadable
from broker_server.vendors.kis.values import read_answer, text_of

log = structlog.get_logger(__name__)

LIFE = timedelta(hours=23)
"""KIS says a day. It looks at the key only when a connection begins: one that is up outlives its key."""
PAUSE_BETWEEN_ISSUES = 1.0
"""Seconds; KIS notice of 2026-04-20: one a second."""


class ApprovalKeys:
    """Hands out the approval key of one app key; safe to use from many threads.

    ``KIS_WS_APPROVAL_KEY`` comes first, if it is set, until KIS does not know it. Keys are kept in memory
    only: another one costs a request, and does not end the connections of the one before.

    Args:
        config: The key and the host.
        transport: Sends the request.
        clock: The time.
    """

    def __init__(self, config: KisConfig, transport: Transport, clock: Clock) -> None:
        self._config = config
        self._transport = transport
        self._clock = clock
        self._turn = threading.Condition()
        self._issued_at: datetime | None = None
        self._asked_at: float | None = None
        self._configured = config.ws_approval_key is not None
        self._key = config.ws_approval_key.get_secret_value() if config.ws_approval_key else None

    def get(self) -> str:
        """The key to send. Blocking, for a thread.

        Raises:
            AuthenticationFailed: KIS refuses the app key.
            RateLimited: It was asked too often.
            VendorRejected: KIS refuses for another reason.
            VendorUnavailable: KIS cannot be reached, or answers otherwise than documented.
        """
        with self._turn:
            if self._key is None or self._is_old():
                self._wait_for_turn()
                self._key = self._issue()
                self._configured, self._issued_at = False, self._clock.now()
            return self._key

    def discard(self, key: str) -> None:
        """KIS does not know this key: the next `get` asks for another."""
        with self._turn:
            if self._key == key:
                if self._configured:
                    log.warning("kis_approval_key_refused", advice="remove KIS_WS_APPROVAL_KEY")
                self._key, self._configured, self._issued_at = None, False, None

    def state(self) -> Literal["none", "configured", "issued"]:
        """Where the key is from, for `broker.get-status`."""
        if self._key is None:
            return "none"
        return "configured" if self._configured else "issued"

    def _is_old(self) -> bool:
        return self._issued_at is not None and self._clock.now() - self._issued_at > LIFE

    def _wait_for_turn(self) -> None:
        while self._asked_at is not None:
            rest = self._asked_at + PAUSE_BETWEEN_ISSUES - self._clock.monotonic()
            if rest <= 0:
                break
            self._clock.wait(self._turn, rest)
        self._asked_at = self._clock.monotonic()

    def _issue(self) -> str:
        document = {
            "grant_type": "client_credentials",
            "appkey": self._config.app_key.get_secret_value(),
            "secretkey": self._config.app_secret.get_secret_value(),
        }
        request = HttpRequest(
            "POST",
            f"{self._config.base_url}/oauth2/Approval",
            {"content-type": "application/json; charset=utf-8"},
            body=json.dumps(document).encode(),
        )
        try:
            answer = read_answer(self._transport.send(request), is_token=True)
        except ExchangeFailed as error:
            raise VendorUnavailable(
                f"KIS issues no approval key: {error}; it is tried again", vendor=VENDOR
            ) from error
        if not answer.succeeded:
            raise error_for(answer.code, answer.text)
        key = text_of(answer.body, "approval_key")
        if not key:
            raise unreadable("the answer to the request for an approval key holds none")
        log.info("kis_approval_key_issued")
        return key
