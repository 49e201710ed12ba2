"""``broker-server rabbitmq``: a private node in the foreground."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from broker_client.errors import BrokerUnreachable
from broker_server.amqp.private_node.node import PrivateNode, default_folder


class _AskedToStop(BaseException):
    """SIGINT or SIGTERM came while the node was starting."""


def run_foreground(
    folder: Path | None = None, *, port: int | None = None, plugins: tuple[str, ...] = ()
) -> int:
    """Keep a node running until SIGINT or SIGTERM; the first line on stdout is its URL.

    Args:
        folder: The node's data folder; None: `default_folder`.
        port: The AMQP port; None: the folder's last one, 5672, or a free one.
        plugins: Plugins to enable.

    Returns:
        The exit code: 0 after a signal, 1 when the node ended by itself, 2 when it does not start.
    """
    asked_to_stop = threading.Event()
    started = threading.Event()
    finished = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        first = not asked_to_stop.is_set()
        asked_to_stop.set()
        finished.set()
        if first and not started.is_set():
            # The start blocks for seconds. Its keeper ends the node when this user is gone.
            raise _AskedToStop

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        node = PrivateNode.start(folder or default_folder(), port=port, plugins=plugins)
        started.set()
    except _AskedToStop:
        return 0
    except BrokerUnreachable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    else:
        with node:
            sys.stdout.write(f"{node.url}\n")
            sys.stdout.flush()
            if node.joined:
                sys.stderr.write("joined the node that was running already\n")
            sys.stderr.write(f"data and log: {node.folder}\n")
            threading.Thread(target=_wait_for_end, args=(node, finished), daemon=True).start()
            finished.wait()
            if not asked_to_stop.is_set():
                sys.stderr.write(f"the node ended by itself; its log: {node.log_file}\n")
        return 0 if asked_to_stop.is_set() else 1
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _wait_for_end(node: PrivateNode, finished: threading.Event) -> None:
    node.wait()
    finished.set()
