"""The worker's own methods: ``broker.*``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from broker_client.protocol import utc_text
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


class Pong(BaseModel):
    """The answer to ``broker.ping``.

    Attributes:
        time: The worker's clock, UTC, ISO 8601; compare it with yours.
        worker: Which worker answered.
    """

    time: str
    worker: str


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


def admin_methods(*, name: str, registry: MethodRegistry, clock: Callable[[], datetime]) -> list[Method[Any]]:
    """The ``broker.*`` methods that one worker answers by itself.

    Args:
        clock: Gives UTC.
        registry: Listed by ``broker.list-methods``; the methods returned here are added to it.
    """

    def ping(_: NoParameters, __: TaskContext) -> Outcome:
        return Outcome([{"time": utc_text(clock()), "worker": name}])

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
