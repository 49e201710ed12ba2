"""The echo as most programs write it: pika's blocking adapter, one message at a time, an ack after the reply.

Usage: ``python -m bench.blocking_echo URL QUEUE``; prints ``ready`` once it consumes.
"""

from __future__ import annotations

import sys

import pika
from pika.adapters.blocking_connection import BlockingChannel


def echo(
    channel: BlockingChannel, deliver: pika.spec.Basic.Deliver, asked: pika.BasicProperties, body: bytes
) -> None:
    """Send a message back, and ack it; the reply is not confirmed."""
    properties = pika.BasicProperties(correlation_id=asked.correlation_id, delivery_mode=2)
    channel.basic_publish("", asked.reply_to, body, properties)
    channel.basic_ack(deliver.delivery_tag)


def main(url: str, queue: str) -> None:
    """Serve until killed."""
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(queue, echo)
    print("ready", flush=True)
    channel.start_consuming()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
