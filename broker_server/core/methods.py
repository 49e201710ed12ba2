"""The method registry: what a task's ``method`` names, with its parameters, kind and handler.

From this one registry come dispatch, validation and every listing of the methods.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator

from broker_server.core.docstrings import attribute_texts
from broker_server.core.orders import OrderDetails
from broker_server.core.stream_requests import StreamRequest

MethodKind = Literal["read", "order", "stream", "admin"]


class Lane(IntEnum):
    """What goes first when a vendor's rate limit is scarce; a smaller number goes earlier.

    Attributes:
        CONTROL: Commands to the workers themselves, such as the kill switch: they ask no vendor.
        STREAM: Subscriptions, which wait for the live connection and not for the rate limit.
    """

    CONTROL = -1
    CANCEL = 0
    ORDER = 1
    ACCOUNT = 2
    QUOTE = 3
    BULK = 4
    STREAM = 5


class Parameters(BaseModel):
    """Base of every parameter model. An unknown argument is refused: a typing error must not be ignored.

    The ``Attributes:`` section of a model's docstring becomes the descriptions of its fields. A model is
    built when it is first used: a worker has a hundred of them, and most are asked for late or never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("must not hold a NUL character")
        return value

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Copy the explanations of the docstring into the schema."""
        super().__pydantic_init_subclass__(**kwargs)
        texts = attribute_texts(cls.__doc__)
        for name, field in cls.model_fields.items():
            field.description = texts.get(name, field.description)


class NoParameters(Parameters):
    """For methods without arguments."""


ParametersT = TypeVar("ParametersT", bound=Parameters)


def _no_order(_: OrderDetails) -> None:
    raise RuntimeError("a task that is not an order tried to send one")


def _no_journal(_: str) -> str:
    raise RuntimeError("a task that is not an order asked for the number of one")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """What a handler may know of the task it runs.

    Attributes:
        task_id: The client's id of the task.
        received_at: When the worker took it, with an offset.
        ensure_in_time: Raises `TaskExpired` once the deadline has passed; called while waiting.
        before_send: An order calls it with everything it is about to send, right before each attempt. It
            returns when the order is recorded as being sent, and raises when it must not leave.
        not_taken: An order calls it after an attempt that the vendor provably did not take (no byte left, or
            a refusal from before the order is looked at).
        order_no_of: The vendor's number of the order that an earlier task placed; raises `InvalidParameters`
            when there is none.
        report_progress: Tells a client that asked for it how many pages are done, and of how many if known.
        deadline: The moment after which the answer is of no use, with an offset; a handler that would have
            to wait longer than that says so at once. ``None`` when the task has none.
        user: The AMQP user that RabbitMQ verified, if the message names one.
    """

    task_id: str
    received_at: datetime
    ensure_in_time: Callable[[], None]
    report_progress: Callable[[int, int | None], None]
    deadline: datetime | None = None
    user: str | None = None
    before_send: Callable[[OrderDetails], None] = _no_order
    not_taken: Callable[[], None] = lambda: None
    order_no_of: Callable[[str], str] = _no_journal


def served_by_the_stream_desk(_: Any, __: TaskContext) -> Outcome:
    """The handler of every stream method, which nothing calls."""
    raise RuntimeError("a subscription was run as if it were a read")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler returns: the rows, and whether the vendor's page limit cut them short.

    Attributes:
        rows: JSON values or pydantic models, one per element of ``result``.
        truncated: Why the rows stop before the end, or ``None`` when they are complete.
        order_no: Of an order that the vendor took: its number.
    """

    rows: Sequence[Any]
    truncated: str | None = None
    order_no: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(Generic[ParametersT]):
    """One verb of the contract.

    Attributes:
        name: ``<vendor>.<verb>-<noun>``, or a bare name of the original server.
        vendor: Who serves it; ``broker`` for the worker itself.
        kind: ``read``, ``order``, ``stream`` or ``admin``.
        lane: Its place in the vendor's rate limit and thread pool.
        summary: One sentence for listings.
        parameters: The model that validates ``parameters``.
        result: The model of one element of ``result``, or ``None`` for plain values.
        handler: Runs the task; blocking, in a thread of the lane (or on the event loop when ``inline``).
        inline: The handler returns at once and does no input or output.
        reference: The vendor's own name of the operation, for the documentation.
        example: Arguments that work against the simulator.
        details: Of an order: what its parameters ask for, as far as they tell.
        stream: Of a subscription: what its parameters ask for; raises `TaskFailed` for what the vendor does
            not offer. Such a method's handler is never called.
    """

    name: str
    vendor: str
    kind: MethodKind
    lane: Lane
    summary: str
    parameters: type[ParametersT]
    handler: Callable[[ParametersT, TaskContext], Outcome]
    result: type[BaseModel] | None = None
    inline: bool = False
    reference: str | None = None
    example: dict[str, Any] | None = None
    details: Callable[[ParametersT], OrderDetails] | None = None
    stream: Callable[[ParametersT], StreamRequest] | None = None


class MethodRegistry:
    """The methods that this worker serves, by name."""

    def __init__(self, methods: Iterable[Method[Any]] = ()) -> None:
        self._methods: dict[str, Method[Any]] = {}
        for method in methods:
            self.add(method)

    def add(self, method: Method[Any]) -> None:
        """Add a method.

        Raises:
            ValueError: The name is taken.
        """
        if method.name in self._methods:
            raise ValueError(f"the method {method.name} is declared twice")
        self._methods[method.name] = method

    def get(self, name: str) -> Method[Any] | None:
        """The method of that name, or ``None``."""
        return self._methods.get(name)

    def suggest(self, name: str) -> list[str]:
        """Up to three names close to a misspelt one, nearest first."""
        return difflib.get_close_matches(name, self._methods, n=3, cutoff=0.6)

    def __iter__(self) -> Iterator[Method[Any]]:
        return iter(sorted(self._methods.values(), key=lambda method: method.name))

    def __len__(self) -> int:
        return len(self._methods)
