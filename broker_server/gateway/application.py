"""The application: every route of the gateway behind its doorkeeper."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from broker_client import __version__
from broker_server.gateway.access import Access
from broker_server.gateway.doorkeeper import Doorkeeper, error_body
from broker_server.gateway.http_history import history_routes
from broker_server.gateway.http_metrics import metrics_routes
from broker_server.gateway.http_page import page_files, page_routes
from broker_server.gateway.http_prices import REFUSALS, price_routes
from broker_server.gateway.price_reading import PriceReading
from broker_server.gateway.rate_limits import RateLimits
from broker_server.gateway.schemas import HealthSchema, TokenSchema
from broker_server.gateway.socket.endpoint import SocketEndpoint
from broker_server.gateway.socket.hub import Hub
from broker_server.gateway.socket.limits import SocketLimits
from broker_server.prices.board import PriceBoard
from broker_server.prices.demand import Demand
from broker_server.prices.history import History

DESCRIPTION = (
    "One price for everyone: HTTP and WebSocket read the same store, and every price says where it comes "
    "from and how old it is. Read only. The WebSocket is at /ws. The vendors' terms say what may be passed "
    "on to others."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayParts:
    """What the application is made of.

    Attributes:
        board: The prices.
        demand: Keeps them up to date.
        history: The daily candles.
        access: Who may read.
        rate: Requests per second of each reader.
        socket_limits: What each client of the WebSocket may do.
        epoch: A name that no earlier run of the gateway had.
        clock: UTC.
        troubles: Why the gateway is not ready, if it is not.
        activity: What happens at the workers.
        lifespan: What runs beside it.
    """

    board: PriceBoard
    demand: Demand
    history: History
    access: Access
    rate: float
    socket_limits: SocketLimits
    epoch: str
    clock: Callable[[], datetime]
    troubles: Callable[[], Sequence[str]]
    activity: Callable[[], dict[str, Any]]
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None


def make_application(parts: GatewayParts) -> FastAPI:
    """The application, ready to be served."""
    limits = RateLimits(parts.rate, time.monotonic)
    app = FastAPI(
        title="sapi-broker gateway",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's own page gets its scripts from the internet; ours is in http_page
        redoc_url=None,
        middleware=[Middleware(Doorkeeper, access=parts.access, limits=limits)],
        lifespan=parts.lifespan,
    )
    hub = Hub(parts.board, parts.demand, parts.epoch)
    endpoint = SocketEndpoint(hub, parts.socket_limits, parts.clock)
    app.state.hub = hub
    app.state.socket = endpoint
    app.include_router(price_routes(PriceReading(parts.board, parts.demand), parts.epoch))
    app.include_router(history_routes(parts.history))
    app.include_router(_token_routes(parts.access))
    app.include_router(_health_routes(parts.troubles))
    app.include_router(
        metrics_routes(parts.history, lambda: len(endpoint.sessions), hub.topics, time.monotonic)
    )
    app.include_router(page_routes(parts.activity, hub.topics))
    app.mount("/page", page_files(), name="page")
    app.add_api_websocket_route("/ws", endpoint.serve)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    return app


def _token_routes(access: Access) -> APIRouter:
    router = APIRouter(tags=["access"])

    @router.post(
        "/api/token",
        response_model=TokenSchema,
        responses=REFUSALS,
        summary="A short-lived token for a browser",
        operation_id="api_token",
    )
    async def token(request: Request) -> Response:
        """Send the key in X-API-Key; the token goes into X-Gateway-Token, or behind /ws?token=."""
        body = {
            "token": access.token_for(request.state.reader),
            "expires_in": int(access.token_seconds),
        }
        return Response(
            orjson.dumps(body), headers={"Cache-Control": "no-store"}, media_type="application/json"
        )

    return router


def _health_routes(troubles: Callable[[], Sequence[str]]) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz", response_model=HealthSchema, summary="Whether the process lives")
    async def healthz() -> Response:
        return _health([])

    @router.get(
        "/readyz",
        response_model=HealthSchema,
        responses={503: {"model": HealthSchema, "description": "It cannot serve prices now."}},
        summary="Whether it can serve prices",
    )
    async def readyz() -> Response:
        return _health(list(troubles()))

    return router


def _health(reasons: list[str]) -> Response:
    body = {"status": "unavailable" if reasons else "ok", "reasons": reasons}
    return Response(
        orjson.dumps(body),
        503 if reasons else 200,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for this one
    problem = error.errors()[0]
    where = ".".join(str(each) for each in problem["loc"][1:])
    return Response(
        error_body("INVALID_PARAMETERS", f"{where}: {problem['msg']}"), 422, media_type="application/json"
    )


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for this one
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    return Response(
        error_body(codes.get(error.status_code, "HTTP_ERROR"), str(error.detail)),
        error.status_code,
        error.headers,
        media_type="application/json",
    )
