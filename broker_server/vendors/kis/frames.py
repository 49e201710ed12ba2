"""The grammar of KIS's WebSocket: what the server sends, as values.

::

    text frame ─┬─ {…}                     ──> Ping | Acknowledgement | Refusal
                ├─ flag|tr_id|count|payload ──> DataFrame (`codec.decode_records` reads its payload)
                └─ anything else            ──> Quarantined

Nothing raises: whatever cannot be read comes back as `Quarantined`. Texts that may hold a key or personal
data are not in any ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

_KEY_BYTES, _IV_BYTES = 32, 16
_MOST_COUNT_DIGITS = 4
_ABSENT = ("", "(null)")


class Reason(StrEnum):
    """Why something is in quarantine."""

    MALFORMED = "malformed"
    """Neither a control message nor a data frame."""
    UNKNOWN_TR = "unknown_tr"
    """The table has no such TR."""
    UNEVEN = "uneven"
    """The values do not divide into as many records as the frame counts."""
    TOO_SHORT = "too_short"
    """Fewer values than the layout: which ones are missing cannot be told."""
    MISCOUNTED = "miscounted"
    """The frame says one record, and its values look like several."""
    DOUBLED_LEVEL = "doubled_level"
    """An order book that has its third level twice, as an old list of fields did."""
    OTHER_KEY = "other_key"
    """The first value is no key that was subscribed: a stranger's record, or shifted values."""
    NO_TIME = "no_time"
    """Where the time is to be there is something else: shifted values."""
    NOT_A_NUMBER = "not_a_number"
    """Where a number is to be there is something else: shifted values, or a mistake in the table."""
    NO_CIPHER = "no_cipher"
    """It is encrypted, and no acknowledgement has brought the key of its TR."""
    UNDECRYPTABLE = "undecryptable"
    """The key of its TR does not open it."""
    UNKNOWN_CODE = "unknown_code"
    """A code that the meaning of the event depends on is not known."""
    INCOMPLETE = "incomplete"
    """A value is missing without which the event says nothing."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """What was received and must not be used.

    Attributes:
        reason: Why.
        tr_id: The TR, if that much could be read.
        detail: In words, for the log; never personal data.
        raw: What was received; of an encrypted record, its plain text.
    """

    reason: Reason
    tr_id: str | None
    detail: str
    raw: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CipherKeys:
    """The key of one TR's notices in one session; a new session brings new ones.

    Attributes:
        key: 32 characters: the AES key itself, neither hexadecimal nor base64.
        iv: 16 characters.
    """

    key: str = field(repr=False)
    iv: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ping:
    """The server asks whether somebody is there.

    Attributes:
        text: The frame; the answer is the same text.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A registration, or its end, that the server has accepted.

    Attributes:
        tr_id: The TR.
        tr_key: What of it; for notices an HTS ID.
        code: ``OPSP0000`` registered, ``OPSP0001`` unregistered.
        message: The server's text, untouched.
        cipher: For the notices of this TR. Plain TRs have one too, and ``header.encrypt`` says ``N`` even for
            notices: whether a frame is encrypted is told by the frame alone.
    """

    tr_id: str
    tr_key: str | None
    code: str
    message: str
    cipher: CipherKeys | None

    @property
    def registered(self) -> bool:
        """Whether it is the start, not the end."""
        return not self.message.upper().startswith("UNSUB") and self.code != "OPSP0001"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error, which may be about a request, a registration or the whole session.

    Attributes:
        tr_id: The TR, or ``None``: some errors do not say what they are about.
        tr_key: Likewise.
        result: ``rt_cd``: ``1`` or ``9``.
        code: Such as ``OPSP8996``.
        message: The server's text, untouched: it may repeat the approval key.
    """

    tr_id: str | None
    tr_key: str | None
    result: str
    code: str
    message: str = field(repr=False)


class DataFrame(NamedTuple):
    """Records of one TR, not read yet.

    Attributes:
        encrypted: The payload is base64 of AES-256-CBC.
        tr_id: The TR.
        record_count: How many records the payload has, at least one.
        payload: The values of all records, joined by ``^`` without a mark between records.
    """

    encrypted: bool
    tr_id: str
    record_count: int
    payload: str

    def __repr__(self) -> str:
        """Without the payload."""
        return f"<DataFrame {self.tr_id}: {self.record_count} records>"


ControlMessage = Ping | Acknowledgement | Refusal
Frame = DataFrame | ControlMessage | Quarantined


def parse_frame(text: str) -> Frame:
    """Read one text frame of the server.

    Args:
        text: The whole frame.

    Returns:
        What it is; `Quarantined` if it is nothing that the grammar knows.
    """
    if text.startswith(("0|", "1|")):
        return _parse_data(text)
    if text.lstrip().startswith("{"):
        return _parse_control(text)
    return _malformed(text, "neither JSON nor a data frame")


def _parse_data(text: str) -> Frame:
    parts = text.split("|", 3)  # a name in the payload may contain the mark
    if len(parts) != 4:
        return _malformed(text, "a data frame has four parts")
    flag, tr_id, count, payload = parts
    if not (count.isascii() and count.isdecimal() and len(count) <= _MOST_COUNT_DIGITS and int(count)):
        return Quarantined(Reason.MALFORMED, tr_id, "the number of records is not a number above zero", text)
    return DataFrame(flag == "1", tr_id, int(count), payload)


def _parse_control(text: str) -> ControlMessage | Quarantined:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _malformed(text, "not JSON")
    header, body = _object(message, "header"), _object(message, "body")
    tr_id = _text(header, "tr_id")
    if tr_id == "PINGPONG":
        return Ping(text)
    result = _text(body, "rt_cd")
    if result is None:
        return _malformed(text, "a control message without a result code")
    tr_key, code, said = _text(header, "tr_key"), _text(body, "msg_cd") or "", _text(body, "msg1") or ""
    if result != "0":
        return Refusal(tr_id, tr_key, result, code, said)
    if tr_id is None:
        return _malformed(text, "an acknowledgement that does not say of what")
    return Acknowledgement(tr_id, tr_key, code, said, _cipher(_object(body, "output")))


def _cipher(output: dict[str, Any]) -> CipherKeys | None:
    key, iv = _text(output, "key"), _text(output, "iv")
    if key is None or iv is None or (len(key.encode()), len(iv.encode())) != (_KEY_BYTES, _IV_BYTES):
        return None
    return CipherKeys(key, iv)


def _object(message: Any, name: str) -> dict[str, Any]:
    inner = message.get(name) if isinstance(message, dict) else None
    return inner if isinstance(inner, dict) else {}


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value not in _ABSENT else None


def _malformed(text: str, detail: str) -> Quarantined:
    return Quarantined(Reason.MALFORMED, None, detail, text)
