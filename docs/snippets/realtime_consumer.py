"""Reads one feed with a queue of its own, as any number of programs may; it comes back and sees gaps."""

import asyncio
import json
import os

import aio_pika

from broker_client import Client

URL = os.environ["BROKER_URL"]
KEY = "kis.trade.005930"


async def consume(most: int) -> None:
    """Print trades; the queue and its binding are declared anew after each reconnect."""
    seen: tuple[str, int] | None = None
    connection = await aio_pika.connect_robust(URL)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=200)
        queue = await channel.declare_queue(
            "", exclusive=True, arguments={"x-max-length": 10_000, "x-message-ttl": 10_000}
        )
        await queue.bind("broker.realtime", KEY)
        async with queue.iterator() as messages:
            async for message in messages:
                async with message.process():
                    body = json.loads(message.body)
                if body["kind"] != "event":
                    print("status:", body["result"][0]["state"])
                    continue
                now = (body["epoch"], body["sequence"])
                if seen is not None and now != (seen[0], seen[1] + 1):
                    print("something may be missing before", now)
                seen = now
                trade = body["result"][0]
                print(trade["ticker"], trade["price"], trade["volume"], flush=True)
                most -= 1
                if not most:
                    break


# One subscription for everybody: without copies, its events are on broker.realtime alone.
with (
    Client() as client,
    client.stream("kis.subscribe-realtime-price", ticker="005930", copies=False) as subscription,
):
    print("mode:", subscription.ack.first["mode"])
    asyncio.run(consume(most=3))
