"""The bytes of the messages of streams.

An event is encoded once, however many get it: each message is its bytes between a head and a tail.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from broker_client.json_bytes import json_bytes
from broker_client.protocol import Environment, encode_reply

BROADCAST = "broker.realtime"
"""The task_id of what is published to the exchange: it belongs to no task."""


def encode_event(event: Mapping[str, Any]) -> bytes:
    """One event as JSON.

    Raises:
        TypeError: A value is no JSON value.
    """
    return json_bytes(event)


def with_marks(event: bytes, marks: Mapping[str, Any]) -> bytes:
    """An encoded event with more keys at its end: ``snapshot``, ``mode``, ``conflated``.

    Args:
        event: A JSON object that is not empty.
    """
    return event[:-1] + b"," + orjson.dumps(marks)[1:] if marks else event


class Envelope:
    """What surrounds the events of one key of one subscription, or of one routing key.

    Args:
        task_id: The subscription's, or `BROADCAST`.
        key: ``<channel>.<subject>``.
        environment: The worker's.
    """

    __slots__ = ("_environment", "_head", "_key", "_tail", "_task_id")

    def __init__(self, task_id: str, key: str, environment: Environment) -> None:
        self._task_id = task_id
        self._key = key
        self._environment = environment
        self._head = b'{"task_id":' + orjson.dumps(task_id) + b',"result":['
        self._tail = (
            b'","status":"TASK_SUCCEED","kind":"event","environment":'
            + orjson.dumps(environment)
            + b',"key":'
            + orjson.dumps(key)
            + b',"epoch":"'
        )

    def event(self, event: bytes, *, at: bytes, epoch: bytes, sequence: int) -> bytes:
        """A message with one event.

        Args:
            event: Encoded.
            at: The response time, from `moment`.
            epoch: Plain ASCII.
            sequence: Within the epoch, from 1.
        """
        return b'%b%b],"response_time":"%b%b%b","sequence":%d}' % (
            self._head,
            event,
            at,
            self._tail,
            epoch,
            sequence,
        )

    def status(self, state: str, *, now: datetime, **more: Any) -> bytes:
        """A message about the subscription itself.

        Args:
            state: ``live``, ``stale``, ``reconnecting``, ``polling``, ``gap``, ``suspended``, ``dropped``,
                ``refused``.
            more: ``reason`` and the like; JSON values.
        """
        return encode_reply(
            self._task_id,
            [{"type": "status", "state": state, **more}],
            now=now,
            environment=self._environment,
            kind="status",
            extra={"key": self._key},
        )


def moment(now: datetime) -> bytes:
    """A response time as `Envelope.event` takes it: what `utc_text` writes, at a third of the time."""
    encoded = orjson.dumps(now.astimezone(UTC), option=orjson.OPT_UTC_Z)
    # "2026-11-20T00:00:00.123456Z", and without the fraction where it is zero
    return encoded[1:24] + b"Z" if now.microsecond else encoded[1:20] + b".000Z"
