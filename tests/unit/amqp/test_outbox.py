"""An outcome outside its task is safe only when the broker has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from pika.spec import BasicProperties

from broker_server.amqp.outbox import OutcomeOutbox
from broker_server.amqp.publisher import Fate
from broker_server.amqp.topology import UNROUTABLE_QUEUE
from tests.support.order_office import Clock, Desk, FakeVendor, journal
from tests.support.waiting import wait_until_async


class Publisher:
    """Meets each message with the fate of its queue."""

    def __init__(self, **fates: Fate) -> None:
        self.fates = fates
        self.published: list[str] = []

    def publish(self, key: str, _: bytes, __: BasicProperties, on_fate: Callable[[Fate], None]) -> None:
        self.published.append(key)
        asyncio.get_running_loop().call_soon(
            on_fate, self.fates["kept" if key == UNROUTABLE_QUEUE else "sent"]
        )


@pytest.mark.parametrize("fate", [Fate.RETURNED, Fate.REFUSED])
async def test_an_outcome_that_could_not_even_be_kept_is_sent_by_the_next_connection(
    tmp_path: Path, fate: Fate
) -> None:
    clock = Clock()
    desk = Desk(journal(tmp_path), FakeVendor(clock), clock)
    desk.office.desk.run(desk.task())
    record, replied = desk.record(), []
    outbox = OutcomeOutbox(asyncio.get_running_loop(), lambda *note: replied.append(note))
    refusing = Publisher(sent=fate, kept=Fate.REFUSED)
    outbox.attach(refusing)  # type: ignore[arg-type]
    outbox.send(record)
    await wait_until_async(lambda: refusing.published == ["replies", UNROUTABLE_QUEUE])
    await asyncio.sleep(0.01)
    assert replied == []
    outbox.detach()
    outbox.attach(Publisher(sent=Fate.CONFIRMED))  # type: ignore[arg-type]
    await wait_until_async(lambda: replied == [("t-1", record.outcome)])
