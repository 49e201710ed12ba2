"""Keys, tokens and approval keys of the simulated KIS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

import orjson

from broker_server.simulator.clock import KST, SimulatedClock
from broker_server.simulator.kis.errors import gateway_error, oauth_error
from broker_server.simulator.kis.limits import Limits
from broker_server.simulator.kis.tables import Environment

APP_KEY_LENGTH = 36
APP_SECRET_LENGTH = 180
TOKEN_LIFETIME = timedelta(hours=24)
APPROVAL_LIFETIME = timedelta(hours=24)
SAME_TOKEN_FOR = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A published key pair, the account that it may use, and the HTS ID that the account is of."""

    environment: Environment
    app_key: str
    app_secret: str = field(repr=False)
    account: str
    hts_id: str = ""
    name: str = ""

    def to_json(self) -> dict[str, str]:
        """As the simulator's first output line shows them."""
        return {
            "app_key": self.app_key,
            "app_secret": self.app_secret,
            "account": self.account,
            "hts_id": self.hts_id,
        }


PUBLISHED: Mapping[str, tuple[Environment, str, str]] = MappingProxyType(
    {
        "real": ("real", "12345678-01", "SimReal01"),
        "paper": ("paper", "50123456-01", "SimPaper01"),
        "real-2": ("real", "23456789-01", "SimReal02"),
        "paper-2": ("paper", "50234567-01", "SimPaper02"),
    }
)
"""The published keys by name: environment, account, HTS ID. Two of each, for workers of several accounts."""


def make_credentials(seed: int) -> dict[str, Credentials]:
    """The published keys of a seed, by name."""
    found: dict[str, Credentials] = {}
    for name, (environment, account, hts_id) in PUBLISHED.items():
        chance = random.Random(f"{seed}/kis/{name}/credentials")  # noqa: S311 - a simulator's keys
        letters = string.ascii_letters + string.digits
        app_key = "PS" + "".join(chance.choices(letters, k=APP_KEY_LENGTH - 2))
        secret = "".join(chance.choices(letters + "+/", k=APP_SECRET_LENGTH - 1)) + "="
        found[name] = Credentials(environment, app_key, secret, account, hts_id, name)
    return found


@dataclass(slots=True)
class Token:
    """An issued access token."""

    value: str = field(repr=False)
    app_key: str
    issued: datetime
    expires: datetime


