"""Many frames a second over the present registrations, at little cost.

Records are rendered now and then, and each frame of a trade gets the next volume written into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from broker_server.simulator.connections import websocket_frame
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kis.realtime.sessions import Session
from broker_server.simulator.kis.realtime.streams import Record, Stream, record_of
from broker_server.simulator.kis.realtime.subjects import Subject
from broker_server.simulator.kis.realtime.wire import data_frame
from broker_server.simulator.market import Market
from broker_server.simulator.stream_faults import StreamFault

STEP_SECONDS = 0.01
FRESH_SECONDS = 0.2
MAX_BACKLOG = 1 << 20
"""Bytes that a session may leave unread before its share is put off."""

_QUANTITIES = ("CNTG_VOL", "LAST_CNQN", "EVOL")
_VOLUMES = ("ACML_VOL", "TVOL")


@dataclass(slots=True)
class _Template:
    """A frame's payload around its quantity and volume, which stand side by side; without them, the frame."""

    before: bytes
    after: bytes
    rising: bool
    rendered: float


class LoadTarget:
    """One stream under load.

    Args:
        stream: Its product.
        market: Where the trades are added up.
    """

    def __init__(self, stream: Stream, market: Market) -> None:
        self.stream = stream
        self._market = market
        self._template: _Template | None = None
        source = stream.subject.source
        self._instrument: Instrument | None = getattr(source, "instrument", None)

    def frames(self, count: int, records: int, now: datetime, seconds: float) -> bytes:
        """So many WebSocket frames in one piece.

        Args:
            count: Frames.
            records: In each.
            now: The simulated time.
            seconds: The real time, which says when to render anew.
        """
        template = self._template
        jump = 0
        if template is None or seconds - template.rendered >= FRESH_SECONDS:
            template, jump = self._render(now, seconds, records)
            self._template = template
        if not template.rising:
            return template.before * count
        volume = self.stream.volume
        head = f"0|{self.stream.subject.tr.tr_id}|{records:03d}|".encode()
        before, after = template.before, template.after
        found = []
        for _ in range(count):
            parts = []
            for _ in range(records):
                volume += 1 + jump
                parts.append(b"%b%d^%d%b" % (before, 1 + jump, volume, after))
                jump = 0
            found.append(websocket_frame(head + b"^".join(parts)))
        if self._instrument is not None:
            self._market.add_volume(self._instrument, count * records)
        self.stream.volume = volume
        return b"".join(found)

    def _render(self, now: datetime, seconds: float, records: int) -> tuple[_Template, int]:
        """A fresh template, and how much was traded besides since the last one."""
        subject = self.stream.subject
        facts = self.stream.facts(now)
        facts.traded = 1
        record = record_of(subject, facts)
        names = [field.name for field in subject.tr.fields]
        place = next((i for i, name in enumerate(names) if name in _QUANTITIES), None)
        if subject.tr.kind != "trade" or place is None or names[place + 1] not in _VOLUMES:
            whole = websocket_frame(data_frame(subject.tr.tr_id, [record] * records))
            return _Template(whole, b"", rising=False, rendered=seconds), 0
        before, after = _around(record, place)
        jump = max(0, facts.volume - self.stream.volume)
        return _Template(before, after, rising=True, rendered=seconds), jump


class Load:
    """One ordered load.

    Args:
        fault: What was ordered.
        market: The simulated market.
        now: Real seconds.
    """

    def __init__(self, fault: StreamFault, market: Market, now: float) -> None:
        self.fault = fault
        self._market = market
        self._done_at = now
        self._owed = 0.0
        self._targets: dict[Stream, LoadTarget] = {}
        self._next = 0

    def covers(self, stream: Stream) -> bool:
        """Whether the stream's own frames are put off, since the load sends them."""
        return stream in self._targets

    def step(
        self,
        targets: Sequence[tuple[Stream, Sequence[Session]]],
        now: datetime,
        seconds: float,
        is_heard: Callable[[Session, Subject], bool],
    ) -> None:
        """Send what is due.

        Args:
            targets: The streams it is spread over, with their sessions.
            now: The simulated time.
            seconds: The real time.
            is_heard: Whether a session gets a subject's frames at present.
        """
        request = self.fault.request
        self._owed += (seconds - self._done_at) * (request.rate or 0)
        self._done_at = seconds
        self._owed = min(self._owed, (request.rate or 0) * 0.5)  # after a pause, not all at once
        wanted = {stream for stream, _ in targets}
        self._targets = {stream: target for stream, target in self._targets.items() if stream in wanted}
        due = int(self._owed)
        if not targets or not due:
            return
        self._owed -= due
        pieces: dict[Session, list[bytes]] = {}
        share, rest = divmod(due, len(targets))
        for i in range(len(targets)):
            stream, sessions = targets[(i + self._next) % len(targets)]
            count = share + (i < rest)
            heard = [each for each in sessions if is_heard(each, stream.subject)]
            if not count or not heard or max(each.connection.backlog for each in heard) > MAX_BACKLOG:
                continue
            target = self._targets.get(stream)
            if target is None:
                target = self._targets[stream] = LoadTarget(stream, self._market)
            frames = target.frames(count, request.records or 1, now, seconds)
            for session in heard:
                pieces.setdefault(session, []).append(frames)
            self.fault.hits += count * len(heard)
        for session, frames_of_it in pieces.items():
            session.connection.send(b"".join(frames_of_it))
        self._next = (self._next + rest) % len(targets)


def _around(record: Record, place: int) -> tuple[bytes, bytes]:
    before, after = "^".join(record[:place]) + "^", "".join("^" + value for value in record[place + 2 :])
    return before.encode(), after.encode()
