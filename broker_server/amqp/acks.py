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
        # Runs of acked tags behind one that is not, by both of their ends: there are never more of them than
        # unacked messages, however long the first of these takes.
        self._run_ends: dict[int, int] = {}
        self._run_starts: dict[int, int] = {}
        self._finished: list[int] = []

    def add(self, tag: int) -> None:
        """Ack a message at the end of this turn of the event loop."""
        if not self._finished:
            self._loop.call_soon(self._flush)
        self._finished.append(tag)

    def give_back(self, tag: int) -> None:
        """Put a message back into its queue, now."""
        if self._channel.is_open:
            self._note_ahead(tag)  # no ack may wait for it
            self._channel.basic_nack(tag, requeue=True)

    def _flush(self) -> None:
        finished = set(self._finished)
        self._finished.clear()
        if not self._channel.is_open:
            return
        # The tag of a multiple ack must itself be unacked: the broker closes the channel for an unknown one.
        newest = 0
        while True:
            tag = self._acked_up_to + 1
            if tag in finished:
                newest = self._acked_up_to = tag
                finished.discard(tag)
            elif tag in self._run_ends:
                self._acked_up_to = self._run_ends.pop(tag)
                del self._run_starts[self._acked_up_to]
            else:
                break
        if newest:
            self._channel.basic_ack(newest, multiple=True)
        for tag in sorted(finished):
            self._note_ahead(tag)
            self._channel.basic_ack(tag)

    def _note_ahead(self, tag: int) -> None:
        start = self._run_starts.pop(tag - 1, tag)
        end = self._run_ends.pop(tag + 1, tag)
        self._run_ends[start] = end
        self._run_starts[end] = start
