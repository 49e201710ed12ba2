"""Daily candles and their gaps by HTTP."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator

from broker_server.gateway.http_prices import REFUSALS, Ticker, Venue
from broker_server.gateway.schemas import CandlesSchema, GapsSchema
from broker_server.prices.history import DailyCandle, History

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MINUTE = {"Cache-Control": "private, max-age=60"}


def _only_iso(value: object) -> object:
    """A number would be taken for seconds since 1970."""
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("a day is written as 2026-02-05")
    return value


Day = Annotated[date, BeforeValidator(_only_iso)]
Start = Annotated[Day | None, Query(description="first day")]
End = Annotated[Day | None, Query(description="last day")]
Limit = Annotated[int, Query(ge=1, le=2000, description="the newest so many")]


def history_routes(history: History) -> APIRouter:
    """The routes of what is stored.

    Args:
        history: Where it is from.
    """
    router = APIRouter(tags=["history"])

    @router.get(
        "/api/kr/stocks/{ticker}/candles",
        response_model=CandlesSchema,
        responses=REFUSALS,
        summary="Daily candles of one instrument",
        operation_id="api_candles",
    )
    async def candles(
        ticker: Ticker, venue: Venue = "KRX", start: Start = None, end: End = None, limit: Limit = 250
    ) -> Response:
        found = await asyncio.to_thread(
            history.candles, ticker, venue=venue, start=start, end=end, limit=limit
        )
        body = {
            "ticker": ticker,
            "venue": venue,
            "interval": "D",
            "adjusted": True,
            "candles": [_document(each) for each in found],
        }
        return Response(orjson.dumps(body), headers=_MINUTE, media_type="application/json")

    @router.get(
        "/api/kr/data-gaps",
        response_model=GapsSchema,
        responses=REFUSALS,
        summary="What is missing of the daily candles",
        operation_id="api_data_gaps",
    )
    async def data_gaps() -> Response:
        report = await asyncio.to_thread(history.gaps)
        return Response(orjson.dumps(report.document()), headers=_MINUTE, media_type="application/json")

    return router


def _document(candle: DailyCandle) -> dict[str, object]:
    return {
        "date": candle.day.isoformat(),
        "open": candle.open,
        "high": candle.high,
        "low": candle.low,
        "close": candle.close,
        "volume": candle.volume,
        "value": candle.value,
        "halted": candle.halted,
    }
