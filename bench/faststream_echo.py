"""The same echo on FastStream: quorum queue, prefetch 1,000, its default acknowledgement after the handler.

Usage: ``python -m bench.faststream_echo URL QUEUE``; prints ``ready`` once it consumes.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue


async def serve(url: str, queue: str) -> None:
    """Serve until killed."""
    broker = RabbitBroker(url, default_channel=Channel(prefetch_count=1000), logger=None)

    @broker.subscriber(RabbitQueue(queue, queue_type=QueueType.QUORUM, durable=True))
    async def echo(body: dict[str, Any]) -> dict[str, Any]:
        return body

    await broker.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
