"""Where events go: a routing key of the exchange, or the reply queue of a subscription."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from broker_client.protocol import Environment
from broker_server.core.feeds import Incoming
from broker_server.core.reply_styles import EventStyle
from broker_server.streams.messages import Envelope, encode_event, with_marks

Form = Literal["common", "raw", "vendor"] | EventStyle
"""Of an event: the common model, that with the vendor's ``fields`` added, the vendor's own, or a shape that
another server gave it.
"""


class Event:
    """One event on its way; it is turned into bytes when the first message with it is sent, and only once.

    Args:
        incoming: What came in.
        at: When, as `messages.moment` writes it.
        marks: More keys of the event.
    """

    __slots__ = ("_common", "_marks", "_raw", "_shaped", "_vendor", "at", "incoming")

    def __init__(self, incoming: Incoming, at: bytes, marks: Mapping[str, Any] | None = None) -> None:
        self.incoming = incoming
        self.at = at
        self._marks = marks
        self._common: bytes | None = None
        self._raw: bytes | None = None
        self._vendor: bytes | None = None
        self._shaped: dict[EventStyle, bytes] | None = None

    def encoded(self, form: Form) -> bytes:
        """Its bytes in one of its forms."""
        if form == "common":
            if self._common is None:
                self._common = self._encode(self.incoming.event())
            return self._common
        if form == "vendor":
            if self._vendor is None:
                self._vendor = self._encode(self.incoming.raw_event())
            return self._vendor
        if isinstance(form, EventStyle):
            return self._in_style(form)
        if self._raw is None:
            self._raw = self._encode(self._with_fields())
        return self._raw

    def _in_style(self, style: EventStyle) -> bytes:
        if self._shaped is None:
            self._shaped = {}
        shaped = self._shaped.get(style)
        if shaped is None:
            event = style.shape(self.incoming.raw_event())
            shaped = self._encode(event) if style.message is None else encode_event(event)
            self._shaped[style] = shaped
        return shaped

    def _with_fields(self) -> dict[str, Any]:
        raw = self.incoming.raw_event()
        return self.incoming.event() | {name: raw[name] for name in ("fields", "extra") if name in raw}

    def _encode(self, event: dict[str, Any]) -> bytes:
        encoded = encode_event(event)
        return with_marks(encoded, self._marks) if self._marks else encoded


class Outlet:
    """One sequence of messages. An epoch is begun anew where something may be missing.

    Args:
        task_id: The subscription's, or `messages.BROADCAST`.
        key: ``<channel>.<subject>``.
        environment: The worker's.
        form: Of its events.
        new_epoch: Makes the name of an epoch: plain ASCII, never used before.

    Attributes:
        part: Of the stream, as it is published now: `interrupt` begins another one. What is published may
            wait before it is sent, and its epoch is that of its own part.
    """

    __slots__ = (
        "_epoch",
        "_message",
        "_new_epoch",
        "_part",
        "_sequence",
        "_task_id",
        "envelope",
        "form",
        "key",
        "part",
    )

    def __init__(
        self,
        task_id: str,
        key: str,
        environment: Environment,
        form: Form,
        new_epoch: Callable[[], bytes],
    ) -> None:
        self.envelope = Envelope(task_id, key, environment)
        self.key = key
        self.form: Form = form
        self.part = 0
        self._part = 0
        self._new_epoch = new_epoch
        self._epoch = new_epoch()
        self._sequence = 0
        self._task_id = task_id
        self._message = form.message if isinstance(form, EventStyle) else None

    @property
    def only_events(self) -> bool:
        """Whether nothing else is to be sent there."""
        return self._message is not None

    def render(self, encoded: bytes, at: bytes, part: int, conflated: int = 0) -> bytes:
        """The next message of the sequence; for when it is really sent.

        Args:
            encoded: An event in this outlet's form.
            at: See `Event`.
            part: `part` as it was when the event was published.
            conflated: How many older ones it stands for besides itself.
        """
        if part != self._part:
            self._part = part
            self.skip()
        self._sequence += 1
        if self._message is not None:
            return self._message(self._task_id, encoded, at)
        if conflated:
            encoded = with_marks(encoded, {"conflated": conflated})
        return self.envelope.event(encoded, at=at, epoch=self._epoch, sequence=self._sequence)

    def interrupt(self) -> None:
        """Something may be missing before the next event that is published."""
        self.part += 1

    def skip(self) -> None:
        """Something is missing before the next message that is sent."""
        if self._sequence:
            self._epoch = self._new_epoch()
            self._sequence = 0


def epochs(started_at: int) -> Callable[[], bytes]:
    """Makes the names of epochs of one run of a worker.

    Args:
        started_at: Milliseconds since 1970: another run has other names.
    """
    number = 0

    def new_epoch() -> bytes:
        nonlocal number
        number += 1
        return b"%d-%d" % (started_at, number)

    return new_epoch
