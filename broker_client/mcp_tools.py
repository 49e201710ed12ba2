"""The methods of a worker as tools for assistants, and answers as text and JSON: no socket, no MCP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from broker_client.errors import BrokerError, OrderOutcomeIsUnknown, OrderOutcomeUnknown, TaskFailed
from broker_client.protocol import MAX_TASK_ID_LENGTH, is_order_method
from broker_client.results import TaskResult

__all__ = [
    "READ_ONLY_ADMIN",
    "TRADING_ENVIRONMENTS",
    "MethodTool",
    "describe_error",
    "describe_result",
    "split_task_id",
    "tool_name",
    "tools_of",
]

TRADING_ENVIRONMENTS = ("simulated", "paper")
"""Where an assistant may place orders. There is no way to let it trade with real money."""

READ_ONLY_ADMIN = frozenset(
    {
        "broker.get-order",
        "broker.get-status",
        "broker.list-methods",
        "broker.list-orders",
        "broker.list-subscriptions",
        "broker.ping",
    }
)
"""The worker's own methods that change nothing."""

MOST_BYTES = 100_000
"""Of the rows of one answer: an assistant reads every one of them."""

_TASK_ID = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_TASK_ID_LENGTH,
    "description": "The order's idempotency key; a new one, if absent. With that of an earlier order and its "
    "arguments nothing is sent again: the answer is what became of it.",
}


@dataclass(frozen=True, slots=True)
class MethodTool:
    """One method as a tool.

    Attributes:
        name: Letters, digits and ``_``: what every assistant takes.
        method: What it runs.
        is_order: It places, changes or cancels orders.
        description: For the assistant.
        input_schema: The JSON schema of its arguments.
    """

    name: str
    method: str
    is_order: bool
    description: str
    input_schema: dict[str, Any]


def tool_name(method: str) -> str:
    """``kis_get_current_price`` for ``kis.get-current-price``."""
    return method.replace(".", "_").replace("-", "_")


def tools_of(rows: Iterable[Mapping[str, Any]], *, orders: bool) -> dict[str, MethodTool]:
    """The tools for the rows of ``broker.list-methods``, by name.

    Reads are tools, and what changes nothing at the worker itself. Streams are none: a tool answers once. The
    kill switch and what settles orders by hand stay with people.

    Args:
        rows: As the worker describes its methods.
        orders: Whether orders are tools, too.
    """
    tools = {}
    for row in rows:
        method, kind = str(row["name"]), row["kind"]
        is_order = kind == "order" or is_order_method(method)
        is_read = kind == "read" or method in READ_ONLY_ADMIN
        if is_order if orders and is_order else is_read and not is_order:
            tool = _tool(method, row, is_order=is_order)
            tools[tool.name] = tool
    return tools


def _tool(method: str, row: Mapping[str, Any], *, is_order: bool) -> MethodTool:
    schema = dict(row["parameters"])
    text = str(row["summary"])
    if row.get("example"):
        text += f" Example: {orjson.dumps(row['example']).decode()}."
    if is_order:
        schema["properties"] = schema.get("properties", {}) | {"task_id": _TASK_ID}
        text += (
            " This sends an order. The answer has its task_id: after an unknown outcome never send a new "
            "one, but look it up with broker_get_order."
        )
    return MethodTool(tool_name(method), method, is_order, text, schema)


def split_task_id(tool: MethodTool, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The method's parameters, and of an order the task_id that was asked for.

    Raises:
        ValueError: The task_id is none.
    """
    parameters = dict(arguments)
    if not tool.is_order or "task_id" not in parameters:
        return parameters, None
    task_id = parameters.pop("task_id")
    if task_id is None:
        return parameters, None
    if not isinstance(task_id, str) or not 0 < len(task_id) <= MAX_TASK_ID_LENGTH or "\0" in task_id:
        raise ValueError(f"task_id must be text of 1 to {MAX_TASK_ID_LENGTH} characters; nothing was sent")
    return parameters, task_id


def describe_result(method: str, result: TaskResult) -> tuple[str, dict[str, Any]]:
    """An answer as text and as JSON values, which say the same."""
    rows = _fitting(result.result)
    left_out = len(result.result) - len(rows)
    document: dict[str, Any] = {
        "method": method,
        "task_id": result.task_id,
        "environment": result.environment,
        "result": rows,
    }
    notes = []
    if result.replayed:
        document["replayed"] = True
        notes.append("This order was answered before; nothing was sent again.")
    if result.truncated is not None:
        document["truncated"] = result.truncated
        notes.append(f"The rows stop before the end: {result.truncated}")
    if left_out:
        document["left_out"] = left_out
        notes.append(f"{left_out} more rows were left out here; ask for less at once.")
    if result.warnings:
        document["warnings"] = list(result.warnings)
        notes += [f"Warning: {warning}" for warning in result.warnings]
    count = len(result.result)
    head = f"{method}, {result.environment}, task_id {result.task_id}: {count} row{'' if count == 1 else 's'}"
    return "\n".join([head, *notes, *(orjson.dumps(row).decode() for row in rows)]), document


def _fitting(rows: list[Any]) -> list[Any]:
    size = 0
    fitting: list[Any] = []
    for row in rows:
        size += len(orjson.dumps(row))
        if size > MOST_BYTES and fitting:
            break
        fitting.append(row)
    return fitting


def describe_error(method: str, error: BrokerError, task_id: str | None) -> tuple[str, dict[str, Any]]:
    """A failure as text and as JSON values, with what to do about an order.

    Args:
        task_id: Of the task, if it is known.
    """
    document: dict[str, Any] = {"method": method, "task_id": task_id, "error": {"message": str(error)}}
    text = f"{method} failed. {error}"
    if isinstance(error, TaskFailed):
        document["error"] = {
            "code": error.code,
            "message": error.message,
            "retryable": error.retryable,
            "vendor": error.vendor,
            "vendor_code": error.vendor_code,
            "vendor_message": error.vendor_message,
        }
        if error.vendor_message:
            text += f" ({error.vendor}: {error.vendor_code} {error.vendor_message})"
    if task_id is not None:
        text += f"\ntask_id: {task_id}"
    if isinstance(error, (OrderOutcomeUnknown, OrderOutcomeIsUnknown)):
        text += (
            "\nThe order may have been placed. Do not send a new one: ask broker_get_order for this task_id "
            "until its state is ACCEPTED, REJECTED, NOT_SENT or REFUSED."
        )
    return text, document
