"""``broker-client mcp``."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated

import typer

from broker_client.cli_support import EXIT_USAGE, TimeoutOption, UrlOption, errors_as_exits

__all__ = ["mcp"]


def mcp(
    allow_orders: Annotated[
        bool,
        typer.Option(
            "--allow-orders", help="Offer orders, too: on the simulator and on paper accounts only."
        ),
    ] = False,
    timeout: TimeoutOption = 30.0,
    url: UrlOption = None,
) -> None:
    """Serve an assistant over MCP (stdin and stdout): the worker's methods as tools, read-only by default."""
    try:
        from broker_client.mcp_server import OrdersNotAllowed, serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        typer.echo("broker-client mcp needs one more package: pip install 'sapi-broker[mcp]'", err=True)
        raise typer.Exit(EXIT_USAGE) from None
    try:
        with errors_as_exits():
            asyncio.run(
                serve(
                    url,
                    allow_orders=allow_orders,
                    call_timeout=timeout,
                    on_task_id=lambda task_id, method: typer.echo(f"{method} task_id: {task_id}", err=True),
                    new_id=lambda: str(uuid.uuid4()),
                )
            )
    except (OrdersNotAllowed, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_USAGE) from None
