"""The document as text."""

from __future__ import annotations

import re
from typing import Any

import orjson

_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w.-]*")
_READ_AS_ANOTHER_TYPE = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def as_json(document: dict[str, Any]) -> bytes:
    """JSON in UTF-8, indented, with a line feed at its end."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def as_yaml(document: dict[str, Any]) -> bytes:
    """YAML in UTF-8. Texts are written as JSON has them, which YAML reads alike."""
    return "".join(f"{line}\n" for line in _lines(document, "")).encode()


def _lines(value: Any, indent: str) -> list[str]:
    lines: list[str] = []
    if isinstance(value, dict):
        for name, each in value.items():
            lines += _entry(f"{indent}{_key(name)}:", each, f"{indent}  ")
    else:
        for each in value:
            lines += _entry(f"{indent}-", each, f"{indent}  ")
    return lines


def _entry(head: str, value: Any, indent: str) -> list[str]:
    if isinstance(value, (dict, list)) and value:
        return [head, *_lines(value, indent)]
    return [f"{head} {orjson.dumps(value).decode()}"]


def _key(name: str) -> str:
    plain = _PLAIN_KEY.fullmatch(name) and name.lower() not in _READ_AS_ANOTHER_TYPE
    return name if plain else orjson.dumps(name).decode()
