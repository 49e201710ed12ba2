"""Python values as the JSON values that travel."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import orjson

__all__ = ["plain_parameters"]


def plain_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Copy parameters as the JSON values that will travel; a `Decimal` becomes its exact text.

    Raises:
        ValueError: A value has no JSON form, or is NaN or infinite (JSON would turn it into null).
    """
    _refuse_non_finite(parameters, "parameters")
    try:
        plain = orjson.loads(orjson.dumps(parameters, default=_decimal_text))
    except TypeError as error:
        raise ValueError(f"the parameters cannot be written as JSON: {error}") from None
    if not isinstance(plain, dict):
        raise ValueError("the parameters must be a JSON object")
    return plain


def _decimal_text(value: object) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    raise TypeError(f"{type(value).__name__} is not supported")


def _refuse_non_finite(value: object, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: {value} is not a number that JSON can carry")
    if isinstance(value, dict):
        for key, element in value.items():
            _refuse_non_finite(element, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for element in value:
            _refuse_non_finite(element, where)
