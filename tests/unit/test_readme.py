"""What the READMEs say is so: methods, codes, commands, messages, links; and both say the same."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from rich.console import Console
from typer.main import get_command

import broker_client
from broker_client.cli import app as client_app
from broker_client.errors import ERRORS_BY_CODE, BrokerError, TaskFailed
from broker_client.order_display import OrdersTable
from broker_client.order_records import OrderRecord
from broker_client.protocol import decode_error, decode_reply, decode_request
from broker_server.cli import app as server_app
from broker_server.core.methods import MethodRegistry
from broker_server.demo import Demo
from broker_server.settings import Settings
from broker_server.wiring.catalogue import catalogue
from tests.support.order_rows import order_row
from tests.support.processes import ROOT
from tests.support.readme import Readme, load

NAMES = ("README.md", "README.ko.md")
OF_EVERY_ACCOUNT_OR_READ = {"raw", "account"}
"""Explained above the table of methods, not in its rows."""


@pytest.fixture(params=NAMES)
def readme(request: pytest.FixtureRequest) -> Readme:
    return load(request.param)


@cache
def methods() -> MethodRegistry:
    """The catalogue, made once: it is asked some hundred times."""
    return catalogue()


@cache
def parameters_of(name: str) -> dict[str, bool]:
    """A method's parameters, and whether each one is required."""
    method = methods().get(name)
    assert method is not None, name
    schema = method.parameters.model_json_schema()
    required = set(schema.get("required", []))
    return {one: one in required for one in schema.get("properties", {})}


def test_the_table_has_every_method_and_no_other(readme: Readme) -> None:
    rows = readme.table_rows(r"(?:kis\.|broker\.|koscom\.|kiwoom\.|get-|request-|(?:un)?subscribe-)[a-z-]+")
    assert sorted(row[0].strip("`") for row in rows) == sorted(method.name for method in methods())


def test_the_table_has_every_parameter_and_which_are_optional(readme: Readme) -> None:
    for method in methods():
        row = next(row for row in readme.table_rows(re.escape(method.name)))
        shown = {name: not bracket for bracket, name in re.findall(r"(\[?)`(\w+)`", row[1])}
        expected = parameters_of(method.name)
        assert shown == {name: expected[name] for name in expected if name not in OF_EVERY_ACCOUNT_OR_READ}


def test_what_takes_raw_is_as_the_text_says() -> None:
    for method in methods():
        takes_raw = (
            method.name.startswith(("kis.get-", "kiwoom.get-", "koscom.get-"))
            or method.name == "kis.call"
            or (
                method.name.startswith(("kis.subscribe-", "kiwoom.subscribe-", "koscom.subscribe"))
                and "ticker" in parameters_of(method.name)
            )
        )
        assert ("raw" in parameters_of(method.name)) == takes_raw, method.name


def test_names_of_methods_in_text_and_code_exist(readme: Readme) -> None:
    known = {method.name for method in methods()}
    mentioned = set(re.findall(r"\b(?:kis|kiwoom|koscom|broker)\.[a-z]+-[a-z-]*[a-z]\b", readme.text))
    assert mentioned <= known


def test_english_summaries_are_those_of_the_catalogue() -> None:
    for method in methods():
        assert load("README.md").table_rows(re.escape(method.name))[0][2] == method.summary


def test_every_error_code_is_explained_once(readme: Readme) -> None:
    rows = readme.table_rows("[A-Z]+(?:_[A-Z]+)*")
    assert sorted(row[0].strip("`") for row in rows) == sorted(ERRORS_BY_CODE)
    assert all(len(row) == 3 and all(row) for row in rows)


def test_errors_of_the_python_client_are_all_named(readme: Readme) -> None:
    own = [
        name
        for name in broker_client.__all__
        if isinstance(error := getattr(broker_client, name), type)
        and issubclass(error, BrokerError)
        and not issubclass(error, TaskFailed)
        and error is not BrokerError
    ]
    assert len(own) == 8
    for name in own:
        assert f"`{name}`" in readme.prose


def test_make_targets_exist_and_all_of_them_are_named(readme: Readme) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", readme.text, re.MULTILINE))
    assert named == targets - {"help"}


@pytest.mark.parametrize(("command", "app"), [("broker-server", server_app), ("broker-client", client_app)])
def test_commands_exist(readme: Readme, command: str, app: Any) -> None:
    named = set(
        re.findall(rf"(?:^|`|\s){command} ([a-z]+)", "\n".join([readme.prose, *readme.snippets("sh")]))
    )
    assert named
    assert named <= set(get_command(app).commands)  # type: ignore[attr-defined]


def test_settings_exist_and_the_example_has_them(readme: Readme) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    first_words = "|".join(sorted({name.upper().partition("_")[0] for name in Settings.model_fields}))
    words_of_the_contract = {*ERRORS_BY_CODE, "TASK_ID", "TASK_SUCCEED", "TASK_FAILED"}
    named = set(re.findall(rf"\b(?:{first_words})_[A-Z_]*[A-Z]\b", readme.text)) - words_of_the_contract
    guards = {name.upper() for name in Settings.model_fields if name.startswith("order_max_")}
    assert guards | {"BROKER_URL", "LEGACY_QUEUES", "ALLOW_LIVE_ORDERS", "ORDER_USERS"} <= named
    files = {f"{name.upper()}_FILE" for name in Settings.model_fields} - {
        name.upper() for name in Settings.model_fields
    }
    for name in named - files:
        assert name.lower() in Settings.model_fields
        assert f"\n{name}=" in example


