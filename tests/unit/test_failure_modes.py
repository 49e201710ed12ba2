"""Every test that the page of failure modes names exists, and every row names one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "topics" / "failure-modes.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::[\w:]+)?)`", PAGE)))


def names_in(path: Path) -> set[str]:
    """The names of a file's tests, those of its classes behind the class."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            inner = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}::{each.name}" for each in inner}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 40


@pytest.mark.parametrize("named", NAMED)
def test_it_exists(named: str) -> None:
    file, _, name = named.partition("::")
    path = ROOT / file
    assert path.is_file(), f"{file} is named in failure-modes.md"
    assert path.name.startswith("test_")
    if name:
        assert name in names_in(path), f"{named} is named in failure-modes.md"


def test_every_row_names_its_test() -> None:
    tables = re.split(r"\| what \|.*proved by \|\n\|[-|]+\|\n", PAGE)[1:]
    assert len(tables) == PAGE.count("proved by")
    for table in tables:
        rows = table.partition("\n\n")[0].strip().splitlines()
        assert rows
        for row in rows:
            assert "`tests/" in row.rsplit("|", 2)[1], row
