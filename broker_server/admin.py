"""The worker's own methods: ``broker.*``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel

from broker_client import __version__
from broker_client.protocol import Environment, utc_text
from broker_server.core.docstrings import summary
from broker_server.core.methods import (
    Lane,
    Method,
    MethodRegistry,
    NoParameters,
    Outcome,
    Parameters,
    TaskContext,
)
from broker_server.core.vendor import Vendor


class Pong(BaseModel):
    """The answer to ``broker.ping``.

    Attributes:
        time: The worker's clock, UTC, ISO 8601; compare it with yours.
        worker: Which worker answered.
    """

    time: str
    worker: str


class WorkerStatus(BaseModel):
    """The answer to ``broker.get-status``.

    Attributes:
        tasks: Counts since the start.
        lanes: Waiting and running tasks by thread pool.
        vendors: What each vendor adapter says of itself.
    """

    worker: str
    environment: Environment
    version: str
    started_at: str
    time: str
    tasks: dict[str, Any]
    lanes: dict[str, dict[str, int]]
    vendors: dict[str, dict[str, Any]]


class MethodDescription(BaseModel):
    """One row of ``broker.list-methods``.

    Attributes:
        parameters: The JSON schema of ``parameters``.
        example: Arguments that work against the simulator.
    """

    name: str
    vendor: str
    kind: str
    summary: str
    parameters: dict[str, Any]
    result: dict[str, Any] | None
    reference: str | None
    example: dict[str, Any] | None


class ListMethods(Parameters):
    """Arguments of ``broker.list-methods``.

    Attributes:
        pattern: Only names that contain this text.
    """

    pattern: str = ""


def describe(method: Method[Any]) -> MethodDescription:
    """Describe a method for listings."""
    return MethodDescription(
        name=method.name,
        vendor=method.vendor,
        kind=method.kind,
        summary=method.summary,
        parameters=_schema(method.parameters),
        result=_schema(method.result) if method.result else None,
        reference=method.reference,
        example=method.example,
    )


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema() | {"description": summary(model.__doc__)}


class StatusSource(Protocol):
    """Counts that ``broker.get-status`` shows."""

    def tasks(self) -> dict[str, Any]:
        """Counts since the start."""

    def lanes(self) -> dict[str, dict[str, int]]:
        """Waiting and running tasks by pool."""


def admin_methods(
    *,
    name: str,
    environment: Environment,
    registry: MethodRegistry,
    vendors: Sequence[Vendor],
    source: StatusSource,
    clock: Callable[[], datetime],
) -> list[Method[Any]]:
    """The ``broker.*`` methods of one worker.

    Args:
        clock: Gives UTC.
        registry: Listed by ``broker.list-methods``; the methods returned here are added to it.
    """
    started_at = clock()

    def ping(_: NoParameters, __: TaskContext) -> Outcome:
        return Outcome([{"time": utc_text(clock()), "worker": name}])

    def get_status(_: NoParameters, __: TaskContext) -> Outcome:
        status = WorkerStatus(
            worker=name,
            environment=environment,
            version=__version__,
            started_at=utc_text(started_at),
            time=utc_text(clock()),
            tasks=source.tasks(),
            lanes=source.lanes(),
            vendors={vendor.name: vendor.status() for vendor in vendors},
        )
        return Outcome([status])

    def list_methods(parameters: ListMethods, _: TaskContext) -> Outcome:
        return Outcome([describe(method) for method in registry if parameters.pattern in method.name])

    return [
        Method(
            name="broker.ping",
            vendor="broker",
            kind="admin",
            lane=Lane.ACCOUNT,
            summary="Answer at once with the worker's clock and name.",
            parameters=NoParameters,
            result=Pong,
            handler=ping,
            inline=True,
            example={},
        ),
        Method(
            name="broker.get-status",
            vendor="broker",
            kind="admin",
            lane=Lane.ACCOUNT,
            summary="Show what this worker serves, has done and is waiting for.",
            parameters=NoParameters,
            result=WorkerStatus,
            handler=get_status,
            example={},
        ),
        Method(
            name="broker.list-methods",
            vendor="broker",
            kind="admin",
            lane=Lane.ACCOUNT,
            summary="List the methods that this worker serves, with the schema of their parameters.",
            parameters=ListMethods,
            result=MethodDescription,
            handler=list_methods,
            example={"pattern": "kis."},
        ),
    ]
