"""Faults of live data that a test orders: what goes wrong with sessions, registrations and frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from broker_server.simulator.faults import VendorName

StreamFaultKind = Literal[
    "drop",
    "close",
    "duplicate_session",
    "half_open",
    "mute",
    "append_columns",
    "short_records",
    "wrong_key",
    "unanswered",
    "refuse",
    "reject",
    "notice",
    "load",
    "message",
    "signal",
]
STREAM_FAULTS = frozenset(get_args(StreamFaultKind))
INSTANT = frozenset({"drop", "close", "notice", "message", "signal"})
SPOILS_FRAMES = frozenset({"append_columns", "short_records", "wrong_key"})
_KIS_ONLY = SPOILS_FRAMES | {"notice"}
_KOSCOM_ONLY = frozenset({"message", "signal"})
_KOSCOM_CODE_LENGTHS = (2, 5)
_MOST_FRAMES = 100_000
_COUNTED = frozenset({"unanswered", "refuse", "reject"})


class SessionKey(NamedTuple):
    """What faults name a session by.

    Attributes:
        app_key: Its app key.
        name: What the control server calls it.
        vendor: Whose session.
    """

    app_key: str
    name: str
    vendor: str


class StreamFaultRequest(BaseModel):
    """The body of ``POST /faults`` for live data.

    Attributes:
        fault: What goes wrong. ``drop`` ends sessions without a closing frame and ``close`` with one;
            ``duplicate_session`` tells them that somebody else uses their app key, and new ones too while it
            lasts; ``half_open`` keeps the connection and says nothing more; ``mute`` sends no data;
            ``append_columns``, ``short_records`` and ``wrong_key`` spoil every record; ``unanswered``
            withholds the acknowledgement of a registration that took effect; ``refuse`` refuses one;
            ``reject`` takes an order and then reports that the exchange rejected it; ``notice`` sends an
            invented notice of futures or options; ``load`` sends many frames; ``message`` sends
            ``text`` as it is; ``signal`` tells a time that is none.
        vendor: Only sessions, and orders, of that vendor.
        key: Only sessions of that app key: ``real``, ``paper``, ``mock``, or the key itself.
        tr: Only that TR or type; shell wildcards.
        symbol: Only that ``tr_key`` or item, or the symbol in it; shell wildcards. Of ``reject``, the
            instrument's.
        count: For how many requests, orders or frames; null until deleted. When absent, one for
            ``unanswered``, ``refuse`` and ``reject``, and null for the others.
        skip: Let that many of them through first.
        seconds: How long it lasts; until deleted when absent. ``duplicate_session`` without it is for the
            sessions of the moment alone.
        code: Of ``refuse``: ``OPSP…`` of KIS, six digits of Kiwoom, or 47 or five digits of KOSCOM. Of
            ``signal``: the eight digits of ``trdTm``.
        columns: How many values are appended or missing.
        rate: Frames per second of ``load``, all registrations at a vendor together; of KOSCOM issue updates
            of the market-wide feeds.
        records: Records per frame of ``load``; one, of KOSCOM as many as an array has.
        issues: Of a ``load`` of KOSCOM: so many in each market; the whole market when absent.
        text: Of ``message``.
    """

    model_config = ConfigDict(extra="forbid")

    fault: StreamFaultKind
    vendor: VendorName | None = None
    key: str | None = None
    tr: str | None = None
    symbol: str | None = None
    count: int | None = Field(default=None, ge=1)
    skip: int = Field(default=0, ge=0)
    seconds: float | None = Field(default=None, ge=0, le=86_400)
    code: str | None = Field(default=None, pattern=r"^(OPSP\d{4}|47|\d{5,6}|\d{8})$")
    columns: int = Field(default=1, ge=1, le=100)
    rate: float | None = Field(default=None, gt=0, le=1_000_000)
    records: int | None = Field(default=None, ge=1, le=999)
    issues: int | None = Field(default=None, ge=1, le=50_000)
    text: str | None = Field(default=None, max_length=1 << 20)

    @model_validator(mode="after")
    def _complete(self) -> StreamFaultRequest:
        if (self.fault in ("refuse", "signal")) != (self.code is not None):
            raise ValueError(
                "refuse and signal, and nothing else, take code: OPSP0007, 105110, 10040, 31000000"
            )
        is_signal = self.code is not None and len(self.code) == 8 and self.code.isdigit()
        if self.code is not None and (self.fault == "signal") != is_signal:
            raise ValueError("signal, and nothing else, takes a code of eight digits, for example 31000000")
        if self.fault == "refuse" and self.code is not None:
            self.vendor = _whose(self.code)
        if self.fault in _KIS_ONLY:
            if self.vendor not in (None, "kis"):
                raise ValueError(f"{self.fault} is KIS's alone")
            self.vendor = "kis"
        if self.fault in _KOSCOM_ONLY:
            if self.vendor not in (None, "koscom"):
                raise ValueError(f"{self.fault} is KOSCOM's alone")
            self.vendor = "koscom"
        if self.fault == "load" and self.vendor != "koscom" and (self.rate or 0) > _MOST_FRAMES:
            raise ValueError(f"rate must be <= {_MOST_FRAMES} frames per second, but of vendor koscom")
        if (self.fault == "message") != (self.text is not None):
            raise ValueError("message, and nothing else, takes text: what is sent as it is")
        if self.issues is not None and (self.fault, self.vendor) != ("load", "koscom"):
            raise ValueError("issues is of a load of vendor koscom alone")
        if (self.fault == "load") != (self.rate is not None):
            raise ValueError("load, and nothing else, takes rate in frames per second")
        if "count" not in self.model_fields_set and self.fault in _COUNTED:
            self.count = 1
        return self


def _whose(code: str) -> VendorName:
    if code.startswith("OPSP"):
        return "kis"
    return "koscom" if len(code) in _KOSCOM_CODE_LENGTHS else "kiwoom"


class StreamFault:
    """One ordered fault.

    Attributes:
        id: Its number, for `GET /faults`.
        until: When it ends, in the board's seconds; None without end.
        remaining: Requests, orders or frames left; None without end.
        hits: Those it has spoiled; of ``load`` the frames sent.
    """

    def __init__(self, number: int, request: StreamFaultRequest, until: float | None) -> None:
        self.id = number
        self.request = request
        self.until = until
        self.remaining = request.count
        self.hits = 0
        self._skip = request.skip

    def is_for(self, key: SessionKey, tr_id: str = "", tr_key: str = "", symbol: str = "") -> bool:
        """Whether something is what it is for.

        Args:
            key: What the session goes by.
            tr_id: The TR; a fault of one TR is not for the session as a whole.
            tr_key: Likewise.
            symbol: That in ``tr_key``.
        """
        wanted = self.request
        if wanted.vendor not in (None, key.vendor):
            return False
        if wanted.key is not None and wanted.key not in (key.app_key, key.name):
            return False
        if wanted.tr is not None and not fnmatchcase(tr_id, wanted.tr):
            return False
        if wanted.symbol is None:
            return True
        return fnmatchcase(tr_key, wanted.symbol) or fnmatchcase(symbol, wanted.symbol)

    def take(self) -> bool:
        """Count one; whether it is spoiled."""
        if self._skip:
            self._skip -= 1
            return False
        if self.remaining is not None:
            if self.remaining == 0:
                return False
            self.remaining -= 1
        self.hits += 1
        return True


class StreamFaultBoard:
    """Every fault that lasts, oldest first.

    Args:
        monotonic: Real seconds; faults do not follow the simulated clock.
        next_number: Numbers faults.
    """

    def __init__(self, monotonic: Callable[[], float], next_number: Callable[[], int]) -> None:
        self._monotonic = monotonic
        self._next_number = next_number
        self._faults: list[StreamFault] = []

    def __iter__(self) -> Iterator[StreamFault]:
        return iter(self._active())

    def add(self, request: StreamFaultRequest) -> StreamFault:
        """Order a fault; those of one moment are not kept."""
        until = None if request.seconds is None else self._monotonic() + request.seconds
        fault = StreamFault(self._next_number(), request, until)
        momentary = request.fault in INSTANT or (
            request.fault == "duplicate_session" and request.seconds is None
        )
        if not momentary:
            self._faults.append(fault)
        return fault

    def clear(self) -> int:
        """End every fault; returns how many there were."""
        count = len(self._active())
        self._faults.clear()
        return count

    def of(self, *kinds: str) -> list[StreamFault]:
        """Those of some kinds."""
        return [fault for fault in self._active() if fault.request.fault in kinds] if self._faults else []

    def meets(
        self, kind: str, key: SessionKey, tr_id: str = "", tr_key: str = "", symbol: str = ""
    ) -> StreamFault | None:
        """The first fault of a kind that is for this; nothing is counted."""
        for fault in self.of(kind):
            if fault.is_for(key, tr_id, tr_key, symbol):
                return fault
        return None

    def take(
        self, kind: str, key: SessionKey, tr_id: str = "", tr_key: str = "", symbol: str = ""
    ) -> StreamFault | None:
        """The first fault of a kind that is for this and spoils it."""
        for fault in self.of(kind):
            if fault.is_for(key, tr_id, tr_key, symbol) and fault.take():
                return fault
        return None

    def _active(self) -> list[StreamFault]:
        if self._faults:
            now = self._monotonic()
            self._faults = [
                fault
                for fault in self._faults
                if fault.remaining != 0 and (fault.until is None or now < fault.until)
            ]
        return self._faults
