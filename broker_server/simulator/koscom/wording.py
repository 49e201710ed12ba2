"""How values are written: as numbers or all as strings, codes with or without the market's suffix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from broker_server.simulator.koscom.products import Value, Values

ValueForm = Literal["numbers", "strings"]


def written(values: Values, form: ValueForm) -> Mapping[str, Value]:
    """The values of a record as they go on the wire."""
    if form == "numbers":
        return values
    return {name: _text(value) for name, value in values.items()}


def rewritten(value: Any, form: ValueForm) -> Any:
    """A whole answer, its lists included."""
    if form == "numbers":
        return value
    if isinstance(value, dict):
        return {name: rewritten(each, form) for name, each in value.items()}
    if isinstance(value, list):
        return [rewritten(each, form) for each in value]
    return _text(value)


def _text(value: Value) -> Value:
    if value is None or isinstance(value, str):
        return value
    return f"{value:.2f}" if isinstance(value, float) else str(value)
