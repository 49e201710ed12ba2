"""What the Kiwoom adapter needs to know before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from broker_server.core.accounts import DEFAULT

BackendName = Literal["openapi-plus", "rest"]
KiwoomEnvironment = Literal["paper", "real"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KiwoomConfig:
    """One way to one account at Kiwoom.

    Attributes:
        backend: ``rest`` from anywhere; ``openapi-plus`` by the control, on Windows.
        environment: Of the key; of the control the login decides, and this is what is expected of it.
        simulated: Whether our simulator is behind it.
        cache_folder: Where the access token of REST is kept between runs.
        account: Ten digits; ``None`` where the key or the login tells it.
        app_key: Of REST.
        app_secret: Likewise.
        rest_url: ``None`` for the environment's official host.
        ws_url: Likewise, of live data.
        rate_limit: Queries of REST per second; ``None`` for Kiwoom's.
        api_rate_limit: Likewise, with one api-id.
        ws_max_registrations: How many the connection of live data holds, items times types.
        compat: The bare methods answer as the original server did.
        alias: How the account is called.
    """

    backend: BackendName
    environment: KiwoomEnvironment
    simulated: bool
    cache_folder: Path
    account: str | None = None
    app_key: SecretStr | None = None
    app_secret: SecretStr | None = None
    rest_url: str | None = None
    ws_url: str | None = None
    rate_limit: int | None = None
    api_rate_limit: int | None = None
    ws_max_registrations: int = 200
    compat: bool = False
    alias: str = DEFAULT

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ValueError: A setting is missing or malformed; the message names it.
        """
        if self.backend == "rest" and not (self.app_key and self.app_secret):
            raise ValueError("KIWOOM_APP_KEY and KIWOOM_APP_SECRET must both be set for KIWOOM_BACKEND=rest")
        if self.account is not None and self.account_digits is None:
            raise ValueError("KIWOOM_ACCOUNT must be the ten digits of the account, with or without hyphens")

    @property
    def account_digits(self) -> str | None:
        """The account without hyphens."""
        digits = (self.account or "").replace("-", "")
        return digits if len(digits) == 10 and digits.isascii() and digits.isdecimal() else None

    @property
    def paper(self) -> bool:
        """Whether the rules of paper trading apply."""
        return self.environment == "paper"
