"""The least that brings live data to RabbitMQ: ``python -m bench.tick_forwarder AMQP_URL WS_URL EXCHANGE``.

Frames are read with ``websockets`` and published as they are with pika, confirmed and with the properties
that the worker uses.
"""

from __future__ import annotations

import asyncio
import json
import sys

import pika
import websockets
from pika.adapters.asyncio_connection import AsyncioConnection

from bench.realtime_codec import KEY, TR
from broker_server.amqp.channels import AsyncChannel


async def forward(amqp_url: str, ws_url: str, exchange: str) -> None:
    """Forward until cancelled."""
    opened: asyncio.Future[AsyncioConnection] = asyncio.get_running_loop().create_future()
    AsyncioConnection(pika.URLParameters(amqp_url), on_open_callback=opened.set_result)
    channel = await AsyncChannel.open(await opened)
    await channel.declare_exchange(exchange, "topic")
    confirmed = 0

    def on_confirm(frame: object) -> None:
        nonlocal confirmed
        confirmed = frame.method.delivery_tag  # type: ignore[attr-defined]

    await channel.enable_confirms(on_confirm)
    properties = pika.BasicProperties(content_type="application/json", delivery_mode=1, expiration="10000")
    async with websockets.connect(ws_url, compression=None, ping_interval=None) as connection:
        request = {"header": {"tr_type": "1"}, "body": {"input": {"tr_id": TR, "tr_key": KEY}}}
        await connection.send(json.dumps(request))
        await connection.recv()
        print("ready", flush=True)
        async for text in connection:
            channel.raw.basic_publish(exchange, f"kis.trade.{KEY}", text, properties)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(forward(*sys.argv[1:4]))