class KeyStore:
    """Who may call: published keys, and any other well-formed key as it shows up.

    Args:
        clock: Tokens live on simulated time.
        published: The keys with a known environment and account.
        seed: Makes tokens reproducible.
        run: Names this run of the simulator: approval keys of another one are unknown in it.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        published: Mapping[str, Credentials],
        seed: int = 0,
        run: str = "",
    ) -> None:
        self._clock = clock
        self._published = {item.app_key: item for item in published.values()}
        self._secrets = {item.app_key: item.app_secret for item in published.values()}
        self._environments: dict[str, Environment] = {}
        self._tokens: dict[str, Token] = {}
        self._current: dict[str, Token] = {}
        self._asked: dict[str, datetime] = {}
        self._signing_key = hashlib.sha256(f"{seed}/kis/signing".encode()).digest()
        self._run = run
        self._approvals: dict[str, tuple[str, datetime]] = {}

    def environment(self, app_key: str) -> Environment:
        """The published environment of a key; for another key, that of the TR ids it used last."""
        published = self._published.get(app_key)
        return published.environment if published else self._environments.get(app_key, "real")

    def is_published(self, app_key: str) -> bool:
        """Whether the key's environment is fixed."""
        return app_key in self._published

    def saw_environment(self, app_key: str, environment: Environment) -> None:
        """Remember which TR ids an unpublished key uses."""
        self._environments[app_key] = environment

    def may_use(self, app_key: str, account: str) -> bool:
        """Whether an account belongs to a key: a published key has one, others may use any other."""
        published = self._published.get(app_key)
        if published:
            return account == published.account
        return all(account != item.account for item in self._published.values())

    def issue_token(self, app_key: str, app_secret: str, grant_type: str, limits: Limits) -> Token:
        """Answer ``tokenP``.

        Raises:
            KisError: In the OAuth shape.
        """
        self.check_login(app_key, app_secret, grant_type)
        now = self._clock.now()
        asked = self._asked.get(app_key)
        if asked is not None and timedelta(0) <= now - asked < timedelta(seconds=limits.token_interval):
            raise oauth_error("EGW00133")
        self._asked[app_key] = now
        current = self._current.get(app_key)
        if current and timedelta(0) <= now - current.issued < SAME_TOKEN_FOR and now < current.expires:
            return current
        token = self._make_token(app_key, now)
        self._tokens[token.value] = self._current[app_key] = token
        return token

    def revoke(self, app_key: str, app_secret: str, value: str) -> None:
        """Answer ``revokeP``.

        Raises:
            KisError: In the OAuth shape.
        """
        self._check_pair(app_key, app_secret)
        token = self._tokens.get(value)
        if token is None or token.app_key != app_key:
            raise oauth_error("EGW00121")
        self.drop(value)

    def approve(self, app_key: str) -> str:
        """A new WebSocket key; the older ones stay good."""
        text = f"{self._run}/{app_key}/{len(self._approvals)}".encode()
        digest = hmac.new(self._signing_key, text, hashlib.sha256).digest()
        approval = str(uuid.UUID(bytes=digest[:16], version=4))
        self._approvals[approval] = app_key, self._clock.now()
        return approval

    def approved(self, approval: str, *, at_any_age: bool = False) -> str | None:
        """The app key that an approval key was issued for, if it is known and not too old.

        Args:
            approval: The approval key.
            at_any_age: For a session that is open already.
        """
        app_key, issued = self._approvals.get(approval, (None, self._clock.now()))
        return app_key if at_any_age or self._clock.now() - issued < APPROVAL_LIFETIME else None

    def name(self, app_key: str) -> str:
        """What the control server calls an app key: a published one's name, else its beginning."""
        published = self._published.get(app_key)
        return published.name if published else f"{app_key[:4]}…"

    def name_of_account(self, account: str) -> str:
        """The name of the published key that an account belongs to; empty for another account."""
        return next((item.name for item in self._published.values() if item.account == account), "")

    def hts_id(self, app_key: str, given: str) -> str:
        """The HTS ID of an app key; keys that are not published may use any other."""
        published = self._published.get(app_key)
        if published:
            return published.hts_id
        return "" if any(given == item.hts_id for item in self._published.values()) else given

    def check_login(self, app_key: str, app_secret: str, grant_type: str) -> None:
        """Check what a key is asked for with.

        Raises:
            KisError: In the OAuth shape.
        """
        if not grant_type:
            raise oauth_error("EGW00115")
        if grant_type != "client_credentials":
            raise oauth_error("EGW00116")
        self._check_pair(app_key, app_secret)

    def check_call(self, app_key: str, app_secret: str, authorization: str) -> None:
        """Check the headers of a REST call.

        Raises:
            KisError: In the gateway's shape.
        """
        if not app_key:
            raise gateway_error("EGW00102")
        if len(app_key) != APP_KEY_LENGTH:
            raise gateway_error("EGW00103")
        if not app_secret:
            raise gateway_error("EGW00104")
        if self._secrets.get(app_key, app_secret) != app_secret:
            raise gateway_error("EGW00105")
        scheme, _, value = authorization.partition(" ")
        if not authorization:
            raise gateway_error("EGW00122")
        if scheme != "Bearer":
            raise gateway_error("EGW00205")
        token = self._tokens.get(value)
        if token is None or token.app_key != app_key:
            raise gateway_error("EGW00121")
        if self._clock.now() >= token.expires:
            raise gateway_error("EGW00123")

    def drop(self, value: str) -> None:
        """Forget a token, so that the next request gets a new one."""
        token = self._tokens.pop(value, None)
        if token is not None and self._current.get(token.app_key) is token:
            del self._current[token.app_key]

    def expire(self, authorization: str) -> None:
        """End a token's life now."""
        token = self._tokens.get(authorization.partition(" ")[2])
        if token is not None:
            token.expires = self._clock.now()

    def _check_pair(self, app_key: str, app_secret: str) -> None:
        if not app_key:
            raise oauth_error("EGW00102")
        if len(app_key) != APP_KEY_LENGTH:
            raise oauth_error("EGW00103")
        if not app_secret:
            raise oauth_error("EGW00104")
        if self._secrets.setdefault(app_key, app_secret) != app_secret:
            raise oauth_error("EGW00105")

    def _make_token(self, app_key: str, now: datetime) -> Token:
        expires = now + TOKEN_LIFETIME
        serial = f"{app_key}/{len(self._tokens)}/{now.isoformat()}".encode()
        audience = uuid.UUID(bytes=hmac.new(self._signing_key, serial, hashlib.sha256).digest()[:16])
        claims = {
            "sub": "token",
            "aud": str(audience),
            "prdt_cd": "",
            "iss": "unogw",
            "exp": int(expires.timestamp()),
            "iat": int(now.timestamp()),
            "jti": app_key,
        }
        head = b".".join(_base64(orjson.dumps(part)) for part in ({"typ": "JWT", "alg": "HS512"}, claims))
        signature = hmac.new(self._signing_key, head, hashlib.sha512).digest()
        value = (head + b"." + _base64(signature)).decode("ascii")
        return Token(value, app_key, now, expires)


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def expiry_text(moment: datetime) -> str:
    """``access_token_token_expired``: Korean time without an offset."""
    return moment.astimezone(KST).strftime("%Y-%m-%d %H:%M:%S")
