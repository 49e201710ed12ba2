from __future__ import annotations

import re

import pytest
from typer.main import get_command

from broker_client.cli import app as client_app
from broker_client.errors import ERRORS_BY_CODE
from broker_client.hints import HINTS, ORDER_HINTS, hint
from broker_server.cli import app as server_app


def test_only_codes_of_the_contract_have_hints() -> None:
    assert set(ORDER_HINTS) <= set(HINTS) <= set(ERRORS_BY_CODE)


@pytest.mark.parametrize("text", [*HINTS.values(), *ORDER_HINTS.values()])
def test_a_hint_tells_a_person_to_do_something(text: str) -> None:
    actions = "Install|List|See|Call|For a new|Start|If it lasts|Correct|Wait|Change|Do NOT|Ask|Look"
    assert re.search(rf"(^|\. )({actions})\b", text)


@pytest.mark.parametrize("code", ["UNSUPPORTED", "CANCELLED", "SOMETHING_NEW"])
def test_where_the_message_says_it_all_there_is_no_hint(code: str) -> None:
    assert hint(code) == ""


def test_a_hint_names_the_method_that_was_called() -> None:
    assert hint("INVALID_PARAMETERS", "kis.buy-order").endswith("broker-client methods kis.buy-order")
    assert hint("INVALID_PARAMETERS").endswith("broker-client methods METHOD")


def test_commands_that_a_hint_names_exist_and_take_its_options() -> None:
    named = re.findall(
        r"(broker-\w+) ([a-z]+)((?: --[a-z-]+)*)", " ".join([*HINTS.values(), *ORDER_HINTS.values()])
    )
    assert ("broker-server", "run", " --help") in named
    for program, name, options in named:
        commands = get_command(server_app if program == "broker-server" else client_app).commands  # type: ignore[attr-defined]
        known = {"--help", *(option for parameter in commands[name].params for option in parameter.opts)}
        assert set(options.split()) <= known


@pytest.mark.parametrize("method", ["broker.halt-orders", "broker.resume-orders"])
def test_a_kill_switch_that_not_everybody_acknowledged_is_thrown_again(method: str) -> None:
    assert "again until it succeeds" in hint("TIMEOUT", method)
    assert "again until it succeeds" in hint("INTERNAL", method)
    assert hint("INVALID_PARAMETERS", method) == hint("INVALID_PARAMETERS").replace("METHOD", method)


@pytest.mark.parametrize("code", ["ORDER_OUTCOME_UNKNOWN", "DUPLICATE_TASK_CONFLICT", "ORDER_GUARD"])
def test_a_hint_about_an_order_names_the_command_that_shows_it(code: str) -> None:
    assert "broker-client orders my-order-1" in hint(code, "kis.buy-order", "my-order-1")
    assert "broker-client orders 'a b'" in hint(code, "kis.buy-order", "a b")
    assert "broker-client orders TASK_ID" in hint(code, "kis.buy-order")


def test_a_refused_order_is_never_repeated_under_its_id() -> None:
    for code in ("TASK_EXPIRED", "ORDER_GUARD", "ORDERS_DISABLED"):
        text = hint(code, "kis.buy-order", "my-order-1")
        assert text.startswith("Nothing was sent.")
        assert "without --task-id" in text
    assert "Nothing was sent" not in hint("TASK_EXPIRED", "kis.get-balance")


def test_an_order_that_is_not_on_record_is_looked_for_in_the_list() -> None:
    assert (
        hint("INVALID_PARAMETERS", "broker.get-order", "t")
        == "See which orders are on record: broker-client orders"
    )
