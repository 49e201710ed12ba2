"""The folder of a private node: its files, its settings and the environment that the node runs with."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from broker_server.amqp.private_node.ports import LOOPBACK, free_port, is_free

NODE_NAME = "sapi@localhost"
USUAL_PORT = 5672
LARGEST_LOG = 64 * 1024 * 1024
"""Of the write-ahead log of quorum queues. RabbitMQ holds more than that in memory until it begins a new one;
its own 512 MiB are more than the node may use, which then blocks all publishers."""
MANAGEMENT_PLUGIN = "rabbitmq_management"
_LOOPBACK_ONLY = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"


@dataclass(frozen=True)
class Ports:
    """The loopback ports of one node."""

    amqp: int
    distribution: int
    epmd: int
    management: int

    @classmethod
    def choose(cls, amqp: int | None) -> Ports:
        """Choose free ports; ``amqp`` is taken as it is when given."""
        chosen: list[int] = [amqp] if amqp is not None else [free_port()]
        while len(chosen) < 4:
            chosen.append(free_port(chosen))
        return cls(*chosen)

    @property
    def url(self) -> str:
        """The AMQP URL of the node, default virtual host."""
        return f"amqp://guest:guest@{LOOPBACK}:{self.amqp}/%2F"

    @property
    def cluster_name(self) -> str:
        """What the node calls itself in each handshake; no two nodes of a machine have the same."""
        return f"private-{self.distribution}"

    @property
    def management_url(self) -> str:
        """Where the management plugin answers, when it is enabled."""
        return f"http://{LOOPBACK}:{self.management}"


@dataclass(frozen=True)
class NodeFolder:
    """Where one private node keeps everything: data, log, cookie, settings, lock and socket."""

    root: Path

    @property
    def socket(self) -> Path:
        """The keeper's Unix socket."""
        return self.root / "keeper.sock"

    @property
    def lock(self) -> Path:
        """Locked by the keeper for as long as it lives."""
        return self.root / "lock"

    @property
    def logs(self) -> Path:
        """The folder of the node's and the keeper's log files."""
        return self.root / "log"

    @property
    def node_log(self) -> Path:
        """The node's own log."""
        return self.logs / f"{NODE_NAME}.log"

    @property
    def console_log(self) -> Path:
        """What the node and epmd print, which is where an early failure is told."""
        return self.logs / "console.log"

    @property
    def keeper_log(self) -> Path:
        """What the keeper prints."""
        return self.logs / "keeper.log"

    @property
    def home(self) -> Path:
        """The node's home folder; it holds the Erlang cookie."""
        return self.root / "home"

    @property
    def process_file(self) -> Path:
        """The process ids of the running epmd and node."""
        return self.root / "processes.json"

    @property
    def _ports_file(self) -> Path:
        return self.root / "ports.json"

    def create(self) -> None:
        """Create the folder, readable by its owner only, and the cookie."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.logs, self.home, self.root / "mnesia"):
            folder.mkdir(exist_ok=True, mode=0o700)
        cookie = self.home / ".erlang.cookie"
        if not cookie.exists() or not cookie.read_text():
            cookie.unlink(missing_ok=True)
            descriptor = os.open(cookie, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(20).upper())

    def ports(self, amqp: int | None, *, lasting: bool) -> Ports:
        """Choose the node's ports.

        Args:
            amqp: The AMQP port that was asked for, or None for any.
            lasting: The folder outlives the node, so people write its port down: the port of the last
                time is taken again if it is free, else the usual 5672, else any free one.
        """
        wanted = [amqp] if amqp is not None else [self._last_amqp_port(), USUAL_PORT] if lasting else []
        return Ports.choose(next((port for port in wanted if port and (port == amqp or is_free(port))), None))

    def write_settings(self, ports: Ports, plugins: tuple[str, ...]) -> None:
        """Write the node's configuration files."""
        settings = [
            f"listeners.tcp.1 = {LOOPBACK}:{ports.amqp}",
            f"cluster_name = {ports.cluster_name}",
            "disk_free_limit.absolute = 50MB",
            "vm_memory_high_watermark.absolute = 512MB",
            f"raft.wal_max_size_bytes = {LARGEST_LOG}",
            "log.file.rotation.size = 10485760",
            "log.file.rotation.count = 3",
        ]
        if MANAGEMENT_PLUGIN in plugins:
            settings += [f"management.tcp.ip = {LOOPBACK}", f"management.tcp.port = {ports.management}"]
        (self.root / "rabbitmq.conf").write_text("\n".join(settings) + "\n")
        (self.root / "advanced.config").write_text("[].\n")
        (self.root / "enabled_plugins").write_text(f"[{','.join(plugins)}].\n")
        self._ports_file.write_text(json.dumps(asdict(ports)))

    def environment(self, ports: Ports) -> dict[str, str]:
        """The environment of the node and of ``rabbitmqctl``; nothing of the caller's RabbitMQ leaks in."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RABBITMQ_", "ERL_", "ELIXIR_", "NOTIFY_SOCKET"))
        }
        root = self.root
        return inherited | {
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "PATH": os.pathsep.join([inherited.get("PATH", os.defpath), "/usr/sbin", "/usr/bin", "/bin"]),
            "ERL_EPMD_PORT": str(ports.epmd),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_CRASH_DUMP": str(self.logs / "erl_crash.dump"),
            # The start script then becomes the node instead of staying as its parent.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_NODENAME": NODE_NAME,
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(ports.amqp),
            "RABBITMQ_DIST_PORT": str(ports.distribution),
            "RABBITMQ_BASE": str(root),
            "RABBITMQ_MNESIA_BASE": str(root / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.logs),
            "RABBITMQ_PID_FILE": str(root / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(root / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(root / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(root / "advanced.config"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _LOOPBACK_ONLY,
            "RABBITMQ_CTL_ERL_ARGS": _LOOPBACK_ONLY,
        }

    def _last_amqp_port(self) -> int | None:
        try:
            return int(json.loads(self._ports_file.read_text())["amqp"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
