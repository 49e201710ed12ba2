"""Says it once when a price reaches a mark, and says it, too, when the feed cannot be trusted.

Usage: ``python alerts.py TICKER MARK``: from below, or from above, whichever side the price is on at first.
"""

import sys

from broker_client import Client

ticker, mark = (sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 2 else ("005930", None)


def tell(text: str) -> None:
    """Put your messenger here."""
    print(text, flush=True)


with Client() as client:
    price = client.call("kis.get-current-price", ticker=ticker).first["price"]
    mark = price if mark is None else mark
    from_below = price <= mark
    with client.stream("kis.subscribe-realtime-price", ticker=ticker) as prices:
        for item in prices.messages():
            if hasattr(item, "state"):
                tell(f"{ticker}: the feed is {item.state}. {item.reason or ''}")
            elif (item.data["price"] >= mark) if from_below else (item.data["price"] <= mark):
                tell(f"{ticker} reached {mark:,}: {item.data['price']:,} at {item.data['time']}")
                break
