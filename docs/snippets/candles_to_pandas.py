"""A year of daily candles as a table, with a moving average."""

from datetime import date, timedelta

import pandas as pd

from broker_client import Client

with Client() as client:
    start = date.today() - timedelta(days=365)
    candles = client.call("kis.get-daily-candles", ticker="005930", start=start.isoformat())

if candles.truncated:
    raise SystemExit(f"incomplete: {candles.truncated}")

frame = pd.DataFrame(candles.rows, columns=["date", "open", "high", "low", "close", "volume"])
frame["date"] = pd.to_datetime(frame["date"])
frame = frame.set_index("date")
frame["average"] = frame["close"].rolling(20).mean()
print(frame.tail(3).to_string())
