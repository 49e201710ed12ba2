"""Which vendors the other workers of this broker serve, and which of these have no worker now.

A vendor's queue stays when its last worker has gone, so the broker itself tells a vendor that is away from
one that was never served. What the program of an absent vendor last said of itself is kept by the broker,
too: its supervisor binds a queue of one message to ``broker.events``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError

from broker_server.amqp.caretaking import Caretaker
from broker_server.amqp.channels import AsyncChannel, is_refusal
from broker_server.amqp.topology import consumer_count, host_queue, vendor_queues

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
REFRESH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A vendor that workers of this broker serve, or have served.

    Attributes:
        here: A worker takes its tasks now.
        told: The last event of the program that the vendor's adapter lives in, if it has one.
    """

    here: bool
    told: dict[str, Any] | None = None


class Neighbours:
    """What was seen last; outlives connections. Reading it is safe on any thread.

    Args:
        vendors: Those that this worker does not serve itself.
        fleeting: On a node for trials what served it once need not come back.
    """

    def __init__(self, vendors: Collection[str] = (), *, fleeting: bool = False) -> None:
        self.vendors = tuple(vendors)
        self._fleeting = fleeting
        self._seen: dict[str, Neighbour] = {}
        self._look: NeighbourWatch | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def knows(self, vendor: str) -> bool:
        """Whether another worker serves the vendor, or has served it on this broker."""
        return vendor in self._seen

    def claims(self, vendor: str) -> bool:
        """Whether the names of the vendor are for its own workers only, present or not."""
        seen = self._seen.get(vendor)
        return seen is not None and (seen.here or not self._fleeting)

    def away(self) -> dict[str, Neighbour]:
        """The vendors that were served on this broker and have no worker now."""
        return {vendor: each for vendor, each in sorted(self._seen.items()) if not each.here}

    def records_away(self) -> list[str]:
        """The vendors that are away with their record of orders; that of a trial ended with its worker."""
        return [] if self._fleeting else list(self.away())

    def refresh(self) -> None:
        """Look again, and block for the answer, for a moment at most. For any thread but the event loop's."""
        watch, loop = self._look, self._loop
        if watch is None or loop is None:
            return
        looking = watch.look(closely=True)
        try:
            asyncio.run_coroutine_threadsafe(looking, loop).result(REFRESH_SECONDS)
        except (TimeoutError, AMQPError):
            log.info("the other vendors' queues could not be looked at in time")
        except RuntimeError:  # the loop is closed: the worker has stopped
            looking.close()

    def seen(self, vendor: str, neighbour: Neighbour | None) -> None:
        """Note what was seen; ``None`` when the vendor has no queue."""
        before = self._seen.get(vendor)
        if neighbour is None:
            self._seen.pop(vendor, None)
            return
        self._seen[vendor] = neighbour
        if not neighbour.here and (before is None or before.here):
            log.warning(
                "no worker serves a vendor now, its tasks wait; delete its queue if none will come back",
                vendor=vendor,
                queue=vendor_queues(vendor)[0],
            )
        elif neighbour.here and before is not None and not before.here:
            log.info("a vendor has a worker again", vendor=vendor)

    def attach(self, watch: NeighbourWatch) -> None:
        """Let `refresh` use this watch from now on."""
        self._look, self._loop = watch, asyncio.get_running_loop()


class NeighbourWatch:
    """Looks at the other vendors on one connection. Only the event loop uses it.

    Args:
        neighbours: Told what is seen.
        caretaker: Minds the tasks of vendors that are away.
    """

    def __init__(self, connection: AsyncioConnection, neighbours: Neighbours, caretaker: Caretaker) -> None:
        self._connection = connection
        self._neighbours = neighbours
        self._caretaker = caretaker
        self._loop = asyncio.get_running_loop()
        self._watching: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()

    async def open(self) -> None:
        """Look once, and go on looking until the connection ends.

        Raises:
            AMQPError: The connection was lost.
        """
        if not self._neighbours.vendors:
            return
        await self._caretaker.open()
        await self.look()
        await self._look_for_new()
        self._neighbours.attach(self)
        self._watching = self._loop.create_task(self._watch())

    def stop(self) -> None:
        """Look no more; what is minded goes back to its queue."""
        if self._watching is not None:
            self._watching.cancel()
        self._caretaker.release()

    def heard(self) -> None:
        """A worker has spoken, perhaps a new one: look for vendors that were never seen."""
        if self._watching is not None and not self._watching.done():
            self._loop.create_task(self._hear())

    async def _hear(self) -> None:
        with suppress(AMQPError):
            await self._look_for_new()

    async def look(self, *, closely: bool = False) -> None:
        """Look at the vendors that are known.

        Args:
            closely: Read anew what the programs of absent ones last said.

        Raises:
            AMQPError: The connection was lost.
        """
        async with self._looking:
            for vendor in self._neighbours.vendors:
                if self._neighbours.knows(vendor):
                    await self._look_at(vendor, closely=closely)

    async def _look_for_new(self) -> None:
        """Look for the vendors that were not seen yet: on occasion, for the broker logs each look in vain."""
        async with self._looking:
            for vendor in self._neighbours.vendors:
                if not self._neighbours.knows(vendor):
                    await self._look_at(vendor, closely=True)

    async def _look_at(self, vendor: str, *, closely: bool) -> None:
        reads, orders = vendor_queues(vendor)
        if await consumer_count(self._connection, reads) is None:
            self._neighbours.seen(vendor, None)
            return
        # A worker consumes both. A task in a caretaker's hands counts as a consumer of a quorum queue, too,
        # and caretakers leave orders alone.
        consumers = await consumer_count(self._connection, orders) or 0
        told = None
        if not consumers:
            before = self._neighbours.away().get(vendor)
            told = before.told if before is not None else None
            if closely or before is None:
                told = await last_told(self._connection, vendor) or told
        self._neighbours.seen(vendor, Neighbour(consumers > 0, told))

    async def _watch(self) -> None:
        with suppress(AMQPError):
            while self._connection.is_open:
                await asyncio.sleep(min(LOOK_SECONDS, self._caretaker.next_end()))
                await self.look()
                await self._caretaker.mind(self._neighbours.away())


async def last_told(connection: AsyncioConnection, vendor: str) -> dict[str, Any] | None:
    """The last event of the program that a vendor's adapter lives in, left where it is.

    Returns:
        ``None`` when there is none, or another worker looks at it right now.

    Raises:
        AMQPError: The connection was lost.
    """
    channel = await AsyncChannel.open(connection)
    try:
        got = await channel.get(host_queue(vendor))
    except AMQPError as error:
        if is_refusal(error, 404):
            return None
        raise
    finally:
        channel.close()  # gives it back
    if got is None:
        return None
    try:
        told = orjson.loads(got[1])
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None
