"""A call in the trace of the program that makes it: where that program uses OpenTelemetry, and nowhere else.

Nothing is imported for a program that has not imported OpenTelemetry itself, and nothing is sent along by one
that has set up no tracer.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from broker_client import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["CallSpan", "begin_call"]


@dataclass(frozen=True, slots=True)
class CallSpan:
    """A call that has begun.

    Attributes:
        span: OpenTelemetry's.
        headers: What tells the worker of it: ``traceparent`` and what belongs to it.
    """

    span: Span
    headers: dict[str, str]

    def end(self, trouble: str | None) -> None:
        """The call has ended.

        Args:
            trouble: The code of its error, or ``None``.
        """
        from opentelemetry.trace import Status, StatusCode

        if trouble is not None:
            self.span.set_attribute("error.type", trouble)
            self.span.set_status(Status(StatusCode.ERROR, trouble))
        self.span.end()


def begin_call(method: str, task_id: str, queue: str) -> CallSpan | None:
    """Begin a span, as a child of the caller's current one; ``None`` where nobody traces."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry import propagate, trace

    span = trace.get_tracer("sapi-broker", __version__).start_span(
        method,
        kind=trace.SpanKind.PRODUCER,
        attributes={
            "messaging.system": "rabbitmq",
            "messaging.operation.type": "send",
            "messaging.destination.name": queue,
            "messaging.message.conversation_id": task_id,
            "sapi.method": method,
        },
    )
    if not span.get_span_context().is_valid:  # no tracer is set up
        return None
    headers: dict[str, str] = {}
    propagate.inject(headers, trace.set_span_in_context(span))
    return CallSpan(span, headers)
