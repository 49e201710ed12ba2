"""What a private node has written to its disk."""

from __future__ import annotations

from broker_server.amqp.private_node import PrivateNode
from tests.support.waiting import PATIENCE, wait_until


def wait_until_registered(node: PrivateNode, *quorum_queues: str, timeout: float = PATIENCE) -> None:
    """Wait until new quorum queues of the default virtual host would survive ``node.kill()``.

    RabbitMQ registers a new quorum queue in a table that reaches the disk about a second later. A node
    that is killed before knows the queue after its restart, but has no process for it: every operation
    on the queue times out (seen on 3.10.8). Call this between declaring queues and killing the node.
    """

    def registered() -> bool:
        tables = b"".join(table.read_bytes() for table in node.folder.rglob("names.dets"))
        # Erlang's external term format puts an atom's length right before its text.
        atoms = [f"%2F_{queue}".encode() for queue in quorum_queues]
        return all(bytes([len(atom)]) + atom in tables for atom in atoms)

    wait_until(registered, timeout, f"{', '.join(quorum_queues)} on the node's disk")
