"""A private RabbitMQ node on loopback, without root rights, Docker or a service.

`PrivateNode` is what the rest of the project uses. The node is owned by a small keeper process: every
user of the node holds a connection to the keeper, and the node stops when the last one is gone, however
it ended.

* ``node.py``: `PrivateNode`, the handle that one user of the node holds
* ``keeper.py``: the process that owns epmd and the node
* ``broker_process.py``: one epmd and one node, started, watched and stopped
* ``layout.py``, ``ports.py``: the node's files, settings and ports
* ``processes.py``, ``control_socket.py``: children that die with their parent; the keeper's socket
* ``install.py``, ``debian.py``: finding ``rabbitmq-server``; installing a package of Debian
* ``cli.py``: ``broker-server rabbitmq``
"""

from broker_server.amqp.private_node.install import ensure_rabbitmq, find_rabbitmq_server
from broker_server.amqp.private_node.node import PrivateNode, default_folder

__all__ = ["PrivateNode", "default_folder", "ensure_rabbitmq", "find_rabbitmq_server"]
