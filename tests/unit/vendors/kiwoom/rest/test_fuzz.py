"""Whatever comes over the WebSocket, nothing breaks and nothing is taken for a record that is none."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.rest.realtime_intake import Intake
from broker_server.vendors.kiwoom.rest.realtime_messages import parse, told
from broker_server.vendors.oddities import OddityLog
from tests.support.fake_time import FakeClock

TRADE = Registration("0B", "005930")

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
fids = st.sampled_from(["10", "11", "12", "13", "14", "15", "20", "27", "290", "9201", "x"])
values = st.dictionaries(fids, scalars, max_size=8)
entries = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["0B", "00", "zz"]) | anything,
        "item": st.sampled_from(["005930", ""]) | anything,
        "values": values | anything,
    }
)


@given(st.lists(entries | anything, max_size=4) | anything)
def test_no_data_frame_breaks_the_intake(data: Any) -> None:
    received: list[Any] = []
    oddities = OddityLog("kiwoom", FakeClock())
    intake = Intake(
        lambda registration, incoming: received.append((incoming.event(), incoming.raw_event())),
        "1234567811",
        "default",
        lambda code, item: [TRADE] if (code, item) == TRADE else [],
        FakeClock(),
        oddities,
    )
    intake.take(data)
    assert oddities.counts["defect"] == 0
    assert len(received) == intake.records


@given(st.binary(max_size=60) | anything.map(orjson.dumps))
def test_any_frame_is_a_message_or_none(frame: bytes) -> None:
    message = parse(frame)
    if message is not None:
        assert isinstance(message["trnm"], str)
        answer = told(message)
        assert not (answer.succeeded and answer.code)
