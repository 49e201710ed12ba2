"""Prices by HTTP: ``/api/kr/`` for everyone, ``/internal/`` for services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from broker_server.gateway.doorkeeper import error_body
from broker_server.gateway.price_reading import MOST_TICKERS, PriceReading, Trouble
from broker_server.gateway.schemas import ErrorSchema, PriceSchema, PricesSchema
from broker_server.prices.model import Price

RETRY_SECONDS = 5

Venue = Annotated[Literal["KRX", "NXT", "UNIFIED"], Query(description="where it is traded")]
Fresh = Annotated[bool, Query(description="answer 503 instead of a stale price")]
Ticker = Annotated[str, Path(pattern="^[0-9A-Z]{6,9}$", examples=["005930"])]
Tickers = Annotated[
    str,
    Query(
        description=f"up to {MOST_TICKERS} tickers with commas between them",
        examples=["005930,000660"],
        min_length=1,
        max_length=MOST_TICKERS * 10,
    ),
]

REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorSchema, "description": "There is no valid key or token."},
    403: {"model": ErrorSchema, "description": "The origin, the name or the network is not allowed."},
    422: {"model": ErrorSchema, "description": "A parameter is wrong."},
    429: {"model": ErrorSchema, "description": "Too many requests; see Retry-After."},
}
_UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: {"model": ErrorSchema, "description": "It cannot be had now; see Retry-After."}
}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorSchema, "description": "No vendor knows the ticker."}
}
_UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing has changed; see If-None-Match."}
}


def price_routes(reading: PriceReading, epoch: str) -> APIRouter:
    """The routes of prices.

    Args:
        reading: Where they are from.
        epoch: A name that no earlier run had: entity tags count within it.
    """
    router = APIRouter(tags=["prices"])

    async def one(request: Request, ticker: Ticker, venue: Venue = "KRX", fresh: Fresh = False) -> Response:
        found = await reading.read(ticker, venue, fresh=fresh)
        if isinstance(found, Trouble):
            return refusal(found)
        return _answer(request, f"{epoch}-{found.seq}", lambda: reading.written(found))

    async def many(
        request: Request, tickers: Tickers, venue: Venue = "KRX", fresh: Fresh = False
    ) -> Response:
        wanted = list(dict.fromkeys(each.strip() for each in tickers.split(",") if each.strip()))
        if not wanted or len(wanted) > MOST_TICKERS:
            message = (
                f"tickers takes 1 to {MOST_TICKERS} tickers with commas between them; there are {len(wanted)}"
            )
            return refusal(Trouble(422, "INVALID_PARAMETERS", message))
        prices, troubles = await reading.read_all(wanted, venue, fresh=fresh)
        answer = _answer(request, _tag(epoch, prices, troubles), lambda: _batch(reading, prices, troubles))
        if any(trouble.status == 503 for trouble in troubles.values()):
            answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer

    for path, name in (
        ("/api/kr/stocks/{ticker}/realtime-price", "The price of one instrument"),
        ("/internal/price/{ticker}", "The price of one instrument, for services"),
    ):
        router.add_api_route(
            path,
            one,
            response_model=PriceSchema,
            responses=REFUSALS | _UNAVAILABLE | _NOT_FOUND | _UNCHANGED,
            summary=name,
            operation_id=path.strip("/").split("/")[0] + "_price",
        )
    for path, name in (
        ("/api/kr/realtime-prices", "The prices of many instruments"),
        ("/internal/prices", "The prices of many instruments, for services"),
    ):
        router.add_api_route(
            path,
            many,
            response_model=PricesSchema,
            responses=REFUSALS | _UNCHANGED,
            summary=name,
            operation_id=path.strip("/").split("/")[0] + "_prices",
        )
    return router


def refusal(trouble: Trouble) -> Response:
    """An answer that says why not."""
    headers = {"Cache-Control": "no-store"}
    if trouble.status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return Response(
        error_body(trouble.code, trouble.message), trouble.status, headers, media_type="application/json"
    )


def _batch(reading: PriceReading, prices: dict[str, Price], troubles: dict[str, Trouble]) -> bytes:
    return orjson.dumps(
        {
            "prices": {ticker: orjson.Fragment(reading.written(price)) for ticker, price in prices.items()},
            "errors": {ticker: trouble.document() for ticker, trouble in troubles.items()},
        }
    )


def _tag(epoch: str, prices: dict[str, Price], troubles: dict[str, Trouble]) -> str:
    counted = hash((tuple((ticker, price.seq) for ticker, price in prices.items()), tuple(troubles.items())))
    return f"{epoch}-{counted & 0xFFFF_FFFF_FFFF_FFFF:x}"


def _answer(request: Request, tag: str, body: Callable[[], bytes]) -> Response:
    """The answer, unless the client has it already."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}
    known = request.headers.get("if-none-match", "")
    if f'"{tag}"' in known:
        return Response(status_code=304, headers=headers)
    return Response(body(), headers=headers, media_type="application/json")
