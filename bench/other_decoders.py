"""Other ways from a data frame of KIS to records: what Python programs for KIS do today."""

from __future__ import annotations

from io import StringIO

import pandas as pd
from pykis.api.websocket.price import KisDomesticRealtimePrice
from pykis.responses.websocket import KisWebsocketResponse

from bench.realtime_codec import NAMES


def python_kis(text: str) -> int:
    """As python-kis reads a frame before it tells its subscribers: 21 of the 46 values become typed."""
    _, _, count, payload = text.split("|", 3)
    found = KisWebsocketResponse.parse(payload, count=int(count), response_type=KisDomesticRealtimePrice)
    return len(list(found))


def vendor_sample(text: str) -> int:
    """As the vendor's sample programs do: a table of pandas for each frame, whose values stay texts.

    It reads frames of one record; of several it makes one row.
    """
    payload = text.split("|")[3]
    return len(pd.read_csv(StringIO(payload), header=None, sep="^", names=NAMES, dtype=object))
