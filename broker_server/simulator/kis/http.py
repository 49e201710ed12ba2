"""How the simulated KIS reads a request and writes an answer."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from broker_server.simulator.kis.errors import business_error, gateway_error
from broker_server.simulator.kis.tables import Operation

JSON = "application/json"


def json_object(body: bytes) -> dict[str, Any]:
    """The body of a call.

    Raises:
        KisError: It is no JSON object.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise business_error("OPSQ9995", "JSON BODY 오류 입니다.", "1")
    return document


def parameters_of(request: web.BaseRequest, operation: Operation, body: bytes) -> dict[str, str]:
    """The arguments of a call, from the query or from the body.

    Raises:
        KisError: The body is not as KIS wants it.
    """
    if operation.method == "GET":
        return {name.upper(): value for name, value in request.query.items()}
    if request.content_type != JSON:
        raise gateway_error("EGW00132")
    fields = json_object(body)
    for name, value in fields.items():
        if not isinstance(value, str):
            raise business_error("OPSQ9997", f"JSON BODY FORMAT 오류 입니다. [{name}]", "1")
    return fields


def json_response(
    body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """An answer in JSON."""
    return web.Response(
        body=orjson.dumps(body), status=status, headers=headers, content_type=JSON, charset="utf-8"
    )
