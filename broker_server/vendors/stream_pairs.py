"""A stream method and the one that ends it, as every vendor declares them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from broker_server.core.methods import Lane, Method, Parameters, served_by_the_stream_desk
from broker_server.core.stream_requests import StreamRequest, Wanted

_P = TypeVar("_P", bound=Parameters)
_Q = TypeVar("_Q", bound=Parameters)


def pair(
    vendor: str,
    names: tuple[str, str],
    what: str,
    *,
    reference: str | None,
    example: dict[str, Any],
    start: tuple[type[_P], Callable[[_P], StreamRequest]],
    end: tuple[type[_Q], Callable[[_Q], StreamRequest]],
) -> list[Method[Any]]:
    """Declare both; the stream desk serves them.

    Args:
        vendor: Whose they are.
        names: Of the method that subscribes, and of the one that ends it.
        what: Is streamed, in words.
        reference: The vendor's name for it.
        example: Parameters of either.
        start: The parameters of the first, and how they are understood.
        end: Likewise of the second.
    """
    summaries = f"Live: {what}.", f"End {names[0]} of the same task_id, or one part of it."
    sides: tuple[tuple[type[Parameters], Callable[[Any], StreamRequest]], ...] = (start, end)
    return [
        Method(
            name=name,
            vendor=vendor,
            kind="stream",
            lane=Lane.STREAM,
            summary=summary,
            parameters=parameters,
            handler=served_by_the_stream_desk,
            reference=reference,
            example=example,
            stream=stream,
        )
        for name, summary, (parameters, stream) in zip(names, summaries, sides, strict=True)
    ]


def ended(family: str, *wanted: Wanted) -> StreamRequest:
    """The request of an unsubscribe task.

    Args:
        family: Of what it ends.
        wanted: Of that; everything where nothing is named.
    """
    return StreamRequest(action="unsubscribe", family=family, wanted=wanted)
