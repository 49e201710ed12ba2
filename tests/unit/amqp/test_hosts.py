"""Which host of a cluster a connection asks, in which order, and what it says when none answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pika import frame, spec
from pika.exceptions import AMQPError
from structlog.testing import capture_logs

from broker_server.amqp import hosts as hosts_module
from broker_server.amqp.connection import Backoff, LoginRefused
from broker_server.amqp.hosts import BrokerHosts, NoHostAnswers
from broker_server.amqp.private_node.ports import free_port
from tests.support.waiting import wait_until_async

METHODS = {
    spec.Connection.StartOk: spec.Connection.Tune(2047, 131072, 0),
    spec.Connection.Open: spec.Connection.OpenOk(),
    spec.Connection.Close: spec.Connection.CloseOk(),
}


class Host:
    """A broker as far as the open connection; it may refuse logins, say nothing, or hang up."""

    def __init__(self) -> None:
        self.asked = 0
        self.manner = "lets in"
        self.port = 0
        self._open: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        return f"amqp://guest:geheim@127.0.0.1:{self.port}/%2F"

    def die(self) -> None:
        """Hang up on everybody, and on those who come."""
        self.manner = "hangs up"
        for writer in self._open:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        self._open.append(writer)
        try:
            await reader.readexactly(8)
            if self.manner == "hangs up":
                return
            if self.manner == "is silent":
                await reader.read()
                return
            writer.write(frame.Method(0, spec.Connection.Start(0, 9, {}, "PLAIN", "en_US")).marshal())
            data = b""
            while chunk := await reader.read(65536):
                data += chunk
                while (read := frame.decode_frame(data))[1] is not None:
                    data = data[read[0] :]
                    method = getattr(read[1], "method", None)
                    answer = METHODS.get(type(method))
                    if self.manner == "refuses" and isinstance(method, spec.Connection.StartOk):
                        answer = spec.Connection.Close(403, "ACCESS_REFUSED", 0, 0)
                    if answer is not None:
                        writer.write(frame.Method(0, answer).marshal())
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(count: int) -> AsyncIterator[list[Host]]:
    made = [Host() for _ in range(count)]
    servers = [await asyncio.start_server(host.serve, "127.0.0.1", 0) for host in made]
    for host, server in zip(made, servers, strict=True):
        host.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        for server in servers:
            server.close()


def of(made: list[Host]) -> BrokerHosts:
    return BrokerHosts(",".join(host.url for host in made))


async def test_first_host_that_answers_is_taken() -> None:
    async with serving(3) as made:
        made[0].manner = "hangs up"
        connection = await of(made).connect(name="test")
        assert (connection.is_open, [host.asked for host in made]) == (True, [1, 1, 0])
        connection.abort("over")


async def test_host_of_the_connection_that_ended_is_asked_last() -> None:
    async with serving(3) as made:
        hosts = of(made)
        connection = await hosts.connect(name="test")
        made[0].die()
        await wait_until_async(lambda: connection.is_closed)
        again = await hosts.connect(name="test")
        assert [host.asked for host in made] == [1, 1, 0]
        made[1].die()
        await wait_until_async(lambda: again.is_closed)
        made[0].manner = "lets in"
        made[2].manner = "hangs up"
        third = await hosts.connect(name="test")
        assert [host.asked for host in made] == [2, 1, 1]
        third.abort("over")


async def test_host_that_says_nothing_is_given_up_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts_module, "NEXT_HOST_SECONDS", 0.2)
    async with serving(2) as made:
        made[0].manner = "is silent"
        connection = await of(made).connect(name="test")
        assert [host.asked for host in made] == [1, 1]
        connection.abort("over")


async def test_error_names_every_host_and_no_password() -> None:
    ports = [free_port(), free_port()]
    text = ",".join(f"amqp://guest:geheim@127.0.0.1:{port}/x" for port in ports)
    with pytest.raises(NoHostAnswers) as raised:
        await BrokerHosts(text).connect(name="test")
    said = str(raised.value)
    assert all(f"127.0.0.1:{port} (virtual host x): " in said for port in ports), said
    assert said.startswith("no host of BROKER_URL answers: ")
    assert "geheim" not in said


async def test_refused_login_counts_only_when_no_host_lets_it_in() -> None:
    async with serving(2) as made:
        made[0].manner = "refuses"
        connection = await of(made).connect(name="test")
        connection.abort("over")
        made[1].manner = "refuses"
        with pytest.raises(LoginRefused):
            await of(made).connect(name="test")


async def test_node_outside_its_cluster_ends_nobody_who_was_let_in_before() -> None:
    async with serving(2) as made:
        hosts = of(made)
        connection = await hosts.connect(name="test")
        connection.abort("over")
        made[0].manner, made[1].manner = "refuses", "hangs up"
        with pytest.raises(NoHostAnswers):
            await hosts.connect(name="test")
        with pytest.raises(LoginRefused):
            await of(made).connect(name="test")


async def test_second_connection_to_the_same_host() -> None:
    async with serving(2) as made:
        made[0].manner = "hangs up"
        hosts = of(made)
        first = await hosts.connect(name="test")
        beside = await hosts.connect_beside(name="test")
        assert [host.asked for host in made] == [1, 2]
        made[1].die()
        await wait_until_async(lambda: first.is_closed and beside.is_closed)
        with pytest.raises((AMQPError, OSError)):
            await hosts.connect_beside(name="test")


async def test_patience_pauses_once_for_a_round_of_hosts() -> None:
    async with serving(2) as made:
        made[0].manner = made[1].manner = "hangs up"
        backoff = Backoff(lambda: 0.0)
        with capture_logs() as logs:
            connecting = asyncio.ensure_future(of(made).connect_patiently(name="test", backoff=backoff))
            await wait_until_async(lambda: any(entry["event"].startswith("broker unreach") for entry in logs))
            made[0].manner = made[1].manner = "lets in"
            connection = await connecting
        connection.abort("over")
        (told,) = [entry for entry in logs if entry["event"].startswith("broker unreachable")]
        assert all(str(host.port) in told["reason"] for host in made)
        assert [host.asked for host in made] == [2, 1]
