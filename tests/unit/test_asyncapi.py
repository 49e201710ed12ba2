"""The AsyncAPI document: valid, complete, true to the messages that are sent, and the committed one."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from broker_client.errors import ERRORS_BY_CODE, VendorRejected
from broker_client.protocol import TaskRequest, encode_reply, encode_request, is_order_method, is_subscription
from broker_server.asyncapi.document import asyncapi_document
from broker_server.asyncapi.schemas import Schemas
from broker_server.asyncapi.writing import as_json, as_yaml
from broker_server.cli import app
from broker_server.core.market_data import Level, OrderBook, Trade, event_of
from broker_server.core.methods import MethodRegistry
from broker_server.streams.messages import Envelope, moment
from broker_server.wiring.catalogue import catalogue

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 1, 2, 3, 456000, tzinfo=UTC)
TRADE = Trade(
    vendor="kis",
    ticker="AAPL",
    venue="NASD",
    currency="USD",
    time=NOW,
    price=Decimal("230.15"),
    quantity=3,
)


@pytest.fixture(scope="module")
def registry() -> MethodRegistry:
    return catalogue()


@pytest.fixture(scope="module")
def document(registry: MethodRegistry) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(as_json(asyncapi_document(registry)))
    return made


def payload_errors(document: dict[str, Any], message: str, body: bytes) -> list[str]:
    """What is wrong with a message's body by its payload schema."""
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "allOf": [document["components"]["messages"][message]["payload"]],
        "components": document["components"],
    }
    return [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(json.loads(body))]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for inner in value.values() for each in references(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in references(inner)]
    return []


def test_it_is_valid_by_the_official_schema(document: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "tests/data/asyncapi/3.0.0.json").read_text())
    validator = jsonschema_rs.validator_for(schema)
    assert [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(document)] == []
    broken = document | {"operations": {"one": {"action": "listen", "channel": {"$ref": "#/channels/tasks"}}}}
    assert not validator.is_valid(broken)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = references(document)
    assert found
    for reference in found:
        place: Any = document
        assert reference.startswith("#/")
        for step in reference[2:].split("/"):
            assert step in place, reference
            place = place[step]


def test_every_method_is_an_operation_on_its_queue(
    document: dict[str, Any], registry: MethodRegistry
) -> None:
    assert len(registry) > 80
    for method in registry:
        operation = document["operations"][method.name]
        queue = document["channels"][operation["channel"]["$ref"].rpartition("/")[2]]
        assert queue["address"] == ("tasks.orders" if is_order_method(method.name) else "tasks")
        assert method.name in document["channels"]["tasks"]["messages"]
        replies = {each["$ref"].rpartition("/")[2] for each in operation["reply"]["messages"]}
        assert {f"{method.name}.reply", "failed"} <= replies
        assert ("event" in replies) == is_subscription(method.name)
    assert document["channels"]["realtime"]["bindings"]["amqp"]["exchange"]["name"] == "broker.realtime"
    assert document["channels"]["events.order"]["bindings"]["amqp"]["exchange"]["name"] == "broker.events"


def test_every_example_is_a_request_of_its_method(document: dict[str, Any]) -> None:
    examples = {
        name: each["payload"]
        for name, message in document["components"]["messages"].items()
        for each in message.get("examples", [])
    }
    assert "kis.get-current-price" in examples
    for name, payload in examples.items():
        assert payload_errors(document, name, json.dumps(payload).encode()) == [], name


def test_a_request_with_a_wrong_parameter_is_none(document: dict[str, Any]) -> None:
    def errors(parameters: dict[str, Any]) -> list[str]:
        request = TaskRequest(
            task_id="t-1", method="kis.get-current-price", parameters=parameters, request_time=NOW
        )
        return payload_errors(document, "kis.get-current-price", encode_request(request))

    assert errors({"ticker": "005930"}) == []
    assert errors({"tickers": "005930"})
    assert errors({})


def test_a_failed_reply_is_as_it_is_sent(document: dict[str, Any]) -> None:
    error = VendorRejected("no", vendor="kis", vendor_code="APBK0013", vendor_message="…")
    body = encode_reply("t-1", [], now=NOW, environment="paper", error=error)
    assert payload_errors(document, "failed", body) == []
    assert payload_errors(document, "failed", body.replace(b"VENDOR_REJECTED", b"NO_SUCH_CODE"))
    assert document["components"]["schemas"]["ErrorCode"]["enum"] == list(ERRORS_BY_CODE)


def test_events_and_statuses_are_as_they_are_sent(document: dict[str, Any]) -> None:
    envelope = Envelope("s-1", "trade.AAPL", "paper")
    book = OrderBook(
        vendor="kis",
        ticker="005930",
        venue="KRX",
        currency="KRW",
        time=None,
        asks=(Level(71_600, 5),),
        bids=(Level(71_500, 7),),
    )
    for data in (TRADE, book):
        event = event_of(data)
        message = envelope.event(json.dumps(event).encode(), at=moment(NOW), epoch=b"e", sequence=1)
        assert payload_errors(document, "event", message) == []
        schema = document["components"]["schemas"][type(data).__name__]
        assert set(schema["required"]) == event.keys()
        assert "title" not in schema
    assert "account" not in document["components"]["schemas"]["Execution"]["properties"]
    assert payload_errors(document, "status", envelope.status("stale", now=NOW, reason="mute")) == []
    assert payload_errors(document, "status", envelope.status("nonsense", now=NOW))


def test_the_fields_of_events_are_explained(document: dict[str, Any]) -> None:
    properties = document["components"]["schemas"]["Trade"]["properties"]
    assert [field.name for field in fields(Trade) if field.name not in properties] == []
    assert properties["price"]["description"].startswith("Per share")


def test_two_models_cannot_share_a_name() -> None:
    class One(BaseModel):
        value: int

    class Other(BaseModel):
        value: str

    schemas = Schemas()
    schemas.add("Row", One.model_json_schema() | {"title": "Row"})
    schemas.add("Row", One.model_json_schema() | {"title": "Row"})
    with pytest.raises(ValueError, match="two different schemas are named Row"):
        schemas.add("Row", Other.model_json_schema())


def test_the_committed_document_is_the_one_of_this_code(document: dict[str, Any]) -> None:
    committed = json.loads((ROOT / "docs/asyncapi.json").read_text(encoding="utf-8"))
    assert committed == document, "run make generated"


def test_the_command_prints_json_or_yaml(document: dict[str, Any]) -> None:
    outcome = CliRunner().invoke(app, ["asyncapi", "--json"])
    assert (outcome.exit_code, json.loads(outcome.stdout_bytes)) == (0, document)
    outcome = CliRunner().invoke(app, ["asyncapi", "--yaml"])
    assert (outcome.exit_code, outcome.stdout_bytes) == (0, as_yaml(document))
    assert yaml.load(outcome.stdout_bytes, yaml.CSafeLoader) == document
    assert CliRunner().invoke(app, ["asyncapi", "--yaml", "--json"]).exit_code == 2
