"""An MCP server over stdin and stdout: the methods of a running worker as tools (extra ``mcp``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from broker_client import __version__
from broker_client.aio import AsyncClient
from broker_client.errors import BrokerError
from broker_client.mcp_tools import (
    TRADING_ENVIRONMENTS,
    MethodTool,
    describe_error,
    describe_result,
    split_task_id,
    tools_of,
)
from broker_client.protocol import Environment

__all__ = ["OrdersNotAllowed", "ToolServer", "serve"]


class OrdersNotAllowed(Exception):
    """Orders were asked for where an assistant must not place any."""


class ToolServer:
    """Answers an assistant.

    Args:
        client: Connected. It must expect the worker's environment if there are tools that place orders.
        tools: By name.
        environment: The worker's.
        new_id: Makes ids that were never used before.
    """

    def __init__(
        self,
        client: AsyncClient,
        tools: dict[str, MethodTool],
        *,
        environment: Environment | None,
        new_id: Callable[[], str],
    ) -> None:
        self._client = client
        self._tools = tools
        self._new_id = new_id
        trades = any(tool.is_order for tool in tools.values())
        self.server: Server[Any] = Server(
            "sapi-broker",
            version=__version__,
            instructions=f"Korean brokerages and markets through a worker; its environment is {environment}. "
            + ("Orders can be placed." if trades else "Read-only: no order can be placed."),
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def _list(self, _: ServerRequestContext[Any], __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_described(tool) for tool in self._tools.values()])

    async def _call(self, _: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            return _answer(
                f"There is no tool {params.name}: what is not listed, such as an order, cannot be run here.",
                is_error=True,
            )
        try:
            parameters, task_id = split_task_id(tool, params.arguments or {})
        except ValueError as error:
            return _answer(str(error), is_error=True)
        task_id = task_id or self._new_id()
        try:
            result = await self._client.send_parameters(tool.method, parameters, task_id=task_id)
        except BrokerError as error:
            return _answer(*describe_error(tool.method, error, task_id), is_error=True)
        except ValueError as error:
            return _answer(f"{tool.method}: {error}", is_error=True)
        return _answer(*describe_result(tool.method, result))


def _described(tool: MethodTool) -> Tool:
    return Tool(
        name=tool.name,
        title=tool.method,
        description=tool.description,
        input_schema=tool.input_schema,
        annotations=ToolAnnotations(
            read_only_hint=not tool.is_order,
            destructive_hint=tool.is_order,
            idempotent_hint=not tool.is_order,
            open_world_hint=True,
        ),
    )


def _answer(text: str, document: dict[str, Any] | None = None, *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=text)], structured_content=document, is_error=is_error)


async def serve(
    url: str | Sequence[str] | None,
    *,
    allow_orders: bool,
    call_timeout: float,
    on_task_id: Callable[[str, str], None],
    new_id: Callable[[], str],
) -> None:
    """Serve an assistant on stdin and stdout until it goes.

    Args:
        url: Of the broker, as for `AsyncClient`.
        allow_orders: Orders are tools, too, if the worker's environment is simulated or paper.
        call_timeout: Seconds to wait for the answer of a task.
        on_task_id: Called with (task_id, method) of each order before it is sent.
        new_id: Makes ids that were never used before.

    Raises:
        OrdersNotAllowed: The worker's environment is real, or it does not say which it is.
        TaskFailed, NoAnswer, BrokerUnreachable: The worker's methods could not be asked for.
        ValueError: There is no URL, or ``call_timeout`` is out of range.
    """
    async with AsyncClient(url, timeout=call_timeout, name="broker-client mcp") as asking:
        listed = await asking.call("broker.list-methods")
    environment = listed.environment
    if allow_orders and environment not in TRADING_ENVIRONMENTS:
        raise OrdersNotAllowed(
            f"--allow-orders is for workers on the simulator or a paper account; this worker's environment "
            f"is {environment or 'not told'}. Without the option everything that can be read is served"
        )
    # From here on a worker of another environment refuses what it gets, whichever one answers.
    async with AsyncClient(
        url,
        timeout=call_timeout,
        name="broker-client mcp",
        expected_environment=environment if allow_orders else None,
        on_task_id=on_task_id,
    ) as client:
        tools = tools_of(listed.rows, orders=allow_orders)
        server = ToolServer(client, tools, environment=environment, new_id=new_id).server
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
