"""Small pieces of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

GENERATED = "<!-- Made from the code by `make generated`; a test compares it. -->\n\n"
"""The first line of a page that nobody should edit."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are Markdown."""
    lines = [head, ["---"] * len(head), *([_cell(each) for each in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: str) -> str:
    """A code span."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def prose(text: str) -> str:
    """A text of a docstring: its code spans have one backtick, what else Markdown would read is escaped."""
    parts = re.split(r"``(.+?)``|`([^`]+?)`", text)
    parts = ["null" if part == "None" else part for part in parts]  # JSON's word for it
    plain, codes = (
        parts[::3],
        [first or second for first, second in zip(parts[1::3], parts[2::3], strict=True)],
    )
    escaped = [re.sub(r"([*_<\[\]])", r"\\\1", each) for each in plain]
    return "".join(
        text + (code(span) if span is not None else "")
        for text, span in zip(escaped, [*codes, None], strict=True)
    )


def fence(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```\n"


def with_section(page: str, name: str, content: str) -> str:
    """A page with what stands between the two marks of a section replaced.

    Raises:
        ValueError: The page has no such section.
    """
    begin, end = f"<!-- begin {name}: made by `make generated` -->\n", f"<!-- end {name} -->\n"
    before, mark, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    if not mark or not last:
        raise ValueError(f"the page has no section {name}")
    return f"{before}{begin}\n{content}\n{end}{after}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
