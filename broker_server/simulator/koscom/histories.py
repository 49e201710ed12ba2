"""Rows of days and of bars within a day, newest first, at most a hundred."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Literal

from broker_server.simulator.candles import combine
from broker_server.simulator.clock import KST
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.koscom.calls import MOST_ROWS, Call, Row, bar_ends, newest_first
from broker_server.simulator.koscom.products import Value, sign_code
from broker_server.simulator.koscom.times import time_number
from broker_server.simulator.market import Market
from broker_server.simulator.price_path import DayBar
from broker_server.simulator.quotes import MinuteBar
from broker_server.simulator.sessions import MINUTES_PER_DAY
from broker_server.simulator.ticks import round_to_tick
from broker_server.simulator.trading_calendar import FIRST_DAY

_PERIODS: Mapping[str, Literal["day", "week", "month"]] = {"D": "day", "W": "week", "M": "month"}
_CLOSES = time(15, 30)
_MINUTE, _PIECE = 60, 10
_MIDDAY = time(12, 0)


def day_number(day: date) -> int:
    """YYYYMMDD as a number."""
    return day.year * 10_000 + day.month * 100 + day.day


def bars_of(market: Market, instrument: Instrument, call: Call) -> list[DayBar]:
    """The days, weeks or months of a window, oldest first; prices are adjusted for later splits."""
    first, last = call.day("inqStrtDd", FIRST_DAY), call.day("inqEndDd", call.now.date())
    bars = market.daily_bars(instrument, first, last)
    return combine(bars, _PERIODS[call.query.get("trnsmCycleTpCd") or "D"])


def day_row(call: Call, bar: DayBar, scale: int = 1) -> dict[str, Value]:
    """A day; the key of its date is another one in v2.

    Args:
        call: Which version.
        bar: In units of which ``scale`` are one of KOSCOM's.
        scale: 100 for prices in hundredths.
    """

    def price(value: int) -> Value:
        return value / scale if scale > 1 else value

    return {
        "BzDd" if call.version == "v2" else "trdDd": day_number(bar.day),
        "trdPrc": price(bar.close),
        "cmpprevddTpCd": sign_code(bar.close, bar.base),
        "cmpprevddPrc": price(bar.close - bar.base),
        "accTrdvol": bar.volume,
        "accTrdval": bar.volume * (bar.high + bar.low + bar.close) // (3 * scale),
        "opnprc": price(bar.open),
        "hgprc": price(bar.high),
        "lwprc": price(bar.low),
    }


def close_values(call: Call, bar: DayBar, scale: int = 1) -> dict[str, Value]:
    """A day without its date, as tables of closes tell it; see `day_row`."""
    return {name: value for name, value in day_row(call, bar, scale).items() if name not in ("trdDd", "BzDd")}


def history_rows(market: Market, instrument: Instrument, call: Call) -> list[Row]:
    """The rows of a stock's history."""
    return newest_first([day_row(call, bar) for bar in bars_of(market, instrument, call)], call.count)


def intraday_rows(market: Market, instrument: Instrument, call: Call) -> list[Row]:
    """The bars of a stock, newest first; those of ten seconds are its minutes cut in six."""
    start, end = call.window
    length = timedelta(seconds=max(_MINUTE, call.seconds))
    minutes = int(length.total_seconds()) // _MINUTE
    day, until = start.date(), end.replace(tzinfo=None).time()
    rows: list[Row] = []
    # What was traded until the end of each bar: the sum of those before it, from the day's first one on.
    bars = market.minute_bars(instrument, day, until, MINUTES_PER_DAY, minutes)
    traded = sum(bar.volume for bar in bars)
    for bar in bars:
        closes = min(bar.time + length, call.now)
        if start <= bar.time < closes <= end:
            cuts = _cuts(instrument, bar, closes) if call.seconds < _MINUTE else [(closes, bar)]
            left = traded
            for at, piece in cuts:
                rows.append(_bar_row(at, piece, left))
                left -= piece.volume
        traded -= bar.volume
        if len(rows) >= MOST_ROWS:
            break
    return rows[:MOST_ROWS]


def _cuts(instrument: Instrument, bar: MinuteBar, closes: datetime) -> list[tuple[datetime, MinuteBar]]:
    """The pieces of a minute, newest first, with the ends that they are named by."""
    count = -(-int((closes - bar.time).total_seconds()) // _PIECE) or 1
    step = (bar.close - bar.open) / count
    prices = [round_to_tick(instrument.tick_table, bar.open + step * number) for number in range(count + 1)]
    pieces = []
    for number in range(count):
        pair = prices[number : number + 2]
        begin = bar.time + timedelta(seconds=_PIECE * number)
        volume = bar.volume * (number + 1) // count - bar.volume * number // count
        value = bar.value * (number + 1) // count - bar.value * number // count
        later = bar.value - bar.value * (number + 1) // count
        piece = MinuteBar(
            begin, pair[0], max(pair), min(pair), pair[1], volume, value, bar.total_value - later
        )
        pieces.append((min(begin + timedelta(seconds=_PIECE), closes), piece))
    return pieces[::-1]


def _bar_row(closes: datetime, bar: MinuteBar, traded: int) -> Row:
    return {
        "inddTm": str(time_number(closes)),
        "inddOpnprc": bar.open,
        "inddHgprc": bar.high,
        "inddLwprc": bar.low,
        "inddClsprc": bar.close,
        "inddTrdvol": bar.volume,
        "inddTrdval": bar.value,
        "inddAccTrdvol": traded,
        "inddAccTrdval": bar.total_value,
    }


class Sample:
    """What a bar needs of a moment."""

    def __init__(self, price: int, volume: int, value: int) -> None:
        self.price = price
        self.volume = volume
        self.value = value


def sampled_rows(
    market: Market, call: Call, sample: Callable[[datetime], Sample], scale: int = 1
) -> list[Row]:
    """The bars of a window, made of looks at its ends and its middle.

    Args:
        market: Its hours.
        call: Which window, and how long a bar is.
        sample: Looks at a moment.
        scale: 100 for prices in hundredths.
    """
    day = call.window[0].date()
    any_stock = next(iter(market.instruments))
    if not market.is_open(any_stock, datetime.combine(day, _MIDDAY, KST)) or day > call.now.date():
        return []
    around_the_clock = not market.hours
    opens = datetime.combine(day, time(0), KST) if around_the_clock else market.session(any_stock).start(day)
    last = opens + timedelta(days=1)
    closes = last if around_the_clock else datetime.combine(day, _CLOSES, KST)
    rows: list[Row] = []
    length = timedelta(seconds=call.seconds)
    for end in bar_ends(call, opens, closes):
        begin = opens + (end - opens - timedelta(microseconds=1)) // length * length
        first, middle, latest = (sample(at) for at in (begin, begin + (end - begin) / 2, end))
        prices = [first.price, middle.price, latest.price]
        open_, high, low, close = (
            value / scale if scale > 1 else value
            for value in (first.price, max(prices), min(prices), latest.price)
        )
        rows.append(
            {
                "inddTm": str(time_number(end)),
                "inddOpnprc": open_,
                "inddHgprc": high,
                "inddLwprc": low,
                "inddClsprc": close,
                "inddTrdvol": latest.volume - first.volume,
                "inddTrdval": latest.value - first.value,
                "inddAccTrdvol": latest.volume,
                "inddAccTrdval": latest.value,
            }
        )
    return rows
