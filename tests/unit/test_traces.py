"""Spans hold codes, never the text of an exception; what is put off leaves none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from broker_server.observing.traces import OpenTelemetryTracer

SECRET = "ticker 005930 of account 12345678-01"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Iterator[OpenTelemetryTracer]:
    with closing(OpenTelemetryTracer("worker", "simulated", spans)) as opened:
        yield opened


def exported(tracer: OpenTelemetryTracer, spans: InMemorySpanExporter) -> dict[str, str]:
    """What left, as JSON by name."""
    tracer.close()
    return {span.name: span.to_json() for span in spans.get_finished_spans()}


def test_a_failed_task_tells_its_code_alone(tracer: OpenTelemetryTracer, spans: InMemorySpanExporter) -> None:
    with tracer.task("kis.get-balance", "t-1", {}, waited=0.5) as ended:
        ended("VENDOR_ERROR")
    (text,) = exported(tracer, spans).values()
    assert '"error.type": "VENDOR_ERROR"' in text
    assert '"description": "VENDOR_ERROR"' in text


def test_a_call_that_raises_tells_its_code_alone(
    tracer: OpenTelemetryTracer, spans: InMemorySpanExporter
) -> None:
    def call() -> None:
        with tracer.call("kis", "FHKST01010100") as ended:
            ended("EGW00201")
            raise ValueError(SECRET)

    with pytest.raises(ValueError, match="account"):
        call()
    (text,) = exported(tracer, spans).values()
    assert "EGW00201" in text
    assert "005930" not in text


def test_a_task_that_is_put_off_leaves_no_span(
    tracer: OpenTelemetryTracer, spans: InMemorySpanExporter
) -> None:
    def put_off() -> None:
        with tracer.task("kis.buy-order", "t-1", {}, waited=0):
            raise RuntimeError(SECRET)

    for _ in range(20):
        with pytest.raises(RuntimeError):
            put_off()
    with tracer.task("kis.buy-order", "t-1", {}, waited=0) as ended:
        ended(None)
    assert list(exported(tracer, spans)) == ["kis.buy-order"]
    assert len(spans.get_finished_spans()) == 1
