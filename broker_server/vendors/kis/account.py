"""What calls about the account share."""

from __future__ import annotations

from dataclasses import replace

from broker_client.errors import AuthenticationFailed
from broker_server.core.methods import TaskContext
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.errors import VENDOR


def account_arguments(config: KisConfig) -> dict[str, str]:
    """The two account fields of every account operation, by the catalogue's argument names.

    Raises:
        AuthenticationFailed: No account is configured.
    """
    if config.account is None:
        raise AuthenticationFailed(
            "no KIS account is configured; set KIS_ACCOUNT, such as 12345678-01, or name the account that is "
            "meant by its alias (account)",
            vendor=VENDOR,
        )
    number, _, product = config.account.partition("-")
    return {"cano": number, "acnt_prdt_cd": product}


def never_late(context: TaskContext) -> TaskContext:
    """The context of a cancel, which no deadline holds: at worst there is nothing left to cancel."""
    return replace(context, ensure_in_time=lambda: None, deadline=None)
