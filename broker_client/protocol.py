"""The wire contract between clients and workers: the only definition, used by both sides.

A request is a JSON object published to the queue ``tasks``::

    {"task_id": "t-1", "method": "kis.get-current-price", "parameters": {"ticker": "005930"},
     "request_time": "2026-11-20T09:00:00.000+09:00"}

and its reply goes to the ``reply_to`` property, else to ``reply_queue``, else to ``sapi-kiwoom``::

    {"task_id": "t-1", "result": [{…}], "response_time": "…Z", "status": "TASK_SUCCEED",
     "kind": "reply", "environment": "paper"}

``result`` is always a list. A failed reply carries ``error`` with a code of `broker_client.errors`.

A subscription is a task that goes on: its reply is of kind ``ack``, and after it come, to the same address,
messages of kind ``event``, each with one event, and of kind ``status``::

    {"task_id": "t-2", "result": [{"type": "trade", "ticker": "005930", "price": 71500, …}],
     "response_time": "…Z", "status": "TASK_SUCCEED", "kind": "event", "environment": "paper",
     "key": "trade.005930", "epoch": "…", "sequence": 1}
    {"task_id": "t-2", "result": [{"type": "status", "state": "stale", "ticker": "005930", "reason": "…"}],
     …, "kind": "status", "key": "trade.005930"}

``sequence`` counts 1, 2, 3 … per ``task_id`` and ``key`` within an ``epoch``; a jump means missed events, a
new epoch that some may be missed. The same subscribe task again moves the subscription to the new reply
address and goes on; the unsubscribe task under the same ``task_id`` ends it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from broker_client.errors import ERRORS_BY_CODE, InternalError, MalformedMessage, TaskFailed
from broker_client.json_bytes import json_bytes
from broker_client.validation import describe_validation_error

TASKS_QUEUE = "tasks"
ORDERS_QUEUE = "tasks.orders"
REALTIME_EXCHANGE = "broker.realtime"
"""The topic exchange that gets every event of live data once, as ``<vendor>.<channel>.<subject>``."""
EVENTS_EXCHANGE = "broker.events"
"""The topic exchange that tells what happens to workers, orders and streams."""
DEFAULT_REPLY_QUEUE = "sapi-kiwoom"
REPLY_QUEUE_HEADER = "reply_queue"
DIRECT_REPLY_TO = "amq.rabbitmq.reply-to"
UNKNOWN_TASK_ID = "unknown"

MAX_TASK_ID_LENGTH = 255
MAX_METHOD_LENGTH = 255
MAX_ADDRESS_BYTES = 255
"""A queue name is an AMQP short string: at most 255 bytes."""

Environment = Literal["simulated", "paper", "real"]
Status = Literal["TASK_SUCCEED", "TASK_FAILED"]
Kind = Literal["reply", "ack", "event", "status"]
StreamState = Literal[
    "live", "stale", "reconnecting", "polling", "gap", "suspended", "resumed", "dropped", "refused"
]
"""What a status message of a subscription says."""
OwnStreamState = Literal["disconnected", "connected", "unanswered", "answered"]
"""What a client itself says of a stream; it is in no message.

