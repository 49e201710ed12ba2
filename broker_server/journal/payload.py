"""What makes two messages the same order."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from broker_client.errors import InvalidParameters


def payload_hash(method: str, parameters: dict[str, Any]) -> str:
    """The identity of an order's content: method and parameters as the client sent them.

    Raises:
        InvalidParameters: The parameters are nested too deeply.
    """
    try:
        canonical = orjson.dumps([method, parameters], option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise InvalidParameters(f"parameters: cannot be written as JSON again: {error}") from None
    return hashlib.sha256(canonical).hexdigest()
