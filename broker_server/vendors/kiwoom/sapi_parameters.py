"""Parameter models of the bare methods, made from the contract."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model, model_validator

from broker_server.core.methods import Parameters
from broker_server.vendors.kiwoom.sapi_contract import ContractMethod, Parameter
from broker_server.vendors.parameters import Ticker

_TIME_FORMATS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_WHOLE_DAY = {8}


class AsGiven(Parameters):
    """What the original took: anything; what it looked at is checked where a message is read."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Bounded(Parameters):
    """Parameters with ``from`` and ``to``, the digits of days or of moments in Korea."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        first, last = bounds(self)
        if first > last:
            raise ValueError("from must not be after to")
        return self


def bounds(parameters: Parameters) -> tuple[str, str]:
    """The first and the last moment as fourteen digits: a day is a whole day."""
    return str(getattr(parameters, "from")).ljust(14, "0"), str(parameters.to).ljust(14, "9")  # type: ignore[attr-defined]


def model_of(method: ContractMethod) -> type[Parameters]:
    """The model of one method's parameters."""
    lengths = set(_TIME_FORMATS) if method.time_column == "timestamp" else _WHOLE_DAY
    fields: dict[str, Any] = {
        each.name: (_type_of(each, lengths), Field(description=each.description))
        for each in method.parameters
    }
    name = "".join(word.capitalize() for word in method.name.split("-")) + "Parameters"
    base = Bounded if method.time_column is not None else Parameters
    return create_model(name, __base__=base, __doc__=f"The parameters of {method.name}.", **fields)


def _type_of(parameter: Parameter, lengths: set[int]) -> Any:
    if parameter.name == "stock_code":
        return Ticker
    if parameter.values:
        schema = WithJsonSchema({"type": "string", "enum": list(parameter.values)})
        return Annotated[str, BeforeValidator(_one_of(parameter.values)), schema]
    return Annotated[str, BeforeValidator(partial(_digits, lengths=lengths))]


def _one_of(values: Mapping[str, str]) -> Callable[[object], object]:
    by_number = {int(value): value for value in values}

    def check(given: object) -> object:
        if isinstance(given, str) and given in values:
            return given
        if isinstance(given, int) and not isinstance(given, bool) and given in by_number:
            return by_number[given]
        listed = ", ".join(f'"{value}" ({meaning})' for value, meaning in values.items())
        raise ValueError(f"must be one of {listed}")

    return check


def _digits(given: object, *, lengths: set[int]) -> object:
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if isinstance(text, str) and re.fullmatch("[0-9]+", text) and len(text) in lengths:
        try:
            datetime.strptime(text, _TIME_FORMATS[len(text)])  # noqa: DTZ007 - looked at, not kept
        except ValueError:
            pass
        else:
            return text
    more = " or a moment such as 20261120153000" if lengths != _WHOLE_DAY else ""
    raise ValueError(f"must be a day such as 20261120{more}")
