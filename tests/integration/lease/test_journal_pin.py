"""One journal per account: another one takes no orders, and no crash loses the pin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine

from broker_server.amqp.connection import connect
from broker_server.amqp.journal_pin import Pin
from broker_server.amqp.lease_timing import LONGEST_HEARTBEAT, takeover_wait
from broker_server.amqp.pin_queue import pin_queue, settle_pin
from broker_server.amqp.private_node import PrivateNode
from broker_server.journal.identity import journal_id
from broker_server.orders.ownership import Grant
from tests.integration.lease.conftest import NewJournal
from tests.support.broker_cleaning import clean
from tests.support.leases import ENVIRONMENT, KEY, PIN_QUEUE, owner, utc_now
from tests.support.task_wire import TaskWire
from tests.support.waiting import wait_until, wait_until_async
from tests.support.workers import rabbitmqctl

SPEC = pin_queue(ENVIRONMENT, *KEY)


@dataclass(frozen=True, slots=True)
class Seen:
    """What an owner had while it held the lease."""

    grant: Grant
    waits: float
    adopted: bool


async def served(url: str, journal: Engine, **options: object) -> Seen:
    """What an owner saw that took the account and stopped cleanly."""
    async with owner(url, journal, name="owner", **options) as made:
        await made.leases.held()
        assert made.grant is not None
        seen = Seen(made.grant, made.waits, made.leases.adopted(*KEY))
        await made.leases.stop(clean=True)
    return seen


def pins(url: str) -> list[dict[str, str]]:
    """The pins, put back as they were."""
    with TaskWire(url) as wire:
        bodies = [message.body for message in wire.take_all(PIN_QUEUE)]
        for body in bodies:
            wire.publish(body, to=PIN_QUEUE)
    return [json.loads(body) for body in bodies]


def identity_of(journal: Engine) -> str:
    return journal_id(journal, utc_now())


async def test_first_owner_pins_its_journal_and_every_next_one_finds_it(
    clean_broker: str, journal: Engine
) -> None:
    for _ in range(3):
        seen = await served(clean_broker, journal)
        assert seen.grant.refused is None
        assert pins(clean_broker) == [{"journal": identity_of(journal), "account": "account-1"}]


async def test_other_journal_takes_no_orders_and_changes_nothing(
    clean_broker: str, journal: Engine, new_journal: NewJournal
) -> None:
    await served(clean_broker, journal)
    for _ in range(2):
        other = await served(clean_broker, new_journal("other"))
        assert other.grant.fresh, "reads and streams go on"
        refused = other.grant.refused
        assert refused is not None
        assert "not the one that the orders of kis/default are recorded in" in refused
        assert "--adopt-journal" in refused
        assert "\n" not in refused
    again = await served(clean_broker, journal)
    assert again.grant.refused is None
    assert pins(clean_broker) == [{"journal": identity_of(journal), "account": "account-1"}]


async def test_other_journal_of_another_account_is_the_right_one(
    clean_broker: str, journal: Engine, new_journal: NewJournal
) -> None:
    await served(clean_broker, journal)
    other = new_journal("other")
    seen = await served(clean_broker, other, identity="account-2")
    assert seen.grant.refused is None
    assert not seen.adopted
    assert pins(clean_broker) == [{"journal": identity_of(other), "account": "account-2"}]


async def test_worker_without_an_account_leaves_the_pin_alone(
    clean_broker: str, journal: Engine, new_journal: NewJournal
) -> None:
    await served(clean_broker, journal)
    seen = await served(clean_broker, new_journal("other"), identity=None)
    assert seen.grant.refused is None
    assert pins(clean_broker) == [{"journal": identity_of(journal), "account": "account-1"}]


async def test_adopted_journal_takes_the_place_of_the_other(
    clean_broker: str, journal: Engine, new_journal: NewJournal
) -> None:
    await served(clean_broker, journal)
    other = new_journal("other")
    adopting = await served(clean_broker, other, adopt=True)
    assert adopting.grant.refused is None
    assert adopting.adopted
    assert adopting.waits > takeover_wait(LONGEST_HEARTBEAT) / 2, "nothing is known of the owner before"
    next_start = await served(clean_broker, other)
    assert next_start.adopted, "also when the first one died before it could reconcile"
    former = await served(clean_broker, journal)
    assert former.grant.refused is not None


async def test_pin_survives_more_reads_than_rabbitmq_gives_a_message_back(clean_broker: str) -> None:
    mine = Pin("journal-1", "account-1")
    connection = await connect(clean_broker, name="reader")
    for _ in range(30):
        decision = await settle_pin(connection, opener(clean_broker), SPEC, mine, adopt=False, now=utc_now)
        assert not decision.foreign
    other = await settle_pin(
        connection, opener(clean_broker), SPEC, Pin("journal-2", "account-1"), adopt=False, now=utc_now
    )
    assert other.foreign
    connection.abort("done")
    assert len(pins(clean_broker)) == 1


def opener(url: str) -> Callable[[], object]:
    return lambda: connect(url, name="pin")


@pytest.mark.parametrize("copies", [0, 1])
async def test_pin_survives_a_reader_that_dies_before_and_after_the_copy(
    clean_broker: str, journal: Engine, copies: int
) -> None:
    await served(clean_broker, journal)
    with TaskWire(clean_broker) as wire:
        for _ in range(25):
            got = wait_until(lambda: wire.channel.basic_get(PIN_QUEUE)[0] and True)
            assert got
            body = Pin(identity_of(journal), "account-1").to_json()
            for _ in range(copies):
                wire.publish(body, to=PIN_QUEUE)
            wire.channel.close()  # what it had goes back
            wire.channel = wire.connection.channel()
            wire.channel.confirm_delivery()
    seen = await served(clean_broker, journal)
    assert seen.grant.refused is None
    assert len(pins(clean_broker)) == 1


async def test_unreadable_pin_refuses_orders_until_it_is_adopted(clean_broker: str, journal: Engine) -> None:
    await served(clean_broker, journal)
    with TaskWire(clean_broker) as wire:
        wire.publish(b"\xff", to=PIN_QUEUE)
    for adopt, refused in ((False, True), (True, False), (False, False)):
        seen = await served(clean_broker, journal, adopt=adopt)
        assert (seen.grant.refused is not None) is refused


async def test_memory_alarm_neither_ends_nor_stales_the_lease_and_holds_orders_of_a_new_owner(
    journal: Engine,
) -> None:
    with PrivateNode.start() as node:
        clean(node.url, None)
        async with AsyncExitStack() as running:
            first = await running.enter_async_context(owner(node.url, journal, name="first"))
            await first.leases.held()
            second = await running.enter_async_context(
                owner(node.url, journal, name="second", host="elsewhere")
            )
            await wait_until_async(lambda: second.waited_for)
            await asyncio.to_thread(rabbitmqctl, node, "set_vm_memory_high_watermark", "0")
            until = asyncio.get_running_loop().time() + 3 * 2
            await wait_until_async(lambda: asyncio.get_running_loop().time() > until)
            assert first.owns
            assert first.changes == [True]
            await first.leases.stop(clean=True)
            await asyncio.wait_for(second.leases.held(), 30)
            assert second.owns, "reads go on"
            assert second.grant is not None
            assert second.grant.refused is not None
            assert "does not tell which journal" in second.grant.refused
            await asyncio.to_thread(rabbitmqctl, node, "set_vm_memory_high_watermark", "absolute", "512MB")
            await wait_until_async(lambda: second.grant and second.grant.refused is None, 30)
            assert second.changes == [True]