``disconnected`` and ``connected`` are about its connection to RabbitMQ. ``unanswered`` and ``answered`` are
about the subscription: nothing comes, and no worker confirms that it has it; now one did, or sent something.
"""
ENDED_STATES: frozenset[str] = frozenset({"dropped", "refused"})
"""After one of these nothing comes any more."""

_ORDER_METHOD = re.compile(
    r"[a-z]+\.(buy|sell|modify|cancel)(-overseas)?-order\Z|kis\.call-(order|cancel)\Z"
    r"|broker\.cancel-all-orders\Z"
)

_SUBSCRIBE_METHOD = re.compile(r"([a-z]+\.)subscribe(-[a-z-]+)?\Z|()subscribe(-realtime)\Z")

_NAMED_IN_THE_RECORD = {"broker.halt-orders", "broker.resume-orders", "broker.resolve-order"}


def is_order_method(method: str) -> bool:
    """Whether ``method`` places, changes or cancels an order, by its name.

    Clients use it to publish to ``tasks.orders`` and to raise `OrderOutcomeUnknown` on a time-out; a test
    holds every registered method of kind ``order`` to this rule.
    """
    return _ORDER_METHOD.match(method) is not None


def names_its_user(method: str) -> bool:
    """Whether clients send ``method`` with the AMQP ``user_id`` property, which RabbitMQ verifies.

    Orders, because ``ORDER_USERS`` may ask for it; what stops, resumes or settles them, for the record.
    """
    return is_order_method(method) or method in _NAMED_IN_THE_RECORD


def is_subscription(method: str) -> bool:
    """Whether ``method`` subscribes to something: its answer is only the beginning."""
    return _SUBSCRIBE_METHOD.match(method) is not None


def unsubscribe_method(method: str) -> str:
    """The method that ends what ``method`` subscribes: ``kis.unsubscribe-…`` for ``kis.subscribe-…``.

    Raises:
        ValueError: ``method`` is not a subscription.
    """
    match = _SUBSCRIBE_METHOD.match(method)
    if match is None:
        raise ValueError(f"{method} is no subscription: those are named like kis.subscribe-realtime-price")
    return f"{match[1] or ''}unsubscribe{match[2] or match[4] or ''}"


def unsubscribe_parameters(method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What goes with `unsubscribe_method` to end everything that a task has subscribed.

    Nothing, but for the original server's own method: it takes what was subscribed once more.
    """
    return {} if "." in method else dict(parameters)


def _iso_text(value: object) -> object:
    """Let only ISO 8601 text through: pydantic alone would also read numbers as Unix times."""
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, str) and len(value) >= 16 and value[4] == "-" and value[7] == "-":
        return value
    raise ValueError("must be ISO 8601 text such as 2026-11-20T09:00:00.000+09:00")


def _no_nul(value: str) -> str:
    """No database keeps a text with a zero byte in it as it is."""
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


class TaskRequest(BaseModel):
    """One request message. Unknown keys are ignored.

    Attributes:
        task_id: The client's name of the task; also its idempotency key. 1 to 255 characters.
        method: The verb, ``<vendor>.<verb>-<noun>``.
        parameters: The method's arguments; absent or null means none.
        request_time: When the client made it, ISO 8601.
        deadline: The task is not started after this moment; needs an offset.
        reply_queue: Where the reply goes when the ``reply_to`` property is absent.
        expected_environment: Refuse the task when the worker is of another environment.
        progress: Send ``kind: "status"`` messages while many pages are read.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    task_id: Annotated[str, AfterValidator(_no_nul)] = Field(min_length=1, max_length=MAX_TASK_ID_LENGTH)
    method: str = Field(min_length=1, max_length=MAX_METHOD_LENGTH)
    parameters: Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)] = {}
    request_time: Annotated[datetime | None, BeforeValidator(_iso_text)] = None
    deadline: Annotated[AwareDatetime | None, BeforeValidator(_iso_text)] = None
    reply_queue: str | None = None
    expected_environment: Environment | None = None
    progress: bool = False


class ErrorBody(BaseModel):
    """The ``error`` object of a failed reply. The vendor's own code and text travel untouched.

    Attributes:
        vendor: Whose code and text it has; ``None`` when no vendor said anything.
    """

    model_config = ConfigDict(extra="ignore")

    code: str
    message: str
    retryable: bool = False
    vendor: str | None = None
    vendor_code: str | None = None
    vendor_message: str | None = None


class TaskReply(BaseModel):
    """One message from a worker: a reply, or an ack, event or status of a stream.

    Attributes:
        result: One element for a look-up, one per row for tables, one per event for streams.
        response_time: UTC, ISO 8601.
        status: How the task ended.
        kind: ``reply`` for the answer of a task; a stream sends ``ack``, ``event`` and ``status``.
        replayed: The recorded outcome of an order that was answered before.
        truncated: The rows stop before the end; the message of the vendor's page limit.
        warnings: What the worker finds odd about a task that it ran all the same.
        key: What an event or status of a stream is about, ``<channel>.<subject>`` such as ``trade.005930``.
        epoch: Within which ``sequence`` counts; opaque.
        sequence: Of an event: 1, 2, 3 … per subscription and ``key``.
    """

    model_config = ConfigDict(extra="ignore")

    task_id: str
    result: Any = Field(default_factory=list)
    response_time: datetime
    status: Status
    kind: Kind = "reply"
    environment: Environment | None = None
    error: ErrorBody | None = None
    replayed: bool = False
    truncated: str | None = None
    warnings: list[str] = Field(default_factory=list)
    key: str | None = None
    epoch: str | None = None
    sequence: int | None = None


def decode_request(body: bytes) -> TaskRequest:
    """Read a request message. A byte order mark before it, which .NET writes, is skipped.

    Raises:
        MalformedMessage: The body is not a task; ``task_id`` is set when it could still be read.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body:
        raise MalformedMessage("the message body is empty; send a JSON object with task_id and method")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedMessage(f"the message body is not JSON in UTF-8: {error}") from None
    if not isinstance(document, dict):
        kind = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(
            type(document), "a number"
        )
        raise MalformedMessage(f"the message body must be a JSON object with task_id and method, not {kind}")
    try:
        return TaskRequest.model_validate(document)
    except ValidationError as error:
        task_id = document.get("task_id")
        raise MalformedMessage(
            describe_validation_error(error),
            task_id=task_id if isinstance(task_id, str) and task_id else None,
        ) from None


