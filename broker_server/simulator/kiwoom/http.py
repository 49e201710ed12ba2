"""How the simulated Kiwoom reads a request and writes an answer."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from broker_server.simulator.kiwoom.errors import failure, malformed

JSON = "application/json"


def parameters_of(request: web.BaseRequest, body: bytes) -> dict[str, str]:
    """The body of a call.

    Raises:
        KiwoomError: It is no JSON object of texts, or is not said to be JSON.
    """
    if request.content_type != JSON:
        raise failure("1512")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise failure("1517")
    for key, value in document.items():
        if not isinstance(value, str):
            raise malformed(key)
    return document


def json_response(
    body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """An answer in JSON."""
    return web.Response(
        body=orjson.dumps(body), status=status, headers=headers, content_type=JSON, charset="utf-8"
    )


def paging_headers(api_id: str, next_key: str = "") -> dict[str, str]:
    """The headers of every answer."""
    return {"api-id": api_id, "cont-yn": "Y" if next_key else "N", "next-key": next_key}
