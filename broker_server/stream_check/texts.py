"""What ``broker-server check --stream`` says: of a record, of a worker's feed, and in the end. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from broker_client.errors import SubscriptionLimit, TaskFailed
from broker_server.core.sessions import SessionRun, SessionTable

ENOUGH_FRAMES = 3
"""So many, and the feed has proved itself."""

_KOREA = ZoneInfo("Asia/Seoul")
_IN_USE = "OPSP8996"
_MOST_OPENINGS = 60
_FEW_FIELDS = 4

_TIME = re.compile(r"BSOP_HOUR|STCK_CNTG_HOUR|XHMS|.*_HOUR|.*HMS|.*TIME")
_PRICE = re.compile(r"STCK_PRPR|LAST|.*PRPR|PRPR_NMIX|CNTG_UNPR|.*_PRICE")
_ASK, _BID = re.compile(r"(?:\w+_)?ASKP\d+|PASK\d*"), re.compile(r"(?:\w+_)?BIDP\d+|PBID\d*")


@dataclass
class Sight:
    """What was seen of one stream so far.

    Attributes:
        label: How it is called, such as ``kis:H0STCNT0:005930``; nothing personal.
        venue: In whose hours it should flow; ``None`` where silence says nothing.
        notices: It brings news of own orders.
        worker: The worker that was asked; ``None`` if the key was used here.
        connected: A connection was open.
        asked: The vendor was asked for it.
        acknowledged: The vendor has it registered.
        frames: Data frames; through a worker its messages.
        records: Records in them.
        first_at: Seconds from the start to the first.
        last_at: To the last.
        pings: The vendor's signs of life.
        refused: Why the vendor does not send it.
        code: The vendor's last answer that was no acknowledgement.
        failure: What went wrong last and was not made good.
        noticed: What a worker has said about its silence.
        unusable: Records that could not be decoded, by reason.
        registered: Registrations that the feed holds, and of how many it can: for a limit.
    """

    label: str
    venue: str | None = None
    notices: bool = False
    worker: str | None = None
    connected: bool = False
    asked: bool = False
    acknowledged: bool = False
    frames: int = 0
    records: int = 0
    first_at: float | None = None
    last_at: float = 0.0
    pings: int = 0
    refused: TaskFailed | None = None
    code: str = ""
    failure: str | None = None
    noticed: str | None = None
    unusable: Mapping[str, int] = field(default_factory=dict)
    registered: tuple[int, int] | None = None

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.refused is not None or self.frames >= ENOUGH_FRAMES


@dataclass(frozen=True, slots=True)
class StreamVerdict:
    """The last word on one stream.

    Attributes:
        mark: ``ok``: data came; ``FAIL``: it should have and did not; ``none``: it did not, and nothing seems
            to be wrong.
    """

    mark: Literal["ok", "FAIL", "none"]
    text: str

    def __str__(self) -> str:
        return f"{self.mark:<4} {self.text}"


def verdict(sight: Sight, table: SessionTable, now: datetime, waited: float) -> StreamVerdict:
    """Whether data came, and if not, why.

    Args:
        sight: What was seen.
        table: When markets trade.
        now: With an offset.
        waited: Seconds since the start.
    """
    mark: Literal["ok", "FAIL", "none"]
    if sight.first_at is not None:
        mark, text = "ok", f"data after {sight.first_at:.1f} s: {_data(sight)} within {sight.last_at:.1f} s"
    elif (fault := _fault(sight, waited)) is not None:
        mark, text = "FAIL", fault
    elif (quiet := _why_quiet(sight, table, now)) is not None:
        mark, text = "none", f"acknowledged; nothing came within {waited:.0f} s. {quiet}"
    else:
        mark, text = "FAIL", _mute(sight, table, now, waited)
    return StreamVerdict(mark, f"{sight.label}: {text}")


def is_explained(sight: Sight) -> bool:
    """Whether a refusal says all there is to say: one for a limit does not have the numbers."""
    return sight.refused is not None and not isinstance(sight.refused, SubscriptionLimit)


def _data(sight: Sight) -> str:
    if sight.worker is not None:
        return counted(sight.frames, "event")
    return f"{counted(sight.frames, 'frame')} with {counted(sight.records, 'record')}"


def _fault(sight: Sight, waited: float) -> str | None:
    if sight.refused is not None:
        return _refused(sight, sight.refused)
    if sight.code == _IN_USE or _IN_USE in (sight.failure or ""):
        return (
            f"another session uses this app key ({_IN_USE}); stop the other program that has it. A session "
            "that ended uncleanly is counted for a while: wait some minutes, KIS blocks keys that keep trying"
        )
    if not sight.acknowledged:
        return _not_registered(sight, waited)
    if sight.unusable:
        kinds = ", ".join(f"{reason} {count}" for reason, count in sorted(sight.unusable.items()))
        return f"data came, and none of it could be decoded ({kinds}): KIS sends another layout than it did"
    return None


def _refused(sight: Sight, error: TaskFailed) -> str:
    if isinstance(error, SubscriptionLimit) and sight.registered is not None:
        held, capacity = sight.registered
        return f"{error.message} ({held} of {capacity} registrations are taken)"
    return error.message


def _not_registered(sight: Sight, waited: float) -> str:
    if sight.failure is not None:
        return sight.failure
    if sight.worker is not None:
        return f"the worker has not got it registered within {waited:.0f} s; its log says more"
    if not sight.connected:
        return f"no connection within {waited:.0f} s"
    if sight.asked:
        return f"connected, but the request was not answered within {waited:.0f} s"
    return f"connected, but it was not asked for within {waited:.0f} s"


def _why_quiet(sight: Sight, table: SessionTable, now: datetime) -> str | None:
    """Why silence is as it should be."""
    if sight.notices:
        return "Notices come when an order of the account is placed, filled or cancelled; place one to see"
    if sight.venue is None:
        return "When this TR sends is not in the table of market sessions, so nothing may be wrong"
    phase = table.phase(sight.venue, now)
    if phase.is_continuous:
        return None
    running = " and ".join(str(run) for run in phase.running)
    state = f"does not trade continuously now ({running})" if running else "is closed"
    return f"{sight.venue} {state}; {_opens(next_trading(table, sight.venue, now))}{_hint(sight.venue)}"


def _mute(sight: Sight, table: SessionTable, now: datetime, waited: float) -> str:
    running = table.phase(sight.venue or "", now).running
    until = max((run.closes for run in running if run.kind == "continuous"), default=None)
    trades = f"{sight.venue} trades" + (f" (until {in_korea(until)})" if until is not None else "")
    alive = f"; KIS sent {counted(sight.pings, 'PINGPONG')}" if sight.pings else ""
    told = f"; {sight.noticed}" if sight.noticed else ""
    return (
        f"connected and acknowledged, but mute for {waited:.0f} s while {trades}{alive}{told}. A quiet "
        "stock may be silent: try a busy one, or more --seconds; if all are silent, KIS does not broadcast"
    )


def next_trading(table: SessionTable, venue: str, now: datetime) -> SessionRun | None:
    """The next session of a venue in which trades may happen at any moment."""
    for _ in range(_MOST_OPENINGS):
        run = table.phase(venue, now).next_opening
        if run is None or run.kind == "continuous":
            return run
        now = run.opens
    return None


def _opens(run: SessionRun | None) -> str:
    if run is None:
        return "the table of market sessions has no opening for it"
    return f"it opens next with {run} at {in_korea(run.opens)}"


def _hint(venue: str) -> str:
    if venue not in ("US-DAY", "US-NIGHT"):
        return ""
    return ". The American day market has keys of its own, such as RBAQAAPL; the other sessions have DNASAAPL"


def in_korea(moment: datetime) -> str:
    """A time as it is read in Korea."""
    return f"{moment.astimezone(_KOREA):%Y-%m-%d %H:%M} KST"


def counted(number: int, noun: str) -> str:
    """``1 frame``, ``2 frames``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def short_form(event: Mapping[str, Any]) -> str:
    """A record in one line: what, when, at which price.

    Args:
        event: In the common model, or by the vendor's own names.
    """
    if "fields" in event:
        return _own_names(event)
    head = f"{str(event['type']).replace('_', ' ')} of {event.get('ticker')} at {event.get('time')}"
    if event["type"] == "order_book":
        bids, asks = event["bids"], event["asks"]
        return f"{head}: bid {_level(bids)}, ask {_level(asks)}, {len(bids)} + {len(asks)} levels"
    if event["type"] == "execution":
        head = f"{event['event']} of {event['ticker']} at {event['time']}"
    value = event.get("price") if "price" in event else event.get("value", event.get("phase_code"))
    quantity = event.get("quantity")
    return f"{head}: {value}" + (f" x {quantity}" if quantity is not None else "")


