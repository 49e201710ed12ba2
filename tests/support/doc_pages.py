"""The pages of the documentation, taken apart."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.processes import ROOT
from tests.support.readme import Readme, load

DOCS = ROOT / "docs"
SNIPPETS = DOCS / "snippets"

_INCLUDE = re.compile(r"^```\{literalinclude\} (\S+)$", re.MULTILINE)


def pages() -> dict[str, Readme]:
    """Every page under ``docs/``, by its path from there."""
    paths = sorted(DOCS.rglob("*.md"))
    return {str(path.relative_to(DOCS)): load(str(path.relative_to(ROOT))) for path in paths}


def included_files(page: Readme) -> list[Path]:
    """The files that a page shows."""
    return [(page.path.parent / name).resolve() for name in _INCLUDE.findall(page.text)]


def client_lines() -> list[str]:
    """The lines of the written pages that call ``broker-client``, without comments, each once."""
    found = {
        line.partition("  #")[0].strip(): None
        for name, page in pages().items()
        if not name.startswith("reference/")
        for block in page.snippets("sh")
        for line in block.splitlines()
        if line.startswith("broker-client ")
    }
    return list(found)
