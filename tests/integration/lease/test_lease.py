"""Who owns an account, from when, and for how long."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from broker_server.amqp.lease_timing import takeover_wait
from broker_server.core.accounts import AccountKey
from broker_server.journal.owners import Owners
from tests.support.leases import ENVIRONMENT, KEY, owner
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until, wait_until_async


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


async def test_first_owner_may_send_at_once(clean_broker: str, journal: Engine) -> None:
    async with owner(clean_broker, journal, name="first") as first:
        await first.leases.held()
        assert first.grant is not None
        assert (first.grant.epoch, first.grant.fresh, first.grant.refused) == (1, True, None)
        assert first.waits == 0
        assert not first.leases.adopted(*KEY)
        assert first.leases.grant("kis", "other") is None


async def test_standby_takes_over_from_a_clean_stop_and_sends_at_once(
    clean_broker: str, journal: Engine
) -> None:
    async with AsyncExitStack() as running:
        first = await running.enter_async_context(owner(clean_broker, journal, name="first"))
        await first.leases.held()
        second = await running.enter_async_context(
            owner(clean_broker, journal, name="second", host="elsewhere")
        )
        await wait_until_async(lambda: second.waited_for)
        assert second.waited_for == ["kis/default"]
        assert second.grant is None
        await first.leases.stop(clean=True)
        assert first.grant is None
        await second.leases.held()
        assert second.epoch == 2
        assert second.waits == 0


@pytest.mark.parametrize("host", ["test", "elsewhere"])
async def test_orders_wait_for_an_owner_that_may_still_be_sending(
    clean_broker: str, journal: Engine, host: str
) -> None:
    """The process of this test is alive, so an owner on the same host is not known to be dead either."""
    async with AsyncExitStack() as running:
        first = await running.enter_async_context(
            owner(clean_broker, journal, name="first", heartbeat=10, host=host)
        )
        await first.leases.held()
        second = await running.enter_async_context(owner(clean_broker, journal, name="second"))
        await first.leases.stop(clean=False)
        await second.leases.held()
        assert second.epoch == 2
        waits = second.waits
        assert waits <= takeover_wait(10), "the wait is by the old owner's heartbeat, not by the own"
        assert waits > takeover_wait(2)
        assert second.owns, "reads go on at once"


async def test_orders_do_not_wait_for_an_owner_that_is_dead(clean_broker: str, journal: Engine) -> None:
    Owners(journal, ENVIRONMENT).take(
        *KEY, name="first", host="test", process=dead_process(), heartbeat=10, now=datetime.now(UTC)
    )
    async with owner(clean_broker, journal, name="second") as second:
        await second.leases.held()
        assert (second.epoch, second.waits) == (2, 0)


async def test_cut_ends_the_grant_and_the_lease_is_taken_back_once(
    proxy_url: str, proxy: TcpProxy, journal: Engine
) -> None:
    async with owner(proxy_url, journal, name="first") as first:
        for epoch in (1, 2, 3):
            lost = await first.leases.held()
            assert (first.epoch, first.waits) == (epoch, 0), "it knows its own epoch: nobody else was there"
            await wait_until_async(lambda: proxy.open_connections == 1, what="the pin's connection is gone")
            proxy.cut()
            assert "connection" in await asyncio.wait_for(lost, 10)
            assert first.changes[-1] is False
        await first.leases.held()
        await wait_until_async(lambda: proxy.open_connections == 1, what="the pin's connection is gone")
        assert proxy.connections_seen == 4 * 2, "one for the lease and one for the pin, each time"
        assert first.changes == [True, False] * 3 + [True]


async def test_broker_that_refuses_for_a_while_does_not_end_the_trying(
    proxy_url: str, proxy: TcpProxy, journal: Engine
) -> None:
    async with owner(proxy_url, journal, name="first") as first:
        lost = await first.leases.held()
        seen = proxy.connections_seen
        proxy.refuse()
        await lost
        await wait_until_async(lambda: proxy.connections_seen > seen + 2)
        proxy.resume()
        await first.leases.held()
        assert first.epoch == 2


async def test_another_owner_in_the_journal_ends_the_grant(clean_broker: str, journal: Engine) -> None:
    async with owner(clean_broker, journal, name="first") as first:
        lost = await first.leases.held()
        Owners(journal, ENVIRONMENT).take(
            *KEY, name="intruder", host="elsewhere", process=1, heartbeat=2, now=datetime.now(UTC)
        )
        assert "intruder owns kis/default in the journal" in await asyncio.wait_for(lost, 10)
        await first.leases.held()
        assert first.epoch == 3
        assert first.waits > 0, "the intruder may be sending"


async def test_journal_that_cannot_be_written_refuses_orders_until_it_can(
    clean_broker: str, journal: Engine
) -> None:
    with journal.begin() as connection:
        connection.execute(text("ALTER TABLE accounts RENAME TO away"))
    async with owner(clean_broker, journal, name="first") as first:
        await first.leases.held()
        assert first.owns, "reads go on"
        assert first.grant is not None
        assert first.grant.refused is not None
        assert "journal cannot record the owner" in first.grant.refused
        with journal.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO accounts"))
        await wait_until_async(lambda: first.epoch == 1 and first.grant and first.grant.refused is None, 20)


async def test_stalled_event_loop_does_not_make_the_lease_stale(clean_broker: str, journal: Engine) -> None:
    async with owner(clean_broker, journal, name="first") as first:
        await first.leases.held()
        until = time.monotonic() + 3 * 2
        wait_until(lambda: time.monotonic() > until, 10)  # blocks the event loop on purpose
        assert first.owns
        assert first.changes == [True]


async def test_each_account_has_one_owner_and_changes_hands_by_itself(
    clean_broker: str, journal: Engine
) -> None:
    both = ("default", "second")
    async with owner(clean_broker, journal, name="first", accounts=("second",)) as first:
        await first.leases.held()
        async with owner(clean_broker, journal, name="second", accounts=both) as second:
            await wait_until_async(lambda: second.owns and second.waited_for)
            assert second.waited_for == ["kis/second"]
            assert second.leases.accounts == {("kis", "default")}
            of_default = await second.leases.held()
            epoch = second.epoch
            await first.leases.stop(clean=False)
            await second.leases.beyond(frozenset({AccountKey("kis", "default")}))
            taken = second.leases.grant("kis", "second")
            assert taken is not None
            assert (taken.epoch, second.epoch) == (2, epoch), "that of the other account stays"
            assert not of_default.done()
            assert second.changes == [True, True]
            assert second.leases.grant("kis", "third") is None


async def test_stop_while_standing_by_or_unconnected_ends_at_once(
    clean_broker: str, proxy_url: str, proxy: TcpProxy, journal: Engine
) -> None:
    async with owner(clean_broker, journal, name="first") as first:
        await first.leases.held()
        async with owner(clean_broker, journal, name="second") as second:
            await wait_until_async(lambda: second.waited_for)
            await second.leases.stop(clean=True)
        proxy.pause()
        async with owner(proxy_url, journal, name="third") as third:
            await wait_until_async(lambda: proxy.connections_seen)
            await third.leases.stop(clean=True)
        proxy.resume()
        assert first.changes == [True]
