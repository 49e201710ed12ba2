"""What the market does with an order after the brokerage took it, and orders that were entered elsewhere."""

from __future__ import annotations

import pytest

from tests.support.brokerage import BUY, BUY_ABROAD, ORDER_ABROAD_PATH, ORDER_PATH
from tests.support.order_events import Listener
from tests.support.order_floor import Floor
from tests.support.waiting import wait_until


def seen(events: Listener, task_id: str) -> list[tuple[str, int]]:
    """What the events of an order say, repeats of one state left out: last word of the key, filled shares."""
    told = [(key.rpartition(".")[2], body["filled_quantity"]) for key, body in events.of(task_id=task_id)]
    return list(dict.fromkeys(told))


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_order_is_followed_from_working_over_partial_fills_to_filled(floor: Floor, side: str) -> None:
    ticker = "005930" if side == "buy" else "000660"
    market = floor.brokerage.price(ticker)
    price = int(market * (0.9 if side == "buy" else 1.1)) // 1000 * 1000
    if side == "sell":
        floor.call("kis.buy-order", {"ticker": ticker, "quantity": 20, "order_type": "market"})
    with Listener(floor.url) as events:
        task_id = floor.send(f"kis.{side}-order", {"ticker": ticker, "quantity": 10, "price": price})
        order_no = floor.wire.wait(task_id).json["result"][0]["order_no"]
        row = floor.wait_order(task_id, state="ACCEPTED", status="working", filled_quantity=0)
        assert (row["order_no"], row["remaining_quantity"], row["average_price"]) == (order_no, 10, None)

        beyond = price - 1000 if side == "buy" else price + 1000
        floor.brokerage.market(ticker, price=beyond, liquidity=1)
        row = floor.wait_order(task_id, status="partially_filled")
        assert 0 < row["filled_quantity"] < 10
        assert row["remaining_quantity"] == 10 - row["filled_quantity"]
        better_or_equal = float(row["average_price"]) <= price if side == "buy" else True
        assert better_or_equal

        floor.brokerage.market(ticker, price=beyond, liquidity=1000)
        row = floor.wait_order(task_id, status="filled", filled_quantity=10, remaining_quantity=0)
        assert row["state"] == "ACCEPTED"
        assert row["average_price"] is not None
        wait_until(lambda: seen(events, task_id)[-1] == ("filled", 10), what="the event of the last fill")
        told = seen(events, task_id)
    assert told[0] == ("accepted", 0)
    assert {name for name, _ in told[1:-1]} == {"partially_filled"}
    assert [filled for _, filled in told] == sorted(filled for _, filled in told)
    (booked,) = floor.brokerage.orders(ticker, 10)
    assert (booked["order_no"], booked["state"]) == (order_no, "filled")
    found = floor.call("broker.get-order", {"order_no": order_no.lstrip("0")})
    assert found["task_id"] == task_id
    floor.brokerage.market(ticker, price=market, liquidity=None)


def test_change_moves_the_open_shares_to_an_order_of_its_own(floor: Floor) -> None:
    first = floor.resting("035420", 9)
    with Listener(floor.url) as events:
        changed = floor.call(
            "kis.modify-order", {"order_task_id": first["task_id"], "price": first["price"] + 1000}
        )
        row = floor.wait_order(first["task_id"], status="cancelled", remaining_quantity=0)
        events.wait("order.kis.default.cancelled", task_id=first["task_id"])
    new = floor.call("broker.get-order", {"order_no": changed["order_no"]})
    assert (new["action"], new["status"], new["quantity"]) == ("modify", "working", 9)
    assert new["original_order_no"] == row["order_no"]


def test_overseas_order_is_followed_too(floor: Floor) -> None:
    quote = float(floor.brokerage.market("AAPL", exchange="NASD")["price"])
    floor.brokerage.market("AAPL", exchange="NASD", price=f"{quote:.2f}")
    low = f"{quote * 0.9:.2f}"
    with Listener(floor.url) as events:
        task_id = floor.send(
            "kis.buy-overseas-order", {"ticker": "AAPL", "exchange": "NASD", "quantity": 6, "price": low}
        )
        floor.wire.wait(task_id)
        floor.wait_order(task_id, status="working", filled_quantity=0)
        floor.brokerage.market("AAPL", exchange="NASD", price=f"{quote * 0.89:.2f}")
        row = floor.wait_order(task_id, status="filled", filled_quantity=6, remaining_quantity=0)
        assert float(row["average_price"]) <= float(low)
        wait_until(lambda: seen(events, task_id)[-1] == ("filled", 6), what="the event of the fill")
        assert seen(events, task_id)[0] == ("accepted", 0)


@pytest.mark.parametrize("market", ["domestic", "overseas"])
def test_order_that_was_entered_elsewhere_is_announced_without_a_task(floor: Floor, market: str) -> None:
    # The lists are read while an order of ours is open.
    if market == "domestic":
        ours = floor.resting("015760", 7)["task_id"]
    else:
        ours = floor.send(
            "kis.buy-overseas-order", {"ticker": "MSFT", "exchange": "NASD", "quantity": 7, "price": "1.50"}
        )
        floor.wire.wait(ours)
    with Listener(floor.url) as events:
        if market == "domestic":
            price = floor.low_price("051910")
            body = {"PDNO": "051910", "ORD_DVSN": "00", "ORD_QTY": "8", "EXCG_ID_DVSN_CD": "KRX"}
            number = floor.brokerage.enter(ORDER_PATH, BUY, ORD_UNPR=str(price), **body)
        else:
            body = {"PDNO": "TSLA", "ORD_QTY": "8", "OVRS_EXCG_CD": "NASD", "ORD_SVR_DVSN_CD": "0"}
            number = floor.brokerage.enter(
                ORDER_ABROAD_PATH, BUY_ABROAD, OVRS_ORD_UNPR="2.00", ORD_DVSN="00", **body
            )
        event = events.wait("order.kis.default.working", task_id=None, order_no=number)
        assert (event["ticker"], event["side"], event["quantity"]) == (body["PDNO"], "buy", 8)
        assert event["reason"] == "entered elsewhere"
        cancel = "kis.cancel-order" if market == "domestic" else "kis.cancel-overseas-order"
        # What we cancel of it is ours, the order itself is not.
        floor.call(cancel, {"order_no": number})
        gone = events.wait("order.kis.default.cancelled", task_id=None, order_no=number)
        assert gone["remaining_quantity"] == 0
        assert len([key for key, _ in events.of(order_no=number, task_id=None)]) == 2, "each change once"
    # By ticker: an order of ours in the other market may have that number too.
    rows = floor.rows("broker.list-orders", {"ticker": body["PDNO"]}, to="tasks")
    assert number not in {row["order_no"] for row in rows}
    floor.call(cancel, {"order_task_id": ours})


def test_list_of_orders_shows_what_may_still_change(floor: Floor) -> None:
    resting = floor.resting("005380", 5)["task_id"]
    done = floor.send("kis.buy-order", {"ticker": "005380", "quantity": 4, "order_type": "market"})
    floor.wire.wait(done)
    floor.wait_order(done, status="filled")
    rows = floor.rows("broker.list-orders", {"ticker": "005380", "open": True}, to="tasks")
    assert [row["task_id"] for row in rows] == [resting]
    everything = floor.rows("broker.list-orders", {"ticker": "005380"}, to="tasks")
    assert [row["task_id"] for row in everything] == [done, resting]
    assert all(row["replied"] for row in everything)
