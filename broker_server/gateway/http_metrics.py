"""Metrics of the gateway for Prometheus, at ``/internal/metrics``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from broker_server.prices.history import GapReport, History

GAPS_SECONDS = 60.0
"""How long a report of the gaps is good enough: it is read from the whole store."""


def metrics_routes(
    history: History,
    clients: Callable[[], int],
    topics: Callable[[], Mapping[str, int]],
    monotonic: Callable[[], float],
) -> APIRouter:
    """The route of the metrics.

    Args:
        history: The daily candles.
        clients: How many clients the WebSocket has.
        topics: How many of them listen, by topic.
        monotonic: Seconds.
    """
    router = APIRouter()
    registry = CollectorRegistry()
    socket_clients = Gauge("sapi_gateway_clients", "Clients of the WebSocket", registry=registry)
    socket_topics = Gauge("sapi_gateway_topics", "Topics that somebody listens to", registry=registry)
    gaps = _GapGauges(registry)
    read_at: float | None = None
    reading = asyncio.Lock()

    @router.get("/internal/metrics", include_in_schema=False)
    async def metrics() -> Response:
        nonlocal read_at
        async with reading:
            if read_at is None or monotonic() - read_at > GAPS_SECONDS:
                gaps.show(await asyncio.to_thread(history.gaps))
                read_at = monotonic()
        socket_clients.set(clients())
        socket_topics.set(len(topics()))
        return Response(
            generate_latest(registry), headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST
        )

    return router


class _GapGauges:
    """The gaps of the daily candles."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tickers = Gauge(
            "sapi_candle_tickers",
            "Tickers to be collected, by what the store has of them",
            ["state"],
            registry=registry,
        )
        self._missing = Gauge(
            "sapi_candle_missing_days",
            "Trading days inside the histories without a candle",
            registry=registry,
        )
        self._newest = Gauge(
            "sapi_candle_newest_timestamp_seconds", "The newest day stored of any ticker", registry=registry
        )
        self._behind = Gauge(
            "sapi_candle_most_days_behind",
            "Trading days since the newest candle of the ticker that is furthest behind",
            registry=registry,
        )

    def show(self, report: GapReport) -> None:
        """The numbers of a report."""
        without = len(report.without_data)
        self._tickers.labels("complete").set(report.complete)
        self._tickers.labels("without_data").set(without)
        self._tickers.labels("with_gaps").set(report.tickers - report.complete - without)
        self._missing.set(sum(len(gap.missing) for gap in report.gaps))
        self._behind.set(max((gap.age_days or 0 for gap in report.gaps), default=0))
        if report.newest is not None:
            self._newest.set(datetime.combine(report.newest, time(0), UTC).timestamp())
