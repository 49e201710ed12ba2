"""Finding ``rabbitmq-server``, or installing it where that is possible."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from broker_client.errors import BrokerUnreachable

# The wrapper in /usr/sbin of Debian is not among them: it insists on the system's own rabbitmq user.
_PLACES = (
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "/usr/lib64/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "/opt/rabbitmq/sbin/rabbitmq-server",
    "/opt/rabbitmq_server-*/sbin/rabbitmq-server",
    "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
)
_UPDATE = ("apt-get", "update", "-qq")
_INSTALL = (
    "apt-get",
    *("-o", "DPkg::Lock::Timeout=120"),
    *("install", "-y", "-qq", "--no-install-recommends", "rabbitmq-server"),
)
_POLICY = Path("/usr/sbin/policy-rc.d")
_ADVICE = "install the package rabbitmq-server, or set BROKER_URL to a RabbitMQ that runs already"


def find_rabbitmq_server(root: Path = Path("/")) -> Path | None:
    """Find the start script of an installed RabbitMQ.

    Args:
        root: Where the file system begins.

    Returns:
        The script, the newest one where several versions lie side by side; None when there is none.
    """
    home = os.environ.get("RABBITMQ_HOME")
    if home and os.access(Path(home) / "sbin" / "rabbitmq-server", os.X_OK):
        return Path(home) / "sbin" / "rabbitmq-server"
    for place in _PLACES:
        found = [path for path in root.glob(place.lstrip("/")) if os.access(path, os.X_OK)]
        if found:
            return max(found, key=_version)
    return None


def ensure_rabbitmq(ask: Callable[[str], bool] | None = None) -> Path:
    """Find ``rabbitmq-server``; where there is none, install Debian's package.

    As root it is installed at once. With sudo the command is printed and only run after a yes; ``YES=1``
    in the environment skips the question.

    Args:
        ask: Puts the question and tells whether the answer was yes. None: asks on the terminal.

    Raises:
        BrokerUnreachable: There is none and it cannot be installed; one line says what to do.
    """
    found = find_rabbitmq_server()
    if found is not None:
        return found
    if shutil.which("apt-get") is None:
        raise BrokerUnreachable(f"RabbitMQ is not installed: {_ADVICE}")
    if os.geteuid() == 0:
        prefix: tuple[str, ...] = ()
    elif shutil.which("sudo") is not None:
        prefix = ("sudo",)
        commands = " && ".join(shlex.join([*prefix, *command]) for command in (_UPDATE, _INSTALL))
        sys.stderr.write(f"RabbitMQ is missing; this installs it: {commands}\n")
        if os.environ.get("YES") != "1" and not (ask or _ask_on_terminal)("Run it now?"):
            raise BrokerUnreachable(
                f"RabbitMQ is not installed: run `{commands}` (YES=1 does), or set BROKER_URL"
            )
    else:
        raise BrokerUnreachable(f"RabbitMQ is not installed and there are no root rights: {_ADVICE}")
    _install(prefix)
    found = find_rabbitmq_server()
    if found is None:
        raise BrokerUnreachable(f"rabbitmq-server was installed, but not where it is looked for: {_ADVICE}")
    return found


def _install(prefix: tuple[str, ...]) -> None:
    sys.stderr.write("installing rabbitmq-server (about 10 s) ...\n")
    with _no_services(enabled=not prefix):
        for command in (_UPDATE, _INSTALL):
            done = subprocess.run(  # noqa: S603 - fixed commands
                [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", *command],
                stdin=None if prefix else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if prefix else subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                last_line = (done.stdout.strip().splitlines() or ["no reason given"])[-1]
                raise BrokerUnreachable(f"`{shlex.join(command)}` failed ({last_line}): {_ADVICE}")


@contextmanager
def _no_services(*, enabled: bool) -> Iterator[None]:
    """Keep the package from starting its own node, unless the machine has a policy of its own."""
    if not enabled or _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def _ask_on_terminal(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if not sys.stdin.isatty():
        sys.stderr.write("(no terminal to ask on)\n")
        return False
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.parts[-3])]
