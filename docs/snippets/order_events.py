"""Follows every order of every worker, whoever sent it, until one is filled."""

import asyncio
import json
import os

import aio_pika


async def main() -> None:
    connection = await aio_pika.connect_robust(os.environ["BROKER_URL"])
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("", exclusive=True)
        await queue.bind("broker.events", "order.#")
        print("listening", flush=True)
        async with queue.iterator() as messages:
            async for message in messages:
                async with message.process():
                    event = json.loads(message.body)
                    print(event["time"], message.routing_key, event["task_id"], flush=True)
                if message.routing_key.endswith(".filled"):
                    break


asyncio.run(main())
