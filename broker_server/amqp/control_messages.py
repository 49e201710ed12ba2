"""What workers say to each other over ``broker.control``.

A command goes to the fanout exchange, with ``reply_to`` and ``correlation_id``; each worker answers to that
queue. Both are JSON objects that say who speaks, and in which environment.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from broker_client.protocol import Environment
from broker_client.validation import describe_validation_error

_Name = Annotated[str, Field(min_length=1, max_length=255)]


class Command(BaseModel):
    """Something that every worker is to do.

    Attributes:
        worker: Who asks.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["command"] = "command"
    command: _Name
    arguments: dict[str, Any]
    worker: _Name
    environment: Environment


class Answer(BaseModel):
    """What one worker answers.

    Attributes:
        result: What its handler returned; ``None`` when it failed.
        error: Why it failed.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["answer"] = "answer"
    worker: _Name
    environment: Environment
    result: dict[str, Any] | None = None
    error: str | None = None


class NotUnderstood(Exception):
    """A message on the control queue is neither a command nor an answer."""


_MESSAGE: TypeAdapter[Command | Answer] = TypeAdapter(
    Annotated[Command | Answer, Field(discriminator="kind")]
)


def encode(message: Command | Answer) -> bytes:
    """Write a message.

    Raises:
        TypeError: A value in it is no JSON value.
    """
    return orjson.dumps(message.model_dump(mode="python"))


def decode(body: bytes) -> Command | Answer:
    """Read a message.

    Raises:
        NotUnderstood: It is none; the text says why.
    """
    try:
        return _MESSAGE.validate_python(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise NotUnderstood(f"not JSON: {error}") from None
    except ValidationError as error:
        raise NotUnderstood(describe_validation_error(error)) from None
