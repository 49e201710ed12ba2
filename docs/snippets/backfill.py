"""Writes the daily candles of some stocks to CSV files; run again, it goes on where it stopped.

Usage: ``python backfill.py FOLDER FIRST_DAY TICKER...``
"""

import csv
import sys
from datetime import date, timedelta
from pathlib import Path

from broker_client import Client, InvalidParameters

folder, first_day, *tickers = sys.argv[1:] or ["candles", "2025-01-02", "005930", "000660"]
COLUMNS = ("date", "open", "high", "low", "close", "volume")
YEAR = timedelta(days=365)


def last_day_of(file: Path) -> date | None:
    """The newest day in a file."""
    if not file.exists():
        return None
    rows = list(csv.DictReader(file.open(encoding="utf-8")))
    return date.fromisoformat(rows[-1]["date"]) if rows else None


def fill(client: Client, ticker: str, file: Path) -> int:
    """Append what is missing, a year at a time; yesterday is the last day, for today is not over."""
    newest = last_day_of(file)
    start = date.fromisoformat(first_day) if newest is None else newest + timedelta(days=1)
    yesterday = date.today() - timedelta(days=1)
    added = 0
    while start <= yesterday:
        end = min(start + YEAR, yesterday)
        part = client.call(
            "kis.get-daily-candles", ticker=ticker, start=str(start), end=str(end), timeout=120
        )
        if part.truncated:
            raise SystemExit(f"{ticker} from {start}: {part.truncated}")
        is_new = not file.exists()
        with file.open("a", encoding="utf-8", newline="") as output:
            writer = csv.DictWriter(output, COLUMNS, extrasaction="ignore")
            if is_new:
                writer.writeheader()
            writer.writerows(part.rows)
        added += len(part.rows)
        start = end + timedelta(days=1)
    return added


Path(folder).mkdir(parents=True, exist_ok=True)
with Client() as client:
    for ticker in tickers:
        try:
            print(ticker, fill(client, ticker, Path(folder) / f"{ticker}.csv"), "days added")
        except InvalidParameters as error:
            print(ticker, "left out:", error.message)
