"""Acks several finished messages with one frame.

Tasks finish in any order; the broker's ``multiple`` flag acks everything up to a tag. So the acks of one turn
of the event loop are gathered: the finished run at the front goes out as one frame, stragglers one by one.
On a quorum queue every ack frame is a command of its own in the replicated log, which makes this the largest
single saving on the hot path.
"""

from __future__ import annotations

import asyncio

from pika.channel import Channel


class Acks:
    """The finished messages of one consuming channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._acked_up_to = 0
        self._acked_ahead: set[int] = set()
        self._finished: list[int] = []

    def add(self, tag: int) -> None:
        """Ack a message at the end of this turn of the event loop."""
        if not self._finished:
            self._loop.call_soon(self._flush)
        self._finished.append(tag)

    def give_back(self, tag: int) -> None:
        """Put a message back into its queue, now."""
        if self._channel.is_open:
            self._acked_ahead.add(tag)  # no ack may wait for it
            self._channel.basic_nack(tag, requeue=True)

    def _flush(self) -> None:
        finished = set(self._finished)
        self._finished.clear()
        if not self._channel.is_open:
            return
        # The tag of a multiple ack must itself be unacked: the broker closes the channel for an unknown one.
        newest = 0
        while (tag := self._acked_up_to + 1) in finished or tag in self._acked_ahead:
            self._acked_up_to = tag
            if tag in finished:
                newest = tag
                finished.discard(tag)
            else:
                self._acked_ahead.discard(tag)
        if newest:
            self._channel.basic_ack(newest, multiple=True)
        for tag in sorted(finished):
            self._acked_ahead.add(tag)
            self._channel.basic_ack(tag)
