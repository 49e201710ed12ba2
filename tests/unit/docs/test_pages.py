"""The written pages: their code comes from files, and what they name exists."""

from __future__ import annotations

import json
import re

import pytest
from typer.main import get_command

from broker_client.cli import app as client_app
from broker_client.protocol import decode_reply, decode_request
from broker_server.cli import app as server_app
from tests.support.doc_pages import DOCS, SNIPPETS, included_files, pages
from tests.support.processes import ROOT
from tests.support.readme import Readme

PAGES = pages()
TESTED = (SNIPPETS, ROOT / "examples")
"""Folders whose files the tests run."""


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Readme:
    return PAGES[request.param]


def test_python_is_shown_from_files_that_tests_run(page: Readme) -> None:
    assert page.snippets("python") == []
    assert "```py\n" not in page.text
    for file in included_files(page):
        assert file.is_file(), file
        assert any(file.is_relative_to(folder) for folder in TESTED), file


def test_every_snippet_is_on_a_page() -> None:
    shown = {file for page in PAGES.values() for file in included_files(page)}
    assert set(SNIPPETS.glob("*.py")) <= shown


def test_messages_are_messages(page: Readme) -> None:
    """A block holds one document, or one in each line."""
    for block in page.snippets("json"):
        try:
            documents = [json.loads(block)]
        except json.JSONDecodeError:
            documents = [json.loads(line) for line in block.splitlines()]
        for document in documents:
            if "status" in document and "result" in document:
                decode_reply(json.dumps(document).encode())
            elif "method" in document:
                decode_request(json.dumps(document).encode())


def test_commands_exist(page: Readme) -> None:
    shell = "\n".join(page.snippets("sh"))
    for program, app in (("broker-client", client_app), ("broker-server", server_app)):
        named = re.findall(rf"(?m)(?:`|^){program} ([a-z]+)", f"{page.prose}\n{shell}")
        assert set(named) <= set(get_command(app).commands)  # type: ignore[attr-defined]


def test_links_lead_to_files_and_headings(page: Readme) -> None:
    for link in page.links():
        if re.match(r"[a-z]+:", link) or not re.search(r"[/.#]", link):  # elsewhere, or no link but code
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor and target.is_relative_to(DOCS):
            assert anchor in PAGES[str(target.relative_to(DOCS))].anchors(), link


def test_korean_pages_and_their_english_ones_name_each_other() -> None:
    korean = [name for name in PAGES if name.endswith(".ko.md")]
    assert len(korean) == 6
    for name in korean:
        english = name.replace(".ko.md", ".md")
        assert english.rpartition("/")[2] in PAGES[name].links()
        assert name.rpartition("/")[2] in PAGES[english].links()
        assert PAGES[name].heading_levels() == PAGES[english].heading_levels()
