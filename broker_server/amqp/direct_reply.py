"""Tells a direct reply-to address that RabbitMQ made from text that only looks like one.

RabbitMQ replaces ``amq.rabbitmq.reply-to`` by ``amq.rabbitmq.reply-to.<process>.<key>``. The process part is
base 64 of an Erlang process id in the external term format, whose node is written ``<prefix>@<hash>``
(``rabbit_direct_reply_to`` of 3.10, ``rabbit_volatile_queue`` of 4.2). Up to 4.1 a broker that is given
another process part to publish to fails itself and closes the connection (541 INTERNAL_ERROR, seen on
3.10.8), so that the task behind it comes again and again.
"""

from __future__ import annotations

import base64
import binascii
import re

from broker_client.protocol import DIRECT_REPLY_TO

_PROCESS = re.compile(
    rb"\x83X"  # a term that is a process id
    rb"(?:[ws](?P<short>.)|[vd](?P<long>..))"  # an atom with a length of one or two bytes
    rb"(?P<node>[^@]*@[0-9]+)"
    rb".{12}\Z",  # number, serial and creation
    re.DOTALL,
)


def looks_direct(address: str) -> bool:
    """Whether the address begins as direct ones do; no real queue may have such a name."""
    return address.startswith(DIRECT_REPLY_TO)


def is_direct(address: str) -> bool:
    """Whether RabbitMQ can have made that address."""
    process, dot, key = address.removeprefix(f"{DIRECT_REPLY_TO}.").partition(".")
    if not looks_direct(address) or not dot or not key:
        return False
    try:
        term = base64.b64decode(process, validate=True)
    except (binascii.Error, ValueError):
        return False
    found = _PROCESS.match(term)
    if found is None:
        return False
    length = found["short"] if found["short"] is not None else found["long"]
    return int.from_bytes(length, "big") == len(found["node"])