def _level(levels: Iterable[Mapping[str, Any]]) -> str:
    return next((f"{level['price']} x {level['quantity']}" for level in levels), "none")


def _own_names(event: Mapping[str, Any]) -> str:
    values = {name: value for name, value in event["fields"].items() if value is not None}
    head = f"{event['type']} {event['key']}"
    asks, bids = ([name for name in values if form.fullmatch(name)] for form in (_ASK, _BID))
    shown = [next((name for name in values if form.fullmatch(name)), None) for form in (_TIME, _PRICE)]
    if shown[1] is None:
        shown += [next(iter(names), None) for names in (bids, asks)]
    named = [name for name in shown if name is not None] or list(values)[1 : 1 + _FEW_FIELDS]
    text = ", ".join(f"{name} {values[name]}" for name in named)
    return f"{head}: {text}" + (f", {len(bids)} + {len(asks)} levels" if shown[1] is None and bids else "")


def feed_of(row: Mapping[str, Any], vendor: str) -> Mapping[str, Any]:
    """What a worker's status says of a vendor's live connections; empty if it has none."""
    feed: Mapping[str, Any] = (row.get("streams") or {}).get(vendor, {}).get("feed") or {}
    return feed


def feed_line(feed: Mapping[str, Any]) -> str:
    """The same in words."""
    if not feed.get("sessions"):
        return "no live connection"
    parts = [f"{feed['registered']} of {feed['capacity']} registrations held"]
    for session in feed["sessions"]:
        words = f"{session['environment']} key {session['state']}, approval key {session['approval_key']}"
        if session["last_failure"]:
            words += (
                f", {counted(session['failures'], 'failure')} in a row, the last: {session['last_failure']}"
            )
        parts.append(words)
    return "; ".join(parts)
