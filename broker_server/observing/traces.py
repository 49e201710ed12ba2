"""Traces by OpenTelemetry: client → worker → brokerage. Imported only when they are on.

Where they go, and how many of them, the variables of OpenTelemetry itself say
(``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_SAMPLER`` …). A span holds names, ids and codes, never
parameters or answers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from broker_client import __version__
from broker_server.core.tracing import Ended

SERVICE_NAME = "OTEL_SERVICE_NAME"


class OpenTelemetryTracer:
    """Implements `broker_server.core.tracing.Tracer`.

    Args:
        worker: The name of this worker.
        environment: The worker's.
        exporter: Where spans go; by OTLP over HTTP when left out.
    """

    def __init__(self, worker: str, environment: str, exporter: SpanExporter | None = None) -> None:
        attributes = {
            "service.name": os.environ.get(SERVICE_NAME) or "sapi-broker",
            "service.version": __version__,
            "service.instance.id": worker,
            "deployment.environment.name": environment,
        }
        self._provider = TracerProvider(resource=Resource.create(attributes))
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("sapi-broker", __version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def task(
        self, method: str, task_id: str, headers: Mapping[str, Any] | None, *, waited: float
    ) -> Iterator[Ended]:
        """A task in work; its parent is the client's span that the headers name."""
        carrier = {key: value for key, value in (headers or {}).items() if isinstance(value, str)}
        span = self._tracer.start_span(
            method,
            context=self._propagator.extract(carrier),
            kind=SpanKind.CONSUMER,
            start_time=time.time_ns() - int(waited * 1e9),
            attributes={
                "messaging.system": "rabbitmq",
                "messaging.operation.type": "process",
                "messaging.message.conversation_id": task_id,
                "sapi.method": method,
                "sapi.waited_seconds": round(waited, 6),
            },
        )
        told: list[str | None] = []
        ender = _ender(span)

        def ended(code: str | None) -> None:
            told.append(code)
            ender(code)

        # An exception's text may have parameters and answers in it, so a span has codes alone.
        with use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
            yield ended
        if told:
            span.end()

    @contextmanager
    def call(self, vendor: str, operation: str) -> Iterator[Ended]:
        """A call of a vendor, inside the task whose thread makes it."""
        with self._tracer.start_as_current_span(
            f"{vendor} {operation}",
            kind=SpanKind.CLIENT,
            attributes={"sapi.vendor": vendor, "sapi.operation": operation},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield _ender(span)

    def close(self) -> None:
        """Send what is left; waits for it for a moment."""
        self._provider.shutdown()


def _ender(span: Span) -> Ended:
    def ended(code: str | None) -> None:
        if code is not None:
            span.set_attribute("error.type", code)
            span.set_status(Status(StatusCode.ERROR, code))

    return ended
