"""Keys and tokens of the simulated Kiwoom: a key belongs to one account, and has one living token."""

from __future__ import annotations

import hashlib
import hmac
import random
import string
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker_server.simulator.clock import KST, SimulatedClock
from broker_server.simulator.kiwoom.errors import failure
from broker_server.simulator.kiwoom.tables import Environment

KEY_LENGTH = 43
TOKEN_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair and its account."""

    environment: Environment
    app_key: str
    app_secret: str = field(repr=False)
    account: str

    def to_json(self) -> dict[str, str]:
        """As the simulator's first output line shows them."""
        return {"app_key": self.app_key, "app_secret": self.app_secret, "account": self.account}


def make_credentials(seed: int) -> dict[Environment, Credentials]:
    """The keys of a seed."""
    accounts: dict[Environment, str] = {"real": "5123456711", "mock": "8112345611"}
    found: dict[Environment, Credentials] = {}
    for environment, account in accounts.items():
        chance = random.Random(f"{seed}/kiwoom/{environment}/credentials")  # noqa: S311 - a simulator's keys
        letters = string.ascii_letters + string.digits + "-_"
        key, secret = ("".join(chance.choices(letters, k=KEY_LENGTH)) for _ in range(2))
        found[environment] = Credentials(environment, key, secret, account)
    return found


@dataclass(slots=True)
class Token:
    """An issued access token."""

    value: str = field(repr=False)
    owner: Credentials
    expires: datetime


class KeyStore:
    """Who may call.

    Args:
        clock: Tokens live on simulated time.
        credentials: The keys there are.
        seed: Makes tokens reproducible.
        run: Names this run of the simulator: tokens of another one are unknown in it.
    """

    def __init__(
        self, clock: SimulatedClock, credentials: dict[Environment, Credentials], seed: int = 0, run: str = ""
    ) -> None:
        self._clock = clock
        self._by_key = {item.app_key: item for item in credentials.values()}
        self._tokens: dict[str, Token] = {}
        self._current: dict[str, Token] = {}
        self._signing_key = hashlib.sha256(f"{seed}/{run}/kiwoom/signing".encode()).digest()
        self._issued = 0

    def issue(self, app_key: str, secret: str, grant_type: str) -> Token:
        """A token; the same one while it lives.

        Raises:
            KiwoomError: The request is not as it must be.
        """
        if not grant_type:
            raise failure("8011")
        if grant_type != "client_credentials":
            raise failure("8012")
        owner = self._owner(app_key, secret)
        current = self._current.get(app_key)
        now = self._clock.now()
        if current is not None and now < current.expires <= now + TOKEN_LIFETIME:
            return current
        if current is not None:
            self._tokens.pop(current.value, None)
        self._issued += 1
        digest = hmac.new(
            self._signing_key, f"{app_key}/{self._issued}/{now}".encode(), hashlib.sha512
        ).digest()
        token = Token(urlsafe_b64encode(digest).rstrip(b"=").decode(), owner, now + TOKEN_LIFETIME)
        self._tokens[token.value] = self._current[app_key] = token
        return token

    def revoke(self, app_key: str, secret: str, value: str) -> None:
        """End a token.

        Raises:
            KiwoomError: It is not a living token of that key.
        """
        owner = self._owner(app_key, secret)
        if not value:
            raise failure("8016")
        token = self._tokens.get(value)
        if token is None or token.owner is not owner:
            raise failure("8015")
        self.drop(value)

    def owner(self, value: str) -> Credentials:
        """Whose a token is.

        Raises:
            KiwoomError: It is unknown, revoked or too old.
        """
        token = self._tokens.get(value)
        if token is None or self._clock.now() >= token.expires:
            raise failure("8005")
        return token.owner

    def authorize(self, header: str | None) -> Credentials:
        """Whose call it is, by its ``authorization`` header.

        Raises:
            KiwoomError: Which says what is wrong with it.
        """
        if not header:
            raise failure("1513")
        scheme, space, value = header.partition(" ")
        if scheme.lower() != "bearer":
            raise failure("1515" if space else "1514")
        if not value.strip():
            raise failure("1516")
        return self.owner(value.strip())

    def drop(self, value: str) -> None:
        """Forget a token, so that the next request gets a new one."""
        token = self._tokens.pop(value, None)
        if token is not None and self._current.get(token.owner.app_key) is token:
            del self._current[token.owner.app_key]

    def name_of_account(self, account: str) -> str:
        """The environment of the key that an account belongs to; empty for another account."""
        return next((item.environment for item in self._by_key.values() if item.account == account), "")

    def _owner(self, app_key: str, secret: str) -> Credentials:
        if not app_key or not secret:
            raise failure("8020")
        owner = self._by_key.get(app_key)
        if owner is None:
            raise failure("8001")
        if owner.app_secret != secret:
            raise failure("8002")
        return owner


def expiry_text(moment: datetime) -> str:
    """``expires_dt``: Korean time without an offset."""
    return moment.astimezone(KST).strftime("%Y%m%d%H%M%S")
