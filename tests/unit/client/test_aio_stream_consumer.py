"""The asyncio client's consumers of streams, without a broker."""

from __future__ import annotations

import asyncio
from typing import Any

from broker_client.aio_stream_consumer import AsyncStreamConsumers

MANY = 3


async def test_all_are_closed_at_the_same_time() -> None:
    together = asyncio.Barrier(MANY)

    class Consumer:
        async def close(self) -> None:
            await together.wait()

    consumers = AsyncStreamConsumers({})
    made: Any = {object(): Consumer() for _ in range(MANY)}
    consumers._consumers = made
    async with asyncio.timeout(5):
        await consumers.close()
    assert not consumers._consumers
