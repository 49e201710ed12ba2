"""What is written under each FID of the real-time types that the simulated market is behind."""

from __future__ import annotations

from collections.abc import Callable

from broker_server.simulator.kiwoom.text import (
    HUNDRED_MILLION,
    MILLION,
    directed,
    hhmmss,
    percent,
    sign_code,
    signed,
    signed_percent,
)
from broker_server.simulator.stream_facts import Facts

Writer = Callable[[Facts], str]

_MIDNIGHT = "000000"


def values_of(fids: tuple[str, ...], facts: Facts) -> dict[str, str]:
    """The values of a record; empty where the simulated market has none."""
    return {fid: _WRITERS[fid](facts) if fid in _WRITERS else "" for fid in fids}


def _price(value: Callable[[Facts], int]) -> Writer:
    return lambda m: directed(value(m), m.base, m.decimals)


def _best(side: str) -> Writer:
    return _price(lambda m: m.level(side, 1).price)


def _level_price(side: str, number: int) -> Writer:
    return _price(lambda m: m.level(side, number).price)


def _level_quantity(side: str, number: int) -> Writer:
    return lambda m: str(m.level(side, number).quantity)


def _part_of_level(side: str, number: int, share: int) -> Writer:
    """The part of a level that is on one of two venues, in percent."""
    return lambda m: str(m.level(side, number).quantity * share // 100)


def _volume(m: Facts) -> str:
    return str(m.volume // 1000 if m.is_index else m.volume)


def _traded(m: Facts) -> str:
    quantity = m.traded // 1000 if m.is_index else m.traded
    return f"{'+' if m.rising else '-'}{quantity}"


def _time_of(name: str) -> Writer:
    """Of the day's high or low: now, where the price stands there, else in the morning."""
    return lambda m: hhmmss(m.at if m.price == getattr(m, name) else m.opened)


def _expected(writer: Writer, otherwise: str = "0") -> Writer:
    """In an order book: what the auction would end in, and the rest of the day nothing."""
    return lambda m: writer(m) if m.auction else otherwise


def _difference(m: Facts) -> str:
    return signed(m.price - m.base, m.decimals)


def _rate(m: Facts) -> str:
    return signed_percent(m.price - m.base, m.base)


def _sign(m: Facts) -> str:
    return sign_code(m.price, m.base, m.lower, m.upper)


def _net(side: str) -> Writer:
    """Shares bid over those asked, or the other way round."""
    other = "ask" if side == "bid" else "bid"
    return lambda m: signed(m.total(side, 10) - m.total(other, 10))


_WRITERS: dict[str, Writer] = {
    "20": lambda m: hhmmss(m.at),
    "21": lambda m: hhmmss(m.at),
    "10": _price(lambda m: m.price),
    "11": _difference,
    "12": _rate,
    "27": _best("ask"),
    "28": _best("bid"),
    "15": _traded,
    "13": _volume,
    "14": lambda m: str(m.value // 10**m.decimals // MILLION),
    "16": _price(lambda m: m.open),
    "17": _price(lambda m: m.high),
    "18": _price(lambda m: m.low),
    "25": _sign,
    "26": lambda m: signed(m.volume - m.previous_volume),
    "29": lambda m: signed(m.value - m.previous_volume * m.base),
    "30": lambda m: signed_percent(m.volume - m.previous_volume, m.previous_volume),
    "31": lambda m: percent(m.volume, m.shares),
    "32": lambda m: str(m.price * 5 // 10_000),
    "228": lambda m: percent(m.bought, m.sold),
    "311": lambda m: str(m.shares * m.price // HUNDRED_MILLION),
    "290": lambda m: m.session,
    "691": lambda m: "0",
    "567": lambda m: hhmmss(m.at) if m.price == m.upper else _MIDNIGHT,
    "568": lambda m: hhmmss(m.at) if m.price == m.lower else _MIDNIGHT,
    "851": lambda m: percent(m.volume, m.previous_volume / 3),
    "1890": lambda m: hhmmss(m.opened),
    "1891": _time_of("high"),
    "1892": _time_of("low"),
    "1030": lambda m: str(m.sold),
    "1031": lambda m: str(m.bought),
    "1032": lambda m: percent(m.bought, m.volume),
    "1071": lambda m: str(m.sold // 30),
    "1072": lambda m: str(m.bought // 30),
    "1313": lambda m: str(m.traded * m.price),
    "1315": lambda m: "0" if m.rising else str(m.traded),
    "1316": lambda m: str(m.traded) if m.rising else "0",
    "1314": lambda m: signed(m.bought - m.sold),
    "1497": lambda m: "0",
    "1498": lambda m: "0",
    "620": lambda m: str(m.value // m.volume if m.volume else m.price),
    "732": lambda m: "0",
    "852": lambda m: "0",
    "121": lambda m: str(m.total("ask", 10)),
    "122": lambda m: "0",
    "125": lambda m: str(m.total("bid", 10)),
    "126": lambda m: "0",
    "128": _net("bid"),
    "129": lambda m: percent(m.total("bid", 10), m.total("ask", 10)),
    "138": _net("ask"),
    "139": lambda m: percent(m.total("ask", 10), m.total("bid", 10)),
    "23": _expected(_price(lambda m: m.price)),
    "24": _expected(lambda m: str(m.traded)),
    "200": _expected(_difference),
    "201": _expected(_rate, "0.00"),
    "238": _expected(_sign, "3"),
    "291": _expected(_price(lambda m: m.price)),
    "292": _expected(lambda m: str(m.traded)),
    "293": _expected(_sign, "3"),
    "294": _expected(_difference),
    "295": _expected(_rate, "0.00"),
    "215": lambda m: "0" if m.auction else "2" if m.is_open else "4",
    "216": lambda m: "",
    "299": lambda m: signed_percent(m.volume - m.previous_volume, m.previous_volume),
    "6064": lambda m: str(m.total("ask", 10) * 80 // 100),
    "6065": lambda m: str(m.total("bid", 10) * 80 // 100),
    "6086": lambda m: str(m.total("ask", 10) * 20 // 100),
    "6087": lambda m: str(m.total("bid", 10) * 20 // 100),
    "302": lambda m: m.name,
}
for _number in range(1, 11):
    for _side, _first in (("ask", 0), ("bid", 10)):
        _WRITERS[str(40 + _first + _number)] = _level_price(_side, _number)
        _WRITERS[str(60 + _first + _number)] = _level_quantity(_side, _number)
        _WRITERS[str(80 + _first + _number)] = lambda m: "0"
        _WRITERS[str(6043 + _first + _number)] = _part_of_level(_side, _number, 80)
        _WRITERS[str(6065 + _first + _number)] = _part_of_level(_side, _number, 20)
        _WRITERS[str(620 + _first + _number)] = lambda m: "0"
