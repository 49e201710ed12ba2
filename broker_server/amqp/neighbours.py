"""Which vendors and accounts the other workers of this broker serve, and which of these have no worker now.

A queue stays when its last consumer has gone, so the broker itself tells a vendor or an account that is away
from one that was never served. Which accounts there are the workers tell each other; one that nobody has told
of is learnt of with its first task. What the program of an absent vendor last said of itself is kept by the
broker, too: its supervisor binds a queue of one message to ``broker.events``.

A *place* is a vendor that this worker does not serve (``kiwoom``), its default account included, or an
account that it may not serve itself (``kis/second``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError

from broker_server.amqp.caretaking import Caretaker
from broker_server.amqp.channels import AsyncChannel, is_refusal
from broker_server.amqp.topology import account_queues, consumer_count, host_queue, vendor_queue
from broker_server.core.accounts import DEFAULT, AccountKey

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
REFRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A place that workers of this broker serve, or have served.

    Attributes:
        here: A worker takes its tasks now.
        told: The last event of the program that the vendor's adapter lives in, if it has one.
        reads: The queues in which its reads wait, while it is away.
    """

    here: bool
    told: dict[str, Any] | None = None
    reads: tuple[str, ...] = ()


class Neighbours:
    """What was seen last; outlives connections. Reading it is safe on any thread.

    Args:
        vendors: Those that this worker does not serve itself.
        fleeting: On a node for trials what served it once need not come back.
        own: The accounts that this worker may serve itself.
    """

    def __init__(
        self, vendors: Collection[str] = (), *, fleeting: bool = False, own: Collection[AccountKey] = ()
    ) -> None:
        self.vendors = tuple(vendors)
        self._own = frozenset(own)
        self._accounts: frozenset[AccountKey] = frozenset()
        self._fleeting = fleeting
        self._seen: dict[str, Neighbour] = {}
        self._look: NeighbourWatch | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """What to look at."""
        return (*self.vendors, *sorted({self.place_of(key) for key in self._accounts} - set(self.vendors)))

    def place_of(self, key: AccountKey) -> str:
        """Where an account of another worker is looked at."""
        return key.vendor if key.vendor in self.vendors and key.account == DEFAULT else key.label

    def learn(self, accounts: Iterable[AccountKey]) -> None:
        """There are these accounts. Safe on any thread."""
        self._accounts |= frozenset(accounts) - self._own

    def accounts(self, vendor: str) -> list[AccountKey]:
        """The accounts of a vendor that other workers serve, as far as it is known."""
        return [key for key in self._accounts if key.vendor == vendor]

    def knows(self, place: str) -> bool:
        """Whether another worker serves it, or has served it on this broker."""
        return place in self._seen

    def claims(self, vendor: str) -> bool:
        """Whether the names of the vendor are for its own workers only, present or not."""
        seen = self._seen.get(vendor)
        return seen is not None and (seen.here or not self._fleeting)

    def away(self) -> dict[str, Neighbour]:
        """The places that were served on this broker and have no worker now."""
        return {place: each for place, each in sorted(self._seen.items()) if not each.here}

    def records_away(self) -> list[str]:
        """The places that are away with their record of orders; that of a trial ended with its worker."""
        return [] if self._fleeting else list(self.away())

    def refresh(self) -> bool:
        """Look again, and block for the answer, for a moment at most. For any thread but the event loop's.

        Returns:
            Whether what is known is new; not if the broker took too long.
        """
        watch, loop = self._look, self._loop
        if watch is None or loop is None:
            return True
        looking = watch.look(closely=True)
        try:
            asyncio.run_coroutine_threadsafe(looking, loop).result(REFRESH_SECONDS)
        except (TimeoutError, AMQPError):
            log.info("the other vendors' queues could not be looked at in time")
            return False
        except RuntimeError:  # the loop is closed: the worker has stopped
            looking.close()
            return False
        return True

    def seen(self, place: str, neighbour: Neighbour | None) -> None:
        """Note what was seen; ``None`` when it has no queue."""
        before = self._seen.get(place)
        if neighbour is None:
            self._seen.pop(place, None)
            if place not in self.vendors:
                self._accounts -= {AccountKey.of(place)}
            return
        self._seen[place] = neighbour
        if not neighbour.here and (before is None or before.here):
            log.warning(
                "no worker serves a vendor now, its tasks wait; delete its queue if none will come back",
                vendor=place,
                queue=self.queues(place)[0][0],
            )
        elif neighbour.here and before is not None and not before.here:
            log.info("a vendor has a worker again", vendor=place)

    def queues(self, place: str) -> tuple[list[str], list[str]]:
        """The queues of a place: of its reads and of its orders. Its owners consume all of the second."""
        if place not in self.vendors:
            of_account = account_queues(AccountKey.of(place))
            return [of_account[0]], [of_account[1]]
        default = AccountKey(place)
        accounts = sorted(self.accounts(place)) or [default]
        reads = [vendor_queue(place), account_queues(default)[0]]
        return reads, [account_queues(key)[1] for key in accounts]

    def attach(self, watch: NeighbourWatch) -> None:
        """Let `refresh` use this watch from now on."""
        self._look, self._loop = watch, asyncio.get_running_loop()


