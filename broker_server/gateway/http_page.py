"""The web page, the page of the API, and what they show besides prices."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from broker_server.gateway.http_prices import REFUSALS
from broker_server.gateway.schemas import ActivitySchema

PAGE = Path(str(files("broker_server.gateway") / "page"))

HEADERS = {
    # Everything is from here, so it works without the internet, and nothing from elsewhere can get in.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Asked for each time, answered by 304: no mixture of two versions after an update.
    "Cache-Control": "no-cache",
}


def page_routes(activity: Callable[[], dict[str, Any]], topics: Callable[[], dict[str, int]]) -> APIRouter:
    """The routes of the page.

    Args:
        activity: What happens at the workers.
        topics: How many clients of the WebSocket listen, by topic.
    """
    router = APIRouter(tags=["page"])

    @router.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html", headers=HEADERS)

    @router.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(PAGE / "docs.html", headers=HEADERS)

    @router.get(
        "/api/activity",
        response_model=ActivitySchema,
        responses=REFUSALS,
        summary="Workers, recent events and orders, and who listens to what",
        operation_id="api_activity",
    )
    async def recent() -> Response:
        body = {**activity(), "topics": topics()}
        return Response(
            orjson.dumps(body), headers={"Cache-Control": "no-store"}, media_type="application/json"
        )

    return router


def page_files() -> StaticFiles:
    """What the page consists of."""
    return _PageFiles(directory=PAGE)


class _PageFiles(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(HEADERS)
        return response
