"""One environment per vhost: a simulated worker must never answer a live order.

Each worker consumes from the marker queue of its environment; a marker of another environment that has
consumers means that workers of that environment are alive on this vhost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError

from broker_client.protocol import Environment
from broker_server.amqp.channels import AsyncChannel, is_refusal
from broker_server.amqp.topology import consumer_count

MARKER_ARGUMENTS = {"x-queue-type": "quorum", "x-expires": 60_000}
"""A classic queue would be out of reach, and nobody could serve, while the one node that it is on is down."""


class EnvironmentConflict(Exception):
    """Workers of another environment serve this vhost."""


def marker_queue(environment: str) -> str:
    """The name of an environment's marker."""
    return f"broker.environment.{environment}"


async def claim_environment(
    connection: AsyncioConnection, environment: Environment, on_lost: Callable[[object], None]
) -> None:
    """Declare this worker's marker, then look for others.

    A marker without consumers means nothing, and goes after a minute. Two workers of different environments
    that start together see each other, and neither goes on.

    Args:
        on_lost: Called when somebody deletes the marker, which would let another environment in.

    Raises:
        EnvironmentConflict: Another environment's marker is alive.
        AMQPError: The connection was lost.
    """
    name = marker_queue(environment)
    channel = await AsyncChannel.open(connection)
    try:
        await channel.declare_queue(name, durable=True, arguments=MARKER_ARGUMENTS)
    except AMQPError as error:
        if not is_refusal(error, 406):
            raise
        channel = await AsyncChannel.open(connection)
    channel.raw.add_on_cancel_callback(on_lost)
    await channel.consume(name, lambda *_: None)
    try:
        await refuse_others(connection, environment)
    except EnvironmentConflict:
        channel.close()
        raise


async def refuse_others(connection: AsyncioConnection, environment: str) -> None:
    """Look whether workers of another environment serve this vhost.

    Raises:
        EnvironmentConflict: Another environment's marker is alive.
        AMQPError: The connection was lost.
    """
    for other in get_args(Environment):
        if other != environment and await _alive(connection, marker_queue(other)):
            raise EnvironmentConflict(
                f"this worker is {environment}, but {other} workers serve the same vhost; "
                f"stop them, or give this one another vhost in BROKER_URL"
            )


async def _alive(connection: AsyncioConnection, marker: str) -> bool:
    """Whether somebody consumes from a marker.

    A quorum queue that has no leader at the moment shows no consumers, as one does that nobody has. To take a
    message needs the leader, so an answer to that, which is always that there is none, tells the two apart.

    Raises:
        AMQPError: It has no leader, or the connection was lost.
    """
    count = await consumer_count(connection, marker)
    if count == 0:
        channel = await AsyncChannel.open(connection)
        await channel.get(marker)
        channel.close()
        count = await consumer_count(connection, marker)
    return bool(count)
