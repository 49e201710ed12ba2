"""From a data frame of KIS to its records: pure, driven by the table of TRs, and never raising.

What is not certain is not mapped. KIS appends values at the end of a record, so a longer record is read and
its extra values are kept; a shorter one is not what the table describes, and every value in it may be another
than its place says. A record whose first value is no subscribed key has its values shifted even if their
number is right (``H0UNMKO0``, whose published list of fields lacks the first one).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from broker_server.core.market_data import plain
from broker_server.vendors.kis.frames import CipherKeys, DataFrame, Quarantined, Reason
from broker_server.vendors.kis.notices import UndecryptableNotice, decrypt_notice
from broker_server.vendors.kis.realtime_table import RealtimeTr, realtime_trs
from broker_server.vendors.kis.record_readers import NotANumber, Value, is_simple, reader

Decrypt = Callable[[str, CipherKeys], str]
"""Opens a payload, or raises `UndecryptableNotice`."""

_TIMED_BY = frozenset({"MKSC_SHRN_ISCD", "RSYM", "BSTP_CLS_CODE"})
"""First fields of the TRs whose time is known to have six digits: stocks, ELWs and indices."""
_DOUBLED_BOOK = "HDFSASP0"


class Record(NamedTuple):
    """One record.

    Attributes:
        tr_id: The TR.
        key: Its first value: the subscribed key; of a notice, the HTS ID.
        fields: By KIS's own names, in the order of the wire. Whole numbers are ``int``, others ``Decimal``;
            times (``HHMMSS``), dates (``YYYYMMDD``) and codes are text; what is empty is ``None``.
        extra: What came behind the fields that the table knows.
    """

    tr_id: str
    key: str
    fields: dict[str, Value]
    extra: tuple[str, ...]

    def __repr__(self) -> str:
        """Without the values: notices have names and account numbers in them."""
        return f"<Record {self.tr_id}: {len(self.fields)} fields, {len(self.extra)} extra>"


class Records(NamedTuple):
    """What a data frame had in it.

    Attributes:
        records: In the order of the frame.
        quarantined: What must not be used, record by record, or the frame as one.
    """

    records: list[Record]
    quarantined: list[Quarantined]


def decode_records(
    frame: DataFrame,
    subscribed: Container[str] | None = None,
    cipher: CipherKeys | None = None,
    *,
    decrypt: Decrypt = decrypt_notice,
) -> Records:
    """Read the records of a frame.

    Args:
        frame: From `frames.parse_frame`.
        subscribed: The keys of this TR that were asked for; ``None`` does not compare. Notices are never
            compared: that they open with our key shows whose they are, and no execution is to be lost to a
            difference in how an ID is written.
        cipher: Of this TR, from its acknowledgement.
        decrypt: How notices are opened.

    Returns:
        The records, and what is in quarantine; never an exception.
    """
    tr = realtime_trs().get(frame.tr_id)
    if tr is None:
        return _refused(frame, Reason.UNKNOWN_TR, "the table has no such TR", frame.payload)
    payload = frame.payload
    if frame.encrypted:
        if cipher is None:
            return _refused(frame, Reason.NO_CIPHER, "no key for this TR", payload)
        try:
            payload = decrypt(payload, cipher)
        except UndecryptableNotice as error:
            return _refused(frame, Reason.UNDECRYPTABLE, str(error), payload)
    values = payload.split("^")
    width, surplus = divmod(len(values), frame.record_count)
    if surplus:
        detail = f"{len(values)} values are not {frame.record_count} records"
        return _refused(frame, Reason.UNEVEN, detail, payload)
    if width < len(tr.fields):
        detail = f"{width} values where {len(tr.fields)} are known"
        return _refused(frame, Reason.TOO_SHORT, detail, payload)
    simple = is_simple(payload)
    shape = _shape(tr.tr_id, width)
    rows = (
        [values]
        if frame.record_count == 1
        else [values[start : start + width] for start in range(0, len(values), width)]
    )
    records: list[Record] = []
    quarantined: list[Quarantined] = []
    for row in rows:
        one = shape.read(row, subscribed, simple=simple)
        if isinstance(one, Record):
            records.append(one)
        else:
            quarantined.append(one)
    return Records(records, quarantined)


def record_event(record: Record) -> dict[str, Any]:
    """The JSON object that a stream of records as they are carries.

    Args:
        record: Any record.

    Returns:
        ``type`` (the TR id), ``vendor``, ``key``, ``fields`` and ``extra``; numbers as
        `broker_server.core.market_data.plain` writes them.
    """
    return {
        "type": record.tr_id,
        "vendor": "kis",
        "key": record.key,
        "fields": {name: plain(value) for name, value in record.fields.items()},
        "extra": list(record.extra),
    }


class _Shape:
    """Records of one TR that are so many values wide."""

    def __init__(self, tr: RealtimeTr, width: int) -> None:
        self._tr = tr
        self._known = min(width, len(tr.fields) + len(tr.optional_tail))
        self._reader = reader(tr.tr_id, self._known)
        self._has_extra = width > self._known
        self._could_be_several = not tr.encrypted and width >= 2 * len(tr.fields)
        self._time_at = _place_of_time(tr)
        self._repeated_at = _place_of_repetition(tr, width)

    def read(
        self, row: Sequence[str], subscribed: Container[str] | None, *, simple: bool
    ) -> Record | Quarantined:
        key = row[0]
        if subscribed is not None and key not in subscribed:
            key = key.strip()
            if not self._tr.encrypted and key not in subscribed:
                return self._refuse(Reason.OTHER_KEY, "the first value is no subscribed key", row)
        if self._time_at and not _is_time(row[self._time_at]):
            return self._refuse(Reason.NO_TIME, f"value {self._time_at} is not a time", row)
        if self._could_be_several and row[0] in row[len(self._tr.fields) :]:
            return self._refuse(Reason.MISCOUNTED, "the key comes again: more records than counted", row)
        if self._repeated_at and _is_repeated(row, self._repeated_at):
            return self._refuse(Reason.DOUBLED_LEVEL, "the third level is there twice", row)
        try:
            fields = self._reader.read(row, simple=simple)
        except NotANumber as error:
            return self._refuse(Reason.NOT_A_NUMBER, str(error), row)
        return Record(self._tr.tr_id, key, fields, tuple(row[self._known :]) if self._has_extra else ())

    def _refuse(self, reason: Reason, detail: str, row: Sequence[str]) -> Quarantined:
        return Quarantined(reason, self._tr.tr_id, detail, "^".join(row))


@lru_cache(maxsize=1000)  # a server that plays with widths must not fill the memory
def _shape(tr_id: str, width: int) -> _Shape:
    return _Shape(realtime_trs()[tr_id], width)


def _place_of_time(tr: RealtimeTr) -> int:
    """Where the first time is, or 0 if it is not known to be written as one."""
    if tr.encrypted or tr.fields[0].name not in _TIMED_BY:
        return 0
    return next((place for place, field in enumerate(tr.fields) if field.kind == "time"), 0)


def _is_time(text: str) -> bool:
    return (len(text) == 6 and text.isdecimal() and text.isascii()) or text.strip() in ("", "(null)")


def _place_of_repetition(tr: RealtimeTr, width: int) -> tuple[int, int] | None:
    """Where levels 3 and 4 of the overseas book begin, if it is as wide as one with level 3 twice."""
    if tr.tr_id != _DOUBLED_BOOK:
        return None
    names = [field.name for field in tr.fields]
    third, fourth = names.index("PBID3"), names.index("PBID4")
    return (third, fourth) if width == len(names) + fourth - third else None


def _is_repeated(row: Sequence[str], places: tuple[int, int]) -> bool:
    third, fourth = places
    level = row[third:fourth]
    # Two levels are never at one price; where both are empty, it is the same book either way.
    return level == row[fourth : 2 * fourth - third] and any(text.strip("0. ") for text in level)


def _refused(frame: DataFrame, reason: Reason, detail: str, raw: str) -> Records:
    return Records([], [Quarantined(reason, frame.tr_id, detail, raw)])
