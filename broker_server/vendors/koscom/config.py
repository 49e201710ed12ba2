"""What the KOSCOM adapter needs to know before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from broker_server.core.accounts import DEFAULT
from broker_server.vendors.endpoints import check_live_url, check_rest_url

ApiVersion = Literal["v3", "v2"]

OFFICIAL_HOSTS: dict[str, str] = {
    "production": "https://oap.k-mydata.org",
    "sandbox": "https://testoap.k-mydata.org",
    "ended production": "https://apigw.koscom.co.kr",
    "ended sandbox": "https://sandbox-apigw.koscom.co.kr",
}
"""KOSCOM's notice of 2022-07: until then paths began with ``/v2`` and the hosts were the last two."""

DEFAULT_HOSTS: dict[ApiVersion, str] = {
    "v3": OFFICIAL_HOSTS["production"],
    "v2": OFFICIAL_HOSTS["ended production"],
}

OFFICIAL_LIVE_HOSTS: dict[str, str] = {"sandbox": "ws://sandbox-apigw.koscom.co.kr:9887"}
"""KOSCOM's streaming page of 2018, since removed; none was ever published for production."""

CALLS_A_SECOND = 10
"""An assumption: KOSCOM documents a limit per day and none per second."""
MOST_SUBSCRIPTIONS = 200
"""Of one session, counted per issue and preset: KOSCOM's overview. The sandbox allows 20."""
MOST_SESSIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class KoscomConfig:
    """One key of KOSCOM's platform.

    Attributes:
        simulated: Whether our simulator is behind the addresses.
        api_key: Test and production keys differ, and so do their hosts.
        member_name: The company's name, which the WebSocket wants with the key.
        rest_url: ``None`` for KOSCOM's production host.
        ws_url: Where live data come from, without a path; ``None`` where there is no such service.
        api_version: Whose paths REST is asked with.
        key_in: Where a call carries the key; the header keeps it out of logs on the way.
        rate_limit: Calls per second; ``None`` for `CALLS_A_SECOND`.
        sessions: How many connections the subscriptions of issues are shared among.
        ws_max_subscriptions: Of one session.
        heartbeat: Seconds between two of our heartbeats on a WebSocket.
        alias: How the key is called.
    """

    simulated: bool
    api_key: SecretStr
    member_name: str = ""
    rest_url: str | None = None
    ws_url: str | None = None
    api_version: ApiVersion = "v3"
    key_in: Literal["header", "query"] = "header"
    rate_limit: int | None = None
    sessions: int = 1
    ws_max_subscriptions: int = MOST_SUBSCRIPTIONS
    heartbeat: float = 30.0
    alias: str = DEFAULT

    def __post_init__(self) -> None:
        """Refuse what could send the key to the wrong place.

        Raises:
            ValueError: A setting is missing, malformed or contradicts another; the message names it.
        """
        if not self.api_key.get_secret_value():
            raise ValueError("KOSCOM_API_KEY must be set")
        if self.ws_url is not None and not self.member_name:
            raise ValueError(
                "KOSCOM_MEMBER_NAME must be set: KOSCOM_WS_URL is, and the WebSocket asks for it"
            )
        if self.calls_a_second < 1:
            raise ValueError("KOSCOM_RATE_LIMIT must be at least 1 call a second")
        if not 1 <= self.sessions <= MOST_SESSIONS:
            raise ValueError(f"KOSCOM_SESSIONS must be 1 to {MOST_SESSIONS}")
        if not 1 <= self.ws_max_subscriptions <= MOST_SUBSCRIPTIONS:
            raise ValueError(f"KOSCOM_WS_MAX_SUBSCRIPTIONS must be 1 to {MOST_SUBSCRIPTIONS}")
        if self.heartbeat <= 0:
            raise ValueError("KOSCOM_HEARTBEAT must be more than 0 seconds")
        # Which environment a key is of cannot be told from it: only a simulator must not be one of them.
        hosts = OFFICIAL_HOSTS if self.simulated else {}
        check_rest_url(self.base_url, "KOSCOM", "production", hosts, simulated=self.simulated)
        if self.ws_url is not None:
            live_hosts = OFFICIAL_LIVE_HOSTS if self.simulated else {}
            check_live_url(self.ws_url, "KOSCOM", "production", live_hosts, simulated=self.simulated)

    @property
    def base_url(self) -> str:
        """The REST server, without a slash at the end."""
        return (self.rest_url or DEFAULT_HOSTS[self.api_version]).rstrip("/")

    @property
    def live_url(self) -> str | None:
        """The server of live data, without a slash at the end; ``None`` where there is none."""
        return None if self.ws_url is None else self.ws_url.rstrip("/")

    @property
    def calls_a_second(self) -> int:
        """The limit that the pacing keeps."""
        return CALLS_A_SECOND if self.rate_limit is None else self.rate_limit
