"""What every request to KIS carries."""

from __future__ import annotations

import json
from collections.abc import Mapping

from broker_server.vendors.http import HttpRequest
from broker_server.vendors.kis.catalogue import Route
from broker_server.vendors.kis.config import KisConfig

THROTTLE_RETRIES = 5
THROTTLE_PAUSE = 0.5
"""Seconds without any call after ``EGW00201``; KIS refuses some calls even inside the limit."""


def build_request(
    config: KisConfig, route: Route, parameters: Mapping[str, str], token: str, *, continued: bool = False
) -> HttpRequest:
    """Make the HTTP request of one call.

    Args:
        config: Key and host.
        route: The operation.
        parameters: By their wire names.
        token: The access token.
        continued: Whether this asks for a following page.
    """
    headers = {
        "content-type": "application/json; charset=utf-8",
        "authorization": f"Bearer {token}",
        "appkey": config.app_key.get_secret_value(),
        "appsecret": config.app_secret.get_secret_value(),
        "tr_id": route.tr_id,
        "custtype": config.cust_type,
        "tr_cont": "N" if continued else "",
    }
    url = config.base_url + route.path
    if route.method == "POST":
        return HttpRequest("POST", url, headers, body=json.dumps(parameters).encode())
    return HttpRequest("GET", url, headers, query=parameters)
