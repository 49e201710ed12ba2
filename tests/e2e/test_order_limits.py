"""Limits that another worker has: lifted ones, the number of orders of a day, the session of the market."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from broker_server.market_sessions import packaged_table
from tests.support.order_floor import Floor
from tests.support.order_refusals import refused

pytestmark = pytest.mark.parametrize("journal_url", ["sqlite"], indirect=True)
KOREA = timezone(timedelta(hours=9))


def test_limits_are_lifted_by_writing_none_and_the_day_is_counted(new_floor: Floor) -> None:
    lifted = {"ORDER_MAX_QUANTITY": "none", "ORDER_MAX_NOTIONAL": "none", "ORDER_MAX_PER_DAY": "3"}
    new_floor.start(settings=lifted)
    first, body = new_floor.body(
        "kis.buy-order",
        {"ticker": "015760", "quantity": 20_000, "price": new_floor.low_price("015760")},
    )
    new_floor.wire.publish(body, to="tasks.orders")
    resting = new_floor.wire.wait(first).json["result"][0]
    assert new_floor.brokerage.orders("015760", 20_000)
    changed = new_floor.call(
        "kis.modify-order", {"order_no": resting["order_no"], "price": resting["price"] + 1000}
    )
    new_floor.refusal("kis.buy-order", {"ticker": "015760", "quantity": 1})
    new_floor.wire.publish(body, to="tasks.orders")
    new_floor.wire.wait(first, count=2)
    new_floor.call("kis.cancel-order", {"order_no": changed["order_no"]})
    # Counted so far: one order and one change; neither the cancel, nor the replay, nor what was refused.
    new_floor.call("kis.buy-order", {"ticker": "015760", "quantity": 1, "order_type": "market"})
    market = {"ticker": "015760", "quantity": 2, "order_type": "market"}
    refused(new_floor, "kis.buy-order", market, "ORDER_MAX_PER_DAY")
    last = new_floor.brokerage.orders("015760", 1)[-1]["order_no"]
    assert new_floor.call("kis.cancel-order", {"order_no": last})["already_done"] is True


def korean_holidays() -> dict[str, Any]:
    """A calendar on which every day that the test may run on is one without trading."""
    today = datetime.now(KOREA).date()
    days = [(today + timedelta(days=offset)).isoformat() for offset in (-1, 0, 1)]
    return {"KR": {"holidays": days, "known_until": "2099-12-31"}}


@pytest.mark.parametrize("strictness", ["refuse", "warn", "off"])
def test_order_outside_every_session(new_floor: Floor, tmp_path: Path, strictness: str) -> None:
    krx = packaged_table()["markets"]["KRX"]
    for session in krx["sessions"]:
        session["order_types"] = [name for name in session["order_types"] if name != "market"] or ["limit"]
    krx["abolished"] = {"market": {"until": "2020-01-01", "instead": ["limit"]}}
    file = tmp_path / "sessions.json"
    file.write_text(json.dumps({"calendars": korean_holidays(), "markets": {"KRX": krx}}))
    new_floor.start(settings={"SESSION_CHECK": strictness, "MARKET_SESSIONS_FILE": str(file)})
    market = {"ticker": "005930", "quantity": 1, "order_type": "market"}
    limit = {"ticker": "005930", "quantity": 1, "price": new_floor.low_price("005930")}
    taken = []
    for parameters, refused_by in ((market, ("refuse", "warn")), (limit, ("refuse",))):
        if strictness in refused_by:
            refused(new_floor, "kis.buy-order", parameters, f"SESSION_CHECK={strictness}")
        else:
            taken.append(new_floor.call("kis.buy-order", parameters)["order_no"])
    assert [each["order_no"] for each in new_floor.brokerage.orders()] == taken
