"""One worker per account: two that share a key would spend its rate limit twice, and each would have a record
of orders of its own.

The lease is an exclusive queue, a lock that goes with its connection.
"""

from __future__ import annotations

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError

from broker_server.amqp.channels import AsyncChannel, is_refusal

RESOURCE_LOCKED = 405


class VendorOwned(Exception):
    """Another worker serves the vendor's account."""


def owner_queue(vendor: str) -> str:
    """The name of the lease of a vendor's default account."""
    return f"broker.owner.{vendor}.default"


async def claim_vendors(connection: AsyncioConnection, vendors: tuple[str, ...]) -> None:
    """Take the leases for as long as the connection lives.

    Raises:
        VendorOwned: Another connection has one of them.
        AMQPError: The connection was lost.
    """
    for vendor in vendors:
        channel = await AsyncChannel.open(connection)
        try:
            await channel.declare_queue(owner_queue(vendor), exclusive=True, auto_delete=True)
        except AMQPError as error:
            if not is_refusal(error, RESOURCE_LOCKED):
                raise
            raise VendorOwned(
                f"another worker on this vhost serves {vendor} already; stop it, or give this one another "
                f"vhost or other VENDORS"
            ) from error
