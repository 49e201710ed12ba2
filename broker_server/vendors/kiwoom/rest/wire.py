"""A request as Kiwoom's REST API reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from broker_server.vendors.http import HttpRequest
from broker_server.vendors.kiwoom.rest.config import RestConfig

JSON_HEADERS: Mapping[str, str] = {
    "content-type": "application/json;charset=UTF-8",
    "accept": "application/json",
    "user-agent": "sapi-broker",
}
"""The firewall in front of Kiwoom refuses the names that some libraries give themselves."""

THROTTLE_RETRIES = 6
_FIRST_PAUSE, _PAUSE_GROWTH = 1.1, 1.3


def throttle_pause(times: int) -> float:
    """Seconds to pause after so many refusals in a row for the rate limit; at least one."""
    return _FIRST_PAUSE * _PAUSE_GROWTH ** (times - 1)


def build_request(
    config: RestConfig,
    path: str,
    api_id: str,
    body: Mapping[str, Any],
    token: str,
    *,
    after: str | None = None,
) -> HttpRequest:
    """Put one call together.

    Args:
        config: The host.
        path: Of the operation.
        api_id: Of the operation.
        body: Its inputs.
        token: The access token.
        after: The key that the page before gave for this one.
    """
    headers = {**JSON_HEADERS, "authorization": f"Bearer {token}", "api-id": api_id}
    if after is not None:
        headers |= {"cont-yn": "Y", "next-key": after}
    return HttpRequest(
        "POST",
        f"{config.base_url}{path}",
        headers,
        body=json.dumps(dict(body), ensure_ascii=False).encode(),
    )