class NeighbourWatch:
    """Looks at the places of other workers on one connection. Only the event loop uses it.

    Args:
        neighbours: Told what is seen.
        caretaker: Minds the tasks of places that are away.
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
        """A worker has spoken, perhaps a new one: look for places that were never seen."""
        if self._watching is not None and not self._watching.done():
            self._loop.create_task(self._hear())

    async def _hear(self) -> None:
        with suppress(AMQPError):
            await self._look_for_new()

    async def look(self, *, closely: bool = False) -> None:
        """Look at the places that are known.

        Args:
            closely: Read anew what the programs of absent ones last said.

        Raises:
            AMQPError: The connection was lost.
        """
        async with self._looking:
            for place in self._neighbours.places:
                if self._neighbours.knows(place):
                    await self._look_at(place, closely=closely)

    async def _look_for_new(self) -> None:
        """Look for the places that were not seen yet: on occasion, for the broker logs each look in vain."""
        async with self._looking:
            for place in self._neighbours.places:
                if not self._neighbours.knows(place):
                    await self._look_at(place, closely=True)

    async def _look_for_learnt(self) -> None:
        """Look at accounts that were told of since; each has queues, or is forgotten again."""
        async with self._looking:
            for place in self._neighbours.places:
                if place not in self._neighbours.vendors and not self._neighbours.knows(place):
                    await self._look_at(place, closely=False)

    async def _look_at(self, place: str, *, closely: bool) -> None:
        reads, orders = self._neighbours.queues(place)
        if await consumer_count(self._connection, reads[0]) is None:
            self._neighbours.seen(place, None)
            return
        # A worker consumes both. A task in a caretaker's hands counts as a consumer of a quorum queue, too,
        # and caretakers leave orders alone.
        consumers = 0
        for queue in orders:
            consumers = consumers or await consumer_count(self._connection, queue) or 0
        if consumers:
            self._neighbours.seen(place, Neighbour(here=True))
            return
        before = self._neighbours.away().get(place) or Neighbour(here=False)
        told, waiting = before.told, before.reads
        if (closely or not waiting) and place in self._neighbours.vendors:
            told = await last_told(self._connection, place) or told
        if not waiting:
            waiting = tuple(
                [each for each in reads if await consumer_count(self._connection, each) is not None]
            )
        self._neighbours.seen(place, Neighbour(False, told, waiting))

    async def _watch(self) -> None:
        with suppress(AMQPError):
            while self._connection.is_open:
                await asyncio.sleep(min(LOOK_SECONDS, self._caretaker.next_end()))
                await self.look()
                await self._look_for_learnt()
                away = self._neighbours.away()
                await self._caretaker.mind({place: each.reads for place, each in away.items()})


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