def encode_request(request: TaskRequest) -> bytes:
    """Write a request message; absent options are left out."""
    return json_bytes(request.model_dump(mode="python", exclude_defaults=True))


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as every time of a worker is written.

    Args:
        moment: With an offset.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode_reply(
    task_id: str,
    result: list[Any],
    *,
    now: datetime,
    environment: Environment,
    kind: Kind = "reply",
    error: TaskFailed | None = None,
    extra: dict[str, Any] | None = None,
) -> bytes:
    """Write a reply message.

    Args:
        task_id: That of the request, or `UNKNOWN_TASK_ID`.
        result: JSON values; empty when ``error`` is given.
        now: The response time, with an offset.
        environment: The worker's.
        kind: What the message is.
        error: Makes it ``TASK_FAILED``.
        extra: More top-level keys, such as ``truncated`` or ``replayed``.
    """
    message: dict[str, Any] = {
        "task_id": task_id,
        "result": result,
        "response_time": utc_text(now),
        "status": "TASK_SUCCEED" if error is None else "TASK_FAILED",
        "kind": kind,
        "environment": environment,
    }
    if error is not None:
        message["error"] = {
            "code": error.code,
            "message": error.message,
            "retryable": error.retryable,
            "vendor": error.vendor,
            "vendor_code": error.vendor_code,
            "vendor_message": error.vendor_message,
        }
    if extra:
        message.update(extra)
    return json_bytes(message)


def decode_reply(body: bytes) -> TaskReply:
    """Read a message from a worker.

    Raises:
        MalformedMessage: The body is not a reply of this contract.
    """
    try:
        return TaskReply.model_validate(orjson.loads(body))
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise MalformedMessage(f"not a reply of the contract: {error}") from None


def decode_error(reply: TaskReply) -> TaskFailed:
    """Make the error of a failed reply; a code this client does not know becomes `InternalError`."""
    body = reply.error
    if body is None:
        return InternalError(str(reply.result) or "the task failed without a reason", task_id=reply.task_id)
    error_class = ERRORS_BY_CODE.get(body.code)
    message = body.message if error_class else f"{body.code}: {body.message}"
    return (error_class or InternalError)(
        message,
        retryable=body.retryable,
        vendor=body.vendor,
        vendor_code=body.vendor_code,
        vendor_message=body.vendor_message,
        task_id=reply.task_id,
    )
