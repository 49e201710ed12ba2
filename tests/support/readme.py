"""The two READMEs, taken apart."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ROOT

_FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced block: its language and its text, without the indentation of a list around it."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Readme:
    """One README.

    Attributes:
        path: Where it is.
        text: All of it.
        prose: It without its fenced blocks.
        blocks: The fenced blocks, in order.
    """

    path: Path
    text: str
    prose: str
    blocks: tuple[CodeBlock, ...]

    def snippets(self, language: str) -> list[str]:
        """The blocks of one language."""
        return [block.text for block in self.blocks if block.language == language]

    def heading_levels(self) -> list[int]:
        """How deep each heading is, in order."""
        return [len(marks) for marks in re.findall(r"^(#+) ", self.prose, re.MULTILINE)]

    def anchors(self) -> set[str]:
        """The names under which a page shows its headings: lower case, no punctuation, hyphens for spaces."""
        titles = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}

    def links(self) -> list[str]:
        """The targets of links and pictures."""
        return re.findall(r"\]\(([^)\s]+)\)", self.prose)

    def table_rows(self, first_cell: str) -> list[list[str]]:
        """The table rows whose first cell is a code span that matches a pattern, as plain cells."""
        rows = [line.strip("|").split("|") for line in self.prose.splitlines() if line.startswith("|")]
        cells = [[cell.strip() for cell in row] for row in rows]
        return [row for row in cells if re.fullmatch(f"`{first_cell}`", row[0])]


def load(name: str) -> Readme:
    """Read ``README.md`` or ``README.ko.md``."""
    path = ROOT / name
    text = path.read_text(encoding="utf-8")
    blocks = tuple(CodeBlock(language, textwrap.dedent(code)) for _, language, code in _FENCE.findall(text))
    return Readme(path, text, _FENCE.sub("", text), blocks)
