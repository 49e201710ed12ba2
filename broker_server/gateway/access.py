"""Who may read: keys, short-lived tokens for browsers, origins, trusted networks."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import structlog
from itsdangerous import BadSignature, URLSafeTimedSerializer

log = structlog.get_logger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KEY_HEADER = "x-api-key"
_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Refused(Exception):
    """Somebody may not read.

    Attributes:
        status: The HTTP status.
        code: For programs.
        message: What to do.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Access:
    """Decides who may read.

    Args:
        keys: None of them lets this machine in, and no other.
        origins: Pages of other sites that may read.
        trusted: Networks that need no key for ``/internal/``.
        secret: Signs tokens.
        token_seconds: How long a token lasts.
        local: Whether only this machine can reach the gateway.
    """

    def __init__(
        self,
        *,
        keys: Sequence[str],
        origins: Iterable[str],
        trusted: Sequence[Network],
        secret: bytes,
        token_seconds: float,
        local: bool,
    ) -> None:
        self._keys = [key.encode() for key in keys]
        self._origins = frozenset(origin.lower() for origin in origins)
        self._trusted = trusted
        self._signer = URLSafeTimedSerializer(secret, salt="gateway token")
        self._local = local
        self.token_seconds = token_seconds

    def check_origin(self, headers: Mapping[str, str], client: str) -> str | None:
        """Refuse pages of other sites: a browser would lend them its user's place in the network.

        Returns:
            The origin, if it is another site's page that may read.

        Raises:
            Refused: It is another site's page, or a name that this gateway does not have.
        """
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._local and not self._is_own_name(host):
            log.warning("refused", reason="this is no name of this gateway", host=host[:100], client=client)
            raise Refused(403, "FORBIDDEN_HOST", "this gateway has another name; see GATEWAY_ORIGINS")
        if origin is None or origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}"):
            return None
        if origin.lower() in self._origins:
            return origin
        log.warning("refused", reason="the origin is not allowed", origin=origin[:100], client=client)
        raise Refused(403, "FORBIDDEN_ORIGIN", "pages of this origin may not read; see GATEWAY_ORIGINS")

    def reader(self, headers: Mapping[str, str], client: str, *, token: str | None = None) -> str:
        """Who reads, as rate limits count them.

        Args:
            headers: Of the request, by names in small letters.
            client: Its address.
            token: Of a browser.

        Returns:
            A name without a secret in it.

        Raises:
            Refused: There is no valid key or token.
        """
        if not self._keys:
            if not self._is_loopback(client):
                log.warning("refused", reason="there are no keys, and it is another machine", client=client)
                raise Refused(401, "KEY_MISSING", "other machines need a key; see GATEWAY_API_KEYS")
            return client
        if token is not None:
            try:
                return str(self._signer.loads(token, max_age=int(self.token_seconds)))
            except BadSignature:
                raise Refused(
                    401, "INVALID_TOKEN", "the token is invalid or has expired; get a new one at /api/token"
                ) from None
        given = headers.get(KEY_HEADER) or headers.get("authorization", "").removeprefix("Bearer ")
        if not given:
            raise Refused(401, "KEY_MISSING", "send your key in the header X-API-Key")
        for number, key in enumerate(self._keys, 1):
            if hmac.compare_digest(key, given.encode()):
                return f"key {number}"
        log.warning("refused", reason="the key is unknown", client=client)
        raise Refused(401, "INVALID_KEY", "the key in the header X-API-Key is unknown")

    def internal_reader(self, headers: Mapping[str, str], client: str) -> str:
        """Who reads ``/internal/``: a trusted network, or a key.

        Raises:
            Refused: It is neither.
        """
        if self._is_trusted(client):
            return client
        if not self._keys:
            log.warning("refused", reason="the network is not trusted", client=client)
            raise Refused(
                403, "FORBIDDEN_NETWORK", "this is for trusted networks; see GATEWAY_TRUSTED_NETWORKS"
            )
        return self.reader(headers, client)

    def token_for(self, reader: str) -> str:
        """A token that lets a browser read for a while in this reader's name."""
        return self._signer.dumps(reader)

    def _is_trusted(self, client: str) -> bool:
        address = _address(client)
        return address is not None and any(address in network for network in self._trusted)

    def _is_loopback(self, client: str) -> bool:
        address = _address(client)
        return address is not None and address.is_loopback

    def _is_own_name(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return name.lower() in _LOCAL_HOSTS | {urlsplit(origin).hostname for origin in self._origins}


def _address(client: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(client)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
