"""The connection for ticks is cut, silent or refused: it comes back, and nothing is lost uncounted."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import pytest

from broker_server.amqp import tick_channel
from broker_server.amqp.ticks import Keep
from tests.integration.ticks.conftest import StartOwner, values
from tests.support.refusing_proxy import RefusingProxy
from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until_async


async def test_cuts_lose_nothing_and_each_costs_one_connection(
    wire: TaskWire, proxy: TcpProxy, through_proxy: str, start_owner: StartOwner
) -> None:
    owner = await start_owner(through_proxy)
    arrived = values(wire)
    number = 0
    for cut in range(1, 4):
        proxy.pause()
        for _ in range(300):
            owner.publish(owner.route("trade"), number)
            number += 1
        proxy.cut()
        proxy.resume()
        for _ in range(300):
            owner.publish(owner.route("trade"), number)
            number += 1
        await wait_until_async(lambda cut=cut: owner.counts["reconnects"] == cut)
        await owner.settled()
        assert arrived() == list(range(number))
    assert proxy.connections_seen == 4
    assert owner.gaps == []


async def test_ticks_of_a_long_outage_are_too_old_and_executions_are_not(
    wire: TaskWire, proxy: TcpProxy, through_proxy: str, start_owner: StartOwner
) -> None:
    now = [1000.0]
    owner = await start_owner(through_proxy, clock=lambda: now[0])
    proxy.refuse()
    await wait_until_async(lambda: not owner.publisher.is_connected)
    for number in range(10):
        owner.publish(owner.route("trade"), number)
        owner.publish(owner.route("quote", Keep.NEWEST), number)
        owner.publish(owner.route("execution", Keep.ALWAYS, persistent=True), 100 + number)
    now[0] += 60
    owner.publish(owner.route("trade"), "new")
    assert owner.gaps == []
    proxy.resume()
    await owner.settled()
    assert values(wire)() == [*range(100, 110), "new"]
    assert sorted(owner.gaps) == [("quote", 10), ("trade", 10)]
    assert owner.counts["dropped"] == 11
    assert owner.counts["conflated"] == 9


async def test_memory_stays_bounded_while_the_connection_is_silent(
    wire: TaskWire, proxy: TcpProxy, through_proxy: str, start_owner: StartOwner
) -> None:
    owner = await start_owner(through_proxy, most_waiting=100)
    proxy.pause()
    for number in range(3_000):
        owner.publish(owner.route("trade"), number)
        owner.publish(owner.route("quote", Keep.NEWEST), number)
    assert owner.counts["outstanding"] == 2_000
    assert owner.counts["waiting"] == 101
    proxy.cut()
    proxy.resume()
    await owner.settled()
    assert sum(missing for _, missing in owner.gaps) == owner.counts["dropped"] == 1_900
    assert set(values(wire)()) == {*range(1_000), *range(2_900, 3_000)}


async def test_a_channel_that_has_something_refused_gives_way_to_another(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tick_channel, "RENEW_SECONDS", 0.0)
    parts = urlsplit(clean_broker)
    with RefusingProxy(str(parts.hostname), parts.port or 5672) as refusing:
        netloc = f"{parts.username}:{parts.password}@127.0.0.1:{refusing.port}"
        owner = await start_owner(urlunsplit(parts._replace(netloc=netloc)))
        owner.publish(owner.route("trade"), 0)
        await owner.settled()
        (used,) = set(refusing.published)
        closed = refusing.closed.count(used)
        refusing.refusing.add(used)
        owner.publish(owner.route("trade"), 1)
        await wait_until_async(lambda: owner.refused == ["trade"])
        await wait_until_async(lambda: refusing.closed.count(used) > closed)
        refusing.refusing.clear()
        for number in range(2, 100):
            owner.publish(owner.route("trade"), number)
        await owner.settled()
        assert values(wire)() == list(range(100))  # the refused one arrived: it is the proxy that says no
        assert owner.counts["nacked"] == 1
        assert refusing.connections_seen == 1
