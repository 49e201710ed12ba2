"""The same echo on Celery: prefork with two processes, the rpc backend, a quorum queue, else its defaults.

Usage: ``python -m bench.celery_echo URL QUEUE``; prints ``ready`` once it consumes.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from celery import Celery
from celery.signals import worker_ready
from kombu import Exchange, Queue

TASK = "bench.echo"


def task_message(number: int) -> bytes:
    """The body of a task that is given one argument, in Celery's protocol 2."""
    embedded = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return json.dumps([[f"bench-{number}"], {}, embedded]).encode()


def task_properties(id: str) -> dict[str, Any]:
    """What makes that body a task of this id."""
    return {
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "headers": {"lang": "py", "task": TASK, "id": id, "root_id": id, "parent_id": None, "group": None},
    }


def echo(given: str) -> str:
    """The task."""
    return given


def main(url: str, queue: str) -> None:
    """Serve until killed."""
    app = Celery("bench", broker=url, backend="rpc://")
    kind = {"x-queue-type": "quorum"}
    app.conf.task_queues = [Queue(queue, Exchange(""), routing_key=queue, queue_arguments=kind)]
    app.conf.worker_detect_quorum_queues = True
    app.conf.worker_redirect_stdouts = False  # or "ready" would go to its log
    app.task(name=TASK)(echo)
    worker_ready.connect(lambda **_: print("ready", flush=True), weak=False)
    workers = ["--pool=prefork", "--concurrency=2", "--without-gossip", "--without-mingle"]
    app.worker_main(["worker", *workers, f"--queues={queue}", "--loglevel=ERROR"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
