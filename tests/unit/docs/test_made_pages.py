"""The pages that are made from the code are those of this code, and name all there is."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.main import get_command

from broker_client.arguments import parse_parameters
from broker_client.cli import app as client_app
from broker_client.errors import ERRORS_BY_CODE, TaskFailed
from broker_client.protocol import decode_request, is_subscription
from broker_server.cli import app as server_app
from broker_server.core.methods import MethodRegistry
from broker_server.gateway_settings import GatewaySettings
from broker_server.settings import Settings
from broker_server.wiring.catalogue import catalogue
from scripts.pages.markdown import prose, table, with_section
from scripts.pages.methods import example_of
from scripts.pages.settings import sections
from scripts.write_generated import ROOT, generated_pages
from tests.support.readme import load


@pytest.fixture(scope="module")
def registry() -> MethodRegistry:
    return catalogue()


def test_the_committed_pages_are_those_of_this_code(registry: MethodRegistry) -> None:
    made = generated_pages(registry)
    assert [path for path, text in made.items() if (ROOT / path).read_text(encoding="utf-8") != text] == [], (
        "run make generated"
    )


def test_each_method_is_explained_on_one_page(registry: MethodRegistry) -> None:
    pages = sorted((ROOT / "docs/reference").glob("*.md"))
    assert len(pages) == 8
    headings = [
        heading
        for page in pages
        for heading in re.findall(r"^## (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        if heading not in ("Results", "Kiwoom", "KOSCOM")
    ]
    assert sorted(headings) == [method.name for method in registry]


def test_every_example_is_a_task_that_its_method_takes(registry: MethodRegistry) -> None:
    """The line for the shell and the message say the same, and the method's model takes it."""
    pages = [load(str(page.relative_to(ROOT))) for page in (ROOT / "docs/reference").glob("*.md")]
    lines = [shlex.split(text) for page in pages for text in page.snippets("sh")]
    messages = [decode_request(text.encode()) for page in pages for text in page.snippets("json")]
    assert [line[2] for line in lines] == [message.method for message in messages]
    assert sorted(message.method for message in messages) == [method.name for method in registry]
    for (program, verb, name, *words), message in zip(lines, messages, strict=True):
        method = registry.get(name)
        assert method is not None
        assert (program, verb) == ("broker-client", "watch" if is_subscription(name) else "call")
        assert message.parameters == example_of(method)
        by_line = method.parameters.model_validate(parse_parameters(words))
        assert by_line == method.parameters.model_validate(message.parameters), name


def test_every_error_code_is_explained_once() -> None:
    page = load("docs/errors.md")
    rows = page.table_rows("[A-Z]+(?:_[A-Z]+)*")
    assert sorted(row[0].strip("`") for row in rows) == sorted(ERRORS_BY_CODE)
    assert all(len(row) == 5 and all(row) for row in rows)


@pytest.mark.parametrize("error", ERRORS_BY_CODE.values(), ids=ERRORS_BY_CODE)
def test_what_is_usually_worth_a_retry_is_said(error: type[TaskFailed]) -> None:
    (row,) = load("docs/errors.md").table_rows(error.code)
    assert (row[3] == "yes") == error.usually_retryable


def test_every_setting_is_explained_once() -> None:
    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    first_cells = "".join(re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE))
    names = sorted(name.upper() for name in {*Settings.model_fields, *GatewaySettings.model_fields})
    assert sorted(re.findall(r"`([A-Z_]+)`", first_cells)) == names


def test_settings_below_one_comment_share_it() -> None:
    (section,) = sections("# ── Title ───\n# One.\n# Two.\nA=1\nB=\n\n# Three.\nC=\n")
    assert section.title == "Title"
    assert section.blocks == [("One. Two.", [("A", "1"), ("B", "")]), ("Three.", [("C", "")])]


@pytest.mark.parametrize(("program", "app"), [("broker-client", client_app), ("broker-server", server_app)])
def test_every_command_is_explained(program: str, app: object) -> None:
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    commands = get_command(app).commands  # type: ignore[arg-type, attr-defined]
    assert re.findall(rf"^### {program} (\S+)$", text, re.MULTILINE) == sorted(commands)


def test_a_section_is_replaced_and_a_missing_one_is_an_error() -> None:
    page = "a\n<!-- begin x: made by `make generated` -->\nold\n<!-- end x -->\nb\n"
    replaced = with_section(page, "x", "new")
    assert "old" not in replaced
    assert with_section(replaced, "x", "new") == replaced
    with pytest.raises(ValueError, match="no section y"):
        with_section(page, "y", "new")


def test_texts_of_docstrings_stay_what_they_say() -> None:
    assert prose("``a_b`` of [x], or ``None``: task_id") == "`a_b` of \\[x\\], or `null`: task\\_id"
    assert table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |\n"
