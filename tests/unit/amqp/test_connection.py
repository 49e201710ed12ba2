"""Which failures of a connection attempt end the worker, and which it waits out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pika import frame, spec
from pika.exceptions import AMQPError

from broker_server.amqp.connection import LONGEST_DELAY_SECONDS, Backoff, LoginRefused, connect
from tests.support.waiting import PATIENCE

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

START = frame.Method(0, spec.Connection.Start(0, 9, {}, "PLAIN", "en_US")).marshal()
TUNE = frame.Method(0, spec.Connection.Tune(2047, 131072, 60)).marshal()


async def attempt(steps: list[bytes]) -> BaseException:
    """Connect to a broker that answers each thing it is sent with the next step, then hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for step in steps:
            await reader.read(65536)
            writer.write(step)
        await reader.read(65536)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        await connect(f"amqp://guest:guest@127.0.0.1:{port}/%2F", name="test")
    except Exception as error:
        return error
    finally:
        server.close()
    raise AssertionError("it connected")


def closing(code: int, text: str) -> bytes:
    return bytes(frame.Method(0, spec.Connection.Close(code, text, 0, 0)).marshal())


@pytest.mark.parametrize("steps", [[], [START], [START, TUNE]], ids=["greeting", "login", "vhost"])
async def test_connection_that_breaks_while_logging_in_is_no_refused_login(steps: list[bytes]) -> None:
    error = await attempt(steps)
    assert isinstance(error, (AMQPError, OSError))


async def test_vhost_that_is_not_up_yet_is_no_refused_login() -> None:
    error = await attempt([START, TUNE, closing(541, "INTERNAL_ERROR - vhost '/' is down")])
    assert isinstance(error, AMQPError)


async def test_refused_password_ends_it() -> None:
    error = await attempt([START, closing(403, "ACCESS_REFUSED - Login was refused")])
    assert isinstance(error, LoginRefused)
    assert "user or password" in str(error)


async def test_refused_vhost_ends_it() -> None:
    error = await attempt([START, TUNE, closing(530, "NOT_ALLOWED - vhost x not found")])
    assert isinstance(error, LoginRefused)
    assert "vhost" in str(error)


@pytest.mark.parametrize("steps", [[], [START], [START, TUNE]], ids=["greeting", "login", "vhost"])
async def test_a_stop_while_it_connects_is_clean(steps: list[bytes]) -> None:
    """The broker takes the connection and leaves it waiting; what raises in a callback is a traceback."""
    raised: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    waiting, over = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        for step in steps:
            writer.write(step)
            await reader.read(65536)
        waiting.set()
        while await reader.read(65536):
            pass
        over.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connecting = asyncio.create_task(connect(f"amqp://guest:guest@127.0.0.1:{port}/%2F", name="test"))
    await asyncio.wait_for(waiting.wait(), PATIENCE)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    await asyncio.wait_for(over.wait(), PATIENCE)
    server.close()
    assert raised == []


def test_backoff_doubles_to_its_ceiling_and_starts_again() -> None:
    backoff = Backoff(lambda: 1.0)
    delays = [backoff.next_delay() for _ in range(12)]
    assert delays[:4] == [0.2, 0.4, 0.8, 1.6]
    assert delays[-1] == LONGEST_DELAY_SECONDS
    backoff.reset()
    assert backoff.next_delay() == 0.2
    assert Backoff(lambda: 0.0).next_delay() == 0.1
