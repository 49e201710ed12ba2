"""What a request of the live connection looks like."""

from __future__ import annotations

from typing import Literal

import orjson

from broker_server.vendors.live_plan import Request


def request_text(approval_key: str, customer: Literal["P", "B"], request: Request) -> str:
    """A request as KIS reads it."""
    registration, register = request
    return orjson.dumps(
        {
            "header": {
                "approval_key": approval_key,
                "custtype": customer,
                "tr_type": "1" if register else "2",
                "content-type": "utf-8",
            },
            "body": {"input": {"tr_id": registration.code, "tr_key": registration.symbol}},
        }
    ).decode()
