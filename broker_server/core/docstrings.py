"""Reads Google-style docstrings, so that a parameter is explained once and shown everywhere."""

from __future__ import annotations

import inspect
import re

_ENTRY = re.compile(r"(?P<name>\w+): (?P<text>.*)")


def summary(docstring: str | None) -> str:
    """The first paragraph, in one line."""
    first = inspect.cleandoc(docstring or "").split("\n\n", 1)[0]
    return " ".join(first.split())


def attribute_texts(docstring: str | None) -> dict[str, str]:
    """The ``Attributes:`` section: each name with its text in one line."""
    texts: dict[str, str] = {}
    name = None
    lines = iter(inspect.cleandoc(docstring or "").splitlines())
    for line in lines:
        if line == "Attributes:":
            break
    for line in lines:
        if not line.startswith("    "):
            if line:
                break
            continue
        entry = _ENTRY.fullmatch(line.strip())
        if entry is not None and not line.startswith("     "):
            name = entry["name"]
            texts[name] = entry["text"]
        elif name is not None:
            texts[name] += f" {line.strip()}"
    return texts
