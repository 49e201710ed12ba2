"""Prices in dollars are exact decimals in text: they stay exact as Decimal."""

from decimal import Decimal

import pandas as pd

from broker_client import Client

with Client() as client:
    candles = client.call("kis.get-overseas-daily-candles", ticker="AAPL", exchange="NASD").rows

frame = pd.DataFrame(candles).set_index("date")
for column in ("open", "high", "low", "close"):
    frame[column] = frame[column].map(Decimal)
print(frame[["open", "close"]].tail(3).to_string())
print("close as a float, for statistics:", frame["close"].astype(float).mean().round(2))
