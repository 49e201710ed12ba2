"""An event between its publication and the moment when it is really sent."""

from __future__ import annotations

from broker_server.core.measuring import TickTimer
from broker_server.streams.outlets import Event, Outlet


class UnsentEvent:
    """Makes the message of an event; called once, when it is sent: then it gets its sequence number.

    It is one small object because tens of thousands may wait. Most quotes that wait are replaced by newer
    ones, so theirs are encoded when they are sent. All others are encoded at once: a few hundred bytes are
    kept then, and not the record that they come from, which takes some thousands.

    Args:
        outlet: Whose sequence.
        part: Of the stream; see `Outlet`.
        skipped: How many older ones it stands for besides itself.
        timer: Times it.
    """

    __slots__ = ("_at", "_came", "_encoded", "_event", "_outlet", "_part", "_skipped", "_timer")

    def __init__(
        self, outlet: Outlet, event: Event, part: int, skipped: int, timer: TickTimer | None
    ) -> None:
        self._outlet = outlet
        self._at = event.at
        self._part = part
        self._skipped = skipped
        self._timer = timer
        self._came = 0.0 if timer is None else timer.now()
        self._encoded = b""
        self._event: Event | None = event
        if not event.incoming.conflatable:
            self._encode(event)

    def __call__(self, conflated: int) -> bytes:
        """The message.

        Args:
            conflated: How many older ones it replaces.

        Raises:
            Exception: The event cannot be encoded.
        """
        if self._timer is not None:
            self._timer.sent(self._came)
        encoded = self._encoded if self._event is None else self._event.encoded(self._outlet.form)
        return self._outlet.render(encoded, self._at, self._part, conflated + self._skipped)

    def _encode(self, event: Event) -> None:
        try:
            self._encoded = event.encoded(self._outlet.form)
        except Exception:
            return  # it fails again when it is sent, and there it is counted and told
        self._event = None
