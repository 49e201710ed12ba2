"""Whether silence means something: the hours of the market. Its workers are no simulated ones."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from broker_server.market_sessions import packaged_table
from tests.support.live_data import PRICE, Subscriber, open_live_floor

SETTINGS = {"STALE_AFTER": "2", "POLLING_INTERVAL": "1"}


@pytest.mark.chaos
@pytest.mark.parametrize("is_open", [False, True])
def test_only_a_market_that_trades_can_be_mute(clean_broker: str, tmp_path: Path, is_open: bool) -> None:
    """A worker that takes the simulator for the brokerage itself keeps the hours of the market."""
    now = datetime.now(ZoneInfo("Asia/Seoul"))
    if is_open and now.weekday() >= 5:
        pytest.skip("no market is open on a weekend")
    hours = (
        ("00:00", "23:59") if is_open else (f"{(now.hour + 12) % 24:02}:00", f"{(now.hour + 12) % 24:02}:30")
    )
    session = {"name": "continuous", "kind": "continuous", "opens": hours[0], "closes": hours[1]}
    market = {
        "calendar": "OPEN",
        "time_zone": "Asia/Seoul",
        "sessions": [session | {"order_types": ["limit"]}],
    }
    calendar = packaged_table()["calendars"]["KR"] | {"holidays": []}
    days = dict.fromkeys(packaged_table()["days"])
    changes = {"markets": {"KRX": market}, "calendars": {"OPEN": calendar}, "days": days}
    sessions = tmp_path / "sessions.json"
    sessions.write_text(json.dumps(changes))
    settings = SETTINGS | {"MARKET_SESSIONS_FILE": str(sessions)}
    with open_live_floor(clean_broker, tmp_path, settings=settings) as floor:
        floor.start(simulate=False)
        with Subscriber(floor.url) as consumer:
            mute = consumer.subscribe(PRICE, {"ticker": "005930"})
            other = consumer.subscribe(PRICE, {"ticker": "000660"})
            consumer.wait_new_events_of([mute, other], 2)
            floor.brokerage.fault("mute", symbol="005930")
            if is_open:
                consumer.wait_state(mute, "stale")
            else:
                consumer.wait_new_events(other, 40)
                assert consumer.states(mute) == []
                assert floor.feed()["stale"] == 0
        floor.assert_discreet()
