"""The text of data frames."""

from __future__ import annotations

from collections.abc import Sequence

from broker_server.simulator.kis.realtime.cipher import CipherPair, encrypt

MAX_RECORDS = 999
"""Three digits."""


def data_frame(tr_id: str, records: Sequence[Sequence[str]], pair: CipherPair | None = None) -> bytes:
    """The text of a data frame.

    Args:
        tr_id: The TR.
        records: The values of each record; nothing stands between two records but ``^``.
        pair: Encrypts the payload.
    """
    payload = "^".join("^".join(record) for record in records)
    flag = "0"
    if pair is not None:
        flag, payload = "1", encrypt(payload, pair)
    return f"{flag}|{tr_id}|{len(records):03d}|{payload}".encode()
