"""The response time of events, which is written by another way than that of replies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from broker_client.protocol import utc_text
from broker_server.streams.messages import moment

OFFSETS = st.sampled_from([UTC, ZoneInfo("Asia/Seoul"), timezone(timedelta(hours=5, minutes=30))])


@given(st.datetimes(datetime(1900, 1, 2), datetime(9999, 12, 30), timezones=OFFSETS))  # noqa: DTZ001 - bounds
@example(datetime(2026, 11, 20, tzinfo=UTC))
@example(datetime(2026, 11, 20, microsecond=999, tzinfo=UTC))
def test_it_reads_as_the_time_of_any_reply(now: datetime) -> None:
    assert moment(now) == utc_text(now).encode()