def test_limits_of_orders_are_those_of_the_settings(readme: Readme) -> None:
    def default(name: str) -> Any:
        return Settings.model_fields[name].get_default(call_default_factory=True)

    notional = default("order_max_notional")
    for number in (
        default("order_max_quantity"),
        default("order_max_per_day"),
        *map(notional.get, ("KRW", "USD")),
    ):
        assert f"{number:,}" in readme.prose
    assert default("order_max_age") == default("reconcile_settle") == 60


def test_the_shown_orders_look_as_a_terminal_shows_them(readme: Readme) -> None:
    shown = next(text for text in readme.snippets("text") if text.startswith("time "))
    words = "주문단가가 상하한가를 벗어났습니다."
    unfilled = {"order_type": "limit", "filled_quantity": 0, "average_price": None}
    rows = [
        order_row("my-order-2", ticker="000660", quantity=3, price="200000", status="working",
                  order_no="0000001011", received_at="2026-11-25T17:37:03Z", **unfilled),
        order_row("my-order-3", quantity=5000, price="1000", state="REJECTED", status=None, order_no=None,
                  received_at="2026-11-25T17:37:10Z", vendor_code="APBK0506", vendor_message=words,
                  reason=f"KIS refused the request: APBK0506 {words}", **unfilled),
        order_row("my-order-1"),
    ]  # fmt: skip
    console = Console(file=io.StringIO(), width=80, color_system=None, legacy_windows=False)
    console.print(OrdersTable([OrderRecord.model_validate(row) for row in rows], environment="simulated"))
    assert isinstance(console.file, io.StringIO)
    assert [line.rstrip() for line in console.file.getvalue().splitlines()] == shown.splitlines()


def test_links_lead_somewhere(readme: Readme) -> None:
    for target in readme.links():
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        assert (ROOT / path).exists(), target
        assert not anchor or anchor in readme.anchors(), target


def test_python_snippets_compile(readme: Readme) -> None:
    snippets = readme.snippets("python")
    assert len(snippets) >= 5
    for snippet in snippets:
        compile(snippet, str(readme.path), "exec")


def test_sample_messages_are_messages_of_the_contract(readme: Readme) -> None:
    samples = [json.loads(snippet) for snippet in readme.snippets("json")]
    requests = [sample for sample in samples if "method" in sample]
    replies = [sample for sample in samples if "status" in sample]
    assert len(requests) + len(replies) == len(samples)
    for sample in requests:
        request = decode_request(json.dumps(sample).encode())
        assert set(sample) <= set(request.model_dump())
        method = next(method for method in methods() if method.name == request.method)
        method.parameters.model_validate(request.parameters)
    assert {sample["status"] for sample in replies} == {"TASK_SUCCEED", "TASK_FAILED"}
    for sample in replies:
        reply = decode_reply(json.dumps(sample).encode())
        assert set(sample) <= set(reply.model_dump())
        if reply.status == "TASK_FAILED":
            assert decode_error(reply).code == sample["error"]["code"]


def test_the_request_table_has_every_key(readme: Readme) -> None:
    fields = set(decode_request(b'{"task_id": "t", "method": "m"}').model_dump())
    assert fields <= {row[0].strip("`") for row in readme.table_rows("[a-z_]+")}


def test_the_shown_demo_has_the_steps_of_the_demo(readme: Readme) -> None:
    titles: list[str] = []

    class Recorder(Demo):
        def _step(self, title: str, action: Callable[[], None]) -> None:
            titles.append(title)

    Recorder(Console(quiet=True), None, "", "").run()  # type: ignore[arg-type]
    output = next(text for text in readme.snippets("text") if "▸" in text)
    assert re.findall(r"^▸ (.+)$", output, re.MULTILINE) == titles
    assert output.count("✓") == len(titles)


def test_both_languages_have_the_same_shape_and_the_same_code() -> None:
    english, korean = (load(name) for name in NAMES)
    assert english.heading_levels() == korean.heading_levels()
    assert english.blocks == korean.blocks
    assert english.prose.count("\n| ") == korean.prose.count("\n| ")
    assert english.prose.count("\n* ") == korean.prose.count("\n* ")
    assert english.prose.count("<details") == korean.prose.count("</details>")


def test_both_languages_name_the_same_things() -> None:
    english, korean = (set(re.findall(r"`[^`\n]+`", load(name).prose)) for name in NAMES)
    assert english == korean


@pytest.mark.parametrize("name", ["flow.svg", "flow.ko.svg"])
def test_pictures_are_drawn_for_light_and_dark(name: str) -> None:
    text = (ROOT / "docs" / "images" / name).read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own file
    assert "prefers-color-scheme: dark" in text
