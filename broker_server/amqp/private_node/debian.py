"""Installing a package of Debian, where that is possible."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POLICY = Path("/usr/sbin/policy-rc.d")
_UPDATE = ("apt-get", "update", "-qq")


class NotInstalled(Exception):
    """A program is missing and stays so; one line says what to do."""


def ensure_package(
    find: Callable[[], Path | None],
    *,
    title: str,
    package: str,
    otherwise: str,
    ask: Callable[[str], bool] | None = None,
) -> Path:
    """Find a program; where there is none, install Debian's package.

    As root it is installed at once. With sudo the command is printed and only run after a yes; ``YES=1``
    in the environment skips the question.

    Args:
        find: Looks for the program.
        title: What people call it.
        package: Debian's name of it.
        otherwise: What to do instead of installing, as in "or set BROKER_URL".
        ask: Puts the question and tells whether the answer was yes. None: asks on the terminal.

    Raises:
        NotInstalled: There is none and it cannot be installed.
    """
    found = find()
    if found is not None:
        return found
    advice = f"install the package {package}, or {otherwise}"
    if shutil.which("apt-get") is None:
        raise NotInstalled(f"{title} is not installed: {advice}")
    install = (
        "apt-get",
        *("-o", "DPkg::Lock::Timeout=120"),
        *("install", "-y", "-qq", "--no-install-recommends", package),
    )
    prefix: tuple[str, ...] = ()
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            raise NotInstalled(f"{title} is not installed and there are no root rights: {advice}")
        prefix = ("sudo",)
        commands = " && ".join(shlex.join([*prefix, *command]) for command in (_UPDATE, install))
        sys.stderr.write(f"{title} is missing; this installs it: {commands}\n")
        if os.environ.get("YES") != "1" and not (ask or _ask_on_terminal)("Run it now?"):
            raise NotInstalled(f"{title} is not installed: run `{commands}` (YES=1 does), or {otherwise}")
    with _one_at_a_time():
        found = find()
        if found is None:
            sys.stderr.write(f"installing {package} (about 10 s) ...\n")
            with _no_services(enabled=not prefix):
                for command in (_UPDATE, install):
                    _run(prefix, command, advice)
            found = find()
    if found is None:
        raise NotInstalled(f"{package} was installed, but not where it is looked for: {advice}")
    return found


def _run(prefix: tuple[str, ...], command: tuple[str, ...], advice: str) -> None:
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
        raise NotInstalled(f"`{shlex.join(command)}` failed ({last_line}): {advice}")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let processes that miss something at the same time take turns: apt-get itself fails at once."""
    import fcntl  # there is none on Windows, and no apt-get either

    path = Path(tempfile.gettempdir()) / f"sapi-broker-install-{os.geteuid()}.lock"
    lock = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def _no_services(*, enabled: bool) -> Iterator[None]:
    """Keep the package from starting its own service, unless the machine has a policy of its own."""
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
