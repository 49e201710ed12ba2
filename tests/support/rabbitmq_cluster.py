"""Three RabbitMQ nodes on loopback as one cluster: killed, frozen, cut from each other, started again."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import permutations
from pathlib import Path

import pika
from pika.exceptions import AMQPError

from broker_server.amqp.private_node import ensure_rabbitmq
from broker_server.amqp.private_node.layout import NodeFolder, Ports
from broker_server.amqp.private_node.ports import LOOPBACK, free_port
from broker_server.amqp.private_node.processes import dies_with_parent
from tests.support.port_mapper import PortMapper
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

NET_TICK_SECONDS = 8
"""After this, give or take a quarter, a node takes a silent one for dead; RabbitMQ's own default is 60."""
START_SECONDS = 300.0
"""Usually 14 to 19 s; several times that where many processes share two cores."""
NAMES = ("one", "two", "three")


class ClusterNode:
    """One node.

    Attributes:
        name: As ``one``; its Erlang name is ``one@localhost``.
        url: Its AMQP URL.
        process: It, while it runs.
        is_frozen: Whether it was stopped in the middle of things.
    """

    def __init__(self, name: str, root: Path, ports: Ports, mapper: PortMapper) -> None:
        self.name = name
        self.full_name = f"{name}@localhost"
        self.url = ports.url
        self.ports = ports
        self.mapper = mapper
        self.process: subprocess.Popen[bytes] | None = None
        self.is_frozen = False
        self._folder = NodeFolder(root)

    def write_settings(self, cookie: str) -> None:
        """Prepare its folder.

        Args:
            cookie: The same for every node.
        """
        folder = self._folder
        folder.root.mkdir(mode=0o700)
        folder.home.mkdir(mode=0o700)
        file = folder.home / ".erlang.cookie"
        file.write_text(cookie)
        file.chmod(0o400)
        folder.create()
        folder.write_settings(self.ports, ())
        peers = [
            f"cluster_formation.classic_config.nodes.{i} = {each}@localhost"
            for i, each in enumerate(NAMES, 1)
        ]
        more = [
            "cluster_formation.peer_discovery_backend = classic_config",
            "cluster_partition_handling = pause_minority",
            *peers,
        ]
        settings = folder.root / "rabbitmq.conf"
        settings.write_text(settings.read_text() + "\n".join(more) + "\n")
        (folder.root / "advanced.config").write_text(
            f"[{{kernel, [{{net_ticktime, {NET_TICK_SECONDS}}}]}}].\n"
        )

    def environment(self) -> dict[str, str]:
        """Of the node and of its ``rabbitmqctl``."""
        return self._folder.environment(self.ports) | {"RABBITMQ_NODENAME": self.full_name}

    def start(self) -> None:
        """Start it, and return at once."""
        with self._folder.console_log.open("ab") as console:
            self.process = subprocess.Popen(
                [str(ensure_rabbitmq())],
                env=self.environment(),
                cwd=self._folder.root,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                preexec_fn=dies_with_parent(),
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.is_frozen = False

    def freeze(self) -> None:
        """Let it neither say nor hear anything, with every connection open.

        For good: what goes on after that believes that it is alone and everything is in order (3.10.8), so
        `Cluster.restore` starts it anew.
        """
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        self.is_frozen = True

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def accepts(self) -> bool:
        """Whether an AMQP connection opens now."""
        assert self.runs, self.said()
        parameters = pika.URLParameters(self.url)
        parameters.socket_timeout = parameters.stack_timeout = 5
        try:
            pika.BlockingConnection(parameters).close()
        except (AMQPError, OSError):
            return False
        return True

    def said(self) -> str:
        """The end of what it printed, for the message of a failed assertion."""
        return self._folder.console_log.read_text(errors="replace")[-3000:]

    def control(self, *arguments: str) -> str:
        """Run its ``rabbitmqctl``."""
        tool = ensure_rabbitmq().resolve().parent / "rabbitmqctl"
        done = subprocess.run(
            [str(tool), "--quiet", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Cluster:
    """Three nodes, every one of which reaches the others by way of proxies.

    Attributes:
        nodes: By the order of `NAMES`.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._proxies: dict[tuple[str, str], TcpProxy] = {}
        self._cut: set[tuple[str, str]] = set()
        self.nodes: list[ClusterNode] = []
        taken: list[int] = []
        for name in NAMES:
            mapper = PortMapper(lambda other, name=name: self._way(name, other))
            stack.callback(mapper.stop)
            ports = Ports(_reserved(taken), _reserved(taken), epmd=mapper.port, management=0)
            self.nodes.append(ClusterNode(name, folder / name, ports, mapper))
        for one, other in permutations(self.nodes, 2):
            proxy = stack.enter_context(TcpProxy(LOOPBACK, other.ports.distribution))
            self._proxies[one.name, other.name] = proxy

    @property
    def url(self) -> str:
        """All hosts, for ``BROKER_URL``."""
        return self.url_from(self.nodes[0])

    def url_from(self, first: ClusterNode) -> str:
        """All hosts, this one first."""
        at = self.nodes.index(first)
        return ",".join(node.url for node in (*self.nodes[at:], *self.nodes[:at]))

    def others(self, *nodes: ClusterNode) -> list[ClusterNode]:
        """The rest."""
        return [node for node in self.nodes if node not in nodes]

    def start(self, nodes: Iterable[ClusterNode] | None = None) -> None:
        """Start all nodes, or those of these that do not run, and wait until all are one cluster."""
        for node in nodes or self.nodes:
            if not node.runs:
                node.start()
        self.wait_whole()

    def wait_whole(self) -> None:
        """Wait until each node takes connections and sees all the others."""
        for node in self.nodes:
            wait_until(node.accepts, START_SECONDS, f"node {node.name} to accept AMQP")
        wait_until(
            lambda: self.members(self.nodes[0]) == len(NAMES), START_SECONDS, "three nodes in the cluster"
        )

    def members(self, node: ClusterNode) -> int:
        """How many running nodes one node sees, itself included."""
        return int(node.control("eval", _MEMBERS))

    def cut(self, node: ClusterNode) -> None:
        """Let nothing through between a node and the others, in silence."""
        for names, proxy in self._proxies.items():
            if node.name in names:
                proxy.pause()
                self._cut.add(names)

    def heal(self) -> None:
        """Let everything through again that was cut. What was said before is lost: the nodes connect anew."""
        for names in self._cut:
            self._proxies[names].cut()
            self._proxies[names].resume()
        self._cut.clear()

    def home(self, queue: str, ask: ClusterNode | None = None) -> ClusterNode:
        """The node that a queue is on, or that leads it.

        Args:
            queue: Its name.
            ask: A node that runs; the first that does, by default.
        """
        asked = ask or next(node for node in self.nodes if node.runs)
        found = asked.control("eval", _HOME.format(queue=queue)).strip().strip("'")
        return next(node for node in self.nodes if node.full_name == found)

    def restore(self) -> None:
        """Undo whatever a test did: a whole cluster again."""
        for node in self.nodes:
            if node.is_frozen:
                node.kill()
        self.heal()
        self.start()

    def stop(self) -> None:
        """End every node."""
        for node in self.nodes:
            if node.runs:
                node.kill()

    def _way(self, name: str, other: str) -> int | None:
        """The port at which one node reaches another one that is up."""
        for node in self.nodes:
            if node.name == other and other in node.mapper.registered:
                return self._proxies[name, other].port
        return None


_MEMBERS = (
    "length(case erlang:function_exported(rabbit_nodes, list_running, 0) of "
    "true -> rabbit_nodes:list_running(); false -> rabbit_nodes:all_running() end)."
)
"""The one is RabbitMQ 3.13 and later, the other before."""
_HOME = (
    '{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)), '
    "case amqqueue:get_pid(Q) of {{_, N}} -> N; P -> node(P) end."
)


def _reserved(taken: list[int]) -> int:
    taken.append(free_port(taken))
    return taken[-1]


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster with nothing in it; its nodes end with the block, and with this process."""
    with ExitStack() as stack:
        cluster = Cluster(folder, stack)
        cookie = "CLUSTEROFATEST" + folder.name.upper()[-6:]
        for node in cluster.nodes:
            node.write_settings(cookie)
        stack.callback(cluster.stop)
        cluster.start()
        yield cluster
