"""Buys one share when the price is at or below a limit, once a day, whatever happens in between.

Usage: ``python strategy.py [TICKER] [LIMIT]``
"""

import sys
from datetime import datetime
from zoneinfo import ZoneInfo

from broker_client import Client, OrderOutcomeIsUnknown, OrderOutcomeUnknown, TaskFailed

ticker = sys.argv[1] if len(sys.argv) > 1 else "005930"
limit = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000

BLIND = {"stale", "reconnecting", "suspended", "disconnected", "unanswered", "polling"}


def buy(client: Client) -> None:
    """Send the order of today; the day is in its id, so a restart cannot send a second one."""
    day = datetime.now(ZoneInfo("Asia/Seoul")).date()
    task_id = f"dip-{ticker}-{day}"
    try:
        client.call("kis.buy-order", task_id=task_id, ticker=ticker, quantity=1, order_type="market")
    except (OrderOutcomeIsUnknown, OrderOutcomeUnknown):
        client.wait_settled(task_id, timeout=120)  # it may have been sent: ask, never repeat
    except TaskFailed as error:
        print("not bought:", error.code, error.message)
        return
    order = client.order(task_id)
    print(order.state, order.order_no, "filled", order.filled_quantity)


with Client(expected_environment="simulated") as client:  # change it when you mean it
    blind = False
    with client.stream("kis.subscribe-realtime-price", ticker=ticker) as prices:
        for item in prices.messages():
            if hasattr(item, "state"):
                blind = item.state in BLIND
                print("the feed is", item.state, item.reason or "")
            elif not blind and item.data["price"] <= limit:
                buy(client)
                break
