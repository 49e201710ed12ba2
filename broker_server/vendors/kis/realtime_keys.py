"""Where what a registration brings is published, as the live connection needs to know it."""

from __future__ import annotations

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.realtime_table import realtime_trs
from broker_server.vendors.kis.stream_names import newest_only, stream_name
from broker_server.vendors.lazy_incoming import Address


def is_notice(code: str) -> bool:
    """Whether a TR sends notices, whose key is an HTS ID: personal, so never shown."""
    tr = realtime_trs().get(code)
    return tr is not None and tr.encrypted


def address_of(registration: Registration, alias: str) -> Address:
    """Where the records of a registration are published.

    Args:
        registration: Any TR, also one without a common model.
        alias: Of the account, for notices.
    """
    channel, subject = stream_name(registration, alias)
    return Address(channel, subject, newest_only(registration.code))


def shown(registration: Registration) -> str:
    """A registration for logs: nothing personal."""
    return f"{registration.code} {'(notices)' if is_notice(registration.code) else registration.symbol}"
