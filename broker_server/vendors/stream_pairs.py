"""Stream methods come in pairs: one subscribes, the other one ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from broker_server.core.methods import Lane, Method, Parameters, served_by_the_stream_desk
from broker_server.core.stream_requests import StreamRequest, Wanted
from broker_server.vendors.stream_parameters import StreamOptions

_P = TypeVar("_P", bound=Parameters)
_Q = TypeVar("_Q", bound=Parameters)


def stream_pair(
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
        vendor: As in the contract.
        names: Of the method that subscribes, and of the one that ends it.
        what: Comes live, for the summary.
        reference: The vendor's names of it.
        example: Arguments that work for both.
        start: The parameters of the first, and what they ask for.
        end: Likewise of the second.
    """
    subscribe, unsubscribe = names
    return [
        Method(
            name=subscribe,
            vendor=vendor,
            kind="stream",
            lane=Lane.STREAM,
            summary=f"Live: {what}.",
            parameters=start[0],
            handler=served_by_the_stream_desk,
            reference=reference,
            example=example,
            stream=start[1],
        ),
        Method(
            name=unsubscribe,
            vendor=vendor,
            kind="stream",
            lane=Lane.STREAM,
            summary=f"End {subscribe} of the same task_id, or one part of it.",
            parameters=end[0],
            handler=served_by_the_stream_desk,
            reference=reference,
            example=example,
            stream=end[1],
        ),
    ]


def subscribed(family: str, wanted: Wanted, options: StreamOptions) -> StreamRequest:
    """A subscription to one thing."""
    return StreamRequest(
        action="subscribe",
        family=family,
        wanted=(wanted,),
        raw=options.raw,
        copies=options.copies,
        polling=options.polling,
        snapshot=options.snapshot,
    )


def ended(family: str, *wanted: Wanted) -> StreamRequest:
    """The end of some subscriptions of a kind; of all where nothing is named."""
    return StreamRequest(action="unsubscribe", family=family, wanted=wanted)
