"""The schemas of the messages that tasks, replies and stream events travel in."""

from __future__ import annotations

from typing import Any

from broker_client.errors import ERRORS_BY_CODE
from broker_client.protocol import ErrorBody, Kind, TaskReply, TaskRequest
from broker_server.asyncapi.schemas import Schemas, reference
from broker_server.core.docstrings import attribute_texts, summary


def add_envelopes(schemas: Schemas) -> None:
    """Add ``TaskRequest``, ``TaskReply``, ``TaskError`` and ``ErrorCode``."""
    schemas.add("TaskRequest", _described(TaskRequest))
    replies = _described(TaskReply)
    replies.pop("$defs", None)
    replies["properties"]["result"] = {
        "type": "array",
        "description": replies["properties"]["result"]["description"],
    }
    replies["properties"]["error"] = reference("TaskError")
    replies["required"] = ["task_id", "result", "response_time", "status", "kind", "environment"]
    schemas.add("TaskReply", replies)
    errors = _described(ErrorBody)
    errors["properties"]["code"] = reference("ErrorCode")
    errors["required"] = list(errors["properties"])
    schemas.add("TaskError", errors)
    schemas.add(
        "ErrorCode",
        {
            "type": "string",
            "enum": list(ERRORS_BY_CODE),
            "description": "\n".join(
                f"* `{code}`: {summary(error.__doc__)}" for code, error in ERRORS_BY_CODE.items()
            ),
            "x-usually-retryable": [
                code for code, error in ERRORS_BY_CODE.items() if error.usually_retryable
            ],
        },
    )


def request_of(method: str, parameters: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """The request message of a method.

    Args:
        parameters: A reference to their schema.
        required: Whether the method needs any.
    """
    return {
        "allOf": [
            reference("TaskRequest"),
            {
                "properties": {"method": {"const": method}, "parameters": parameters},
                "required": ["parameters"] if required else [],
            },
        ]
    }


def reply_of(result: dict[str, Any] | None, kind: Kind) -> dict[str, Any]:
    """A reply of a task that succeeded.

    Args:
        result: The schema of one element, or ``None`` for any JSON value.
        kind: ``reply``, or what a stream sends.
    """
    elements: dict[str, Any] = {"type": "array"} if result is None else {"type": "array", "items": result}
    return {
        "allOf": [
            reference("TaskReply"),
            {
                "properties": {
                    "status": {"const": "TASK_SUCCEED"},
                    "kind": {"const": kind},
                    "result": elements,
                },
                "required": ["key", "epoch", "sequence"] if kind == "event" else [],
            },
        ]
    }


def failed_reply() -> dict[str, Any]:
    """The reply of a task that failed."""
    return {
        "allOf": [
            reference("TaskReply"),
            {"properties": {"status": {"const": "TASK_FAILED"}}, "required": ["error"]},
        ]
    }


def _described(model: type[TaskRequest | TaskReply | ErrorBody]) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema["description"] = summary(model.__doc__)
    for name, text in attribute_texts(model.__doc__).items():
        schema["properties"][name]["description"] = text
    return schema
