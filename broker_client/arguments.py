"""Reading ``k=v`` arguments of the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

__all__ = ["parse_parameters"]


def parse_parameters(arguments: Iterable[str]) -> dict[str, Any]:
    """Read ``k=v`` words. A value stays text (``ticker=005930`` keeps its zeros) unless it begins with
    ``{`` or ``[``, which is JSON; the worker's parameter model converts.

    Raises:
        ValueError: A word is not ``k=v``, a name comes twice, or the JSON is none.
    """
    parameters: dict[str, Any] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ValueError(f"{argument!r} is not of the form name=value, such as ticker=005930")
        if name in parameters:
            raise ValueError(f"{name} is given twice")
        parameters[name] = _value(name, value)
    return parameters


def _value(name: str, value: str) -> Any:
    if not value.startswith(("{", "[")):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{name}: the value begins like JSON but is none: {error}") from None
