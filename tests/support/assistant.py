"""An assistant: the official SDK's client with ``broker-client mcp`` as a process behind it."""

from __future__ import annotations

import os
import sys

from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

from tests.support.order_floor import Floor
from tests.support.processes import ROOT

PROGRAM = "import sys; from broker_client.cli import main; sys.exit(main())"


def assistant(floor: Floor, *options: str) -> Client:
    """A client of that floor's worker, to be entered with ``async with``.

    Args:
        options: Of the command.
    """
    server = StdioServerParameters(
        command=sys.executable,
        args=["-c", PROGRAM, "mcp", *options],
        env={"BROKER_URL": floor.url, "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        cwd=floor.folder,
    )
    return Client(server, read_timeout_seconds=120)


def text_of(result: CallToolResult) -> str:
    """What the assistant reads."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text
