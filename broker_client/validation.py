"""What is wrong with a message, in the words of the contract instead of the validation library's."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

__all__ = ["describe_problem", "describe_validation_error"]

_OBJECT = "must be a JSON object"
_NUMBER = "must be a number"
_WHOLE = "must be a whole number"
_BOOLEAN = "must be true or false"
_DATE = "must be a date such as 2026-11-20"

_WORDS: dict[str, str] = {
    "missing": "field required",
    "extra_forbidden": "is not a parameter of this method",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "list_type": "must be a JSON array",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} elements",
    "too_long": "must have at most {max_length} elements",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "timezone_aware": "must have an offset from UTC, such as +09:00",
}
"""By pydantic's type of an error; the braces take the values of its context."""


def describe_validation_error(error: ValidationError, *, known: Iterable[str] = (), limit: int = 3) -> str:
    """Say which fields are wrong and why, in one line: ``ticker: field required; quantity: …``.

    Args:
        error: What a model raised.
        known: The fields' names, so that a mistyped one is told the nearest.
        limit: How many fields are told; the others are counted.
    """
    names = list(known)
    problems = error.errors(include_url=False, include_input=False)
    lines = [_line(problem, names) for problem in problems[:limit]]
    if len(problems) > limit:
        lines.append(f"and {len(problems) - limit} more")
    return "; ".join(lines)


def describe_problem(problem: Any) -> str:
    """Say what is wrong with one field, without its name.

    Args:
        problem: One of pydantic's ``error.errors()``.
    """
    words = _WORDS.get(problem["type"])
    if words is not None:
        return words.format_map(problem.get("ctx", {}))
    said = problem["msg"].removeprefix("Value error, ")
    return f"{said[0].lower()}{said[1:]}"


def _line(problem: Any, names: list[str]) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "parameters"
    what = describe_problem(problem)
    if problem["type"] == "extra_forbidden" and (near := get_close_matches(where, names, n=1)):
        what += f"; did you mean {near[0]}?"
    return f"{where}: {what}"
