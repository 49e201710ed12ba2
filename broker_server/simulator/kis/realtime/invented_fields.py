"""Values that no simulated market stands behind: member firms, program trading, greeks, and the like.

They are of the right type and size, equal for equal seeds and times, and rise with the day's volume where the
real ones would.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from broker_server.simulator.kis.realtime.tables import facts
from broker_server.simulator.stream_facts import Facts

_MEMBER = re.compile(r".*MBCR.*[1-5]|(TOTAL_)?(SELN|SHNU)_QTY(_ICDC)?[1-5]")
_PROGRAM_PERCENT = 12


def invented(name: str, type_: str) -> Callable[[Facts], str]:
    """How such a field is written."""
    ranges = facts()["ranges"]
    if name in ranges:
        low, high, places = ranges[name]
        return lambda m: f"{low + (high - low) * m.part(name):.{places}f}"
    if name in _PROGRAM:
        return _PROGRAM[name]
    if _MEMBER.fullmatch(name):
        return _member(name)
    if type_ == "str":
        return lambda m: "N" if name.endswith("_YN") else ""
    if name.endswith(("_RATE", "_RAT", "_RLIM")):
        return lambda m: f"{30 * m.part(name):.2f}"
    if name.endswith("_ERT") or "_ERT" in name:
        return lambda m: f"{2.9 + 0.3 * m.part(name):.3f}"
    if name.endswith(("_ICDC", "ADVL", "BDVL")) or name.startswith(("DASK", "DBID")):
        return lambda m: str(int(100 * m.part(name)) - 50)
    if type_ == "decimal":
        return lambda m: f"{m.part(name):.2f}"
    return lambda m: str(int(m.volume * _lasting(m, name)))


def _lasting(m: Facts, name: str) -> float:
    return 0.2 * m.part(name, lasting=True)


def _sold_by_program(m: Facts) -> int:
    return m.sold * _PROGRAM_PERCENT // 100


def _bought_by_program(m: Facts) -> int:
    return m.bought * _PROGRAM_PERCENT // 100


def _won(m: Facts, quantity: int) -> str:
    return str(quantity * m.price // 10**m.decimals)


_PROGRAM: dict[str, Callable[[Facts], str]] = {
    "SELN_CNQN": lambda m: str(_sold_by_program(m)),
    "SHNU_CNQN": lambda m: str(_bought_by_program(m)),
    "NTBY_CNQN": lambda m: str(_bought_by_program(m) - _sold_by_program(m)),
    "SELN_TR_PBMN": lambda m: _won(m, _sold_by_program(m)),
    "SHNU_TR_PBMN": lambda m: _won(m, _bought_by_program(m)),
    "NTBY_TR_PBMN": lambda m: str(int(_won(m, _bought_by_program(m))) - int(_won(m, _sold_by_program(m)))),
    "SELN_RSQN": lambda m: str(m.total("ask", 1)),
    "SHNU_RSQN": lambda m: str(m.total("bid", 1)),
    "WHOL_NTBY_QTY": lambda m: str(_bought_by_program(m) - _sold_by_program(m)),
}


def _member(name: str) -> Callable[[Facts], str]:
    """One of the five busiest firms of a side: firms 1, 3, 5 … sell and 2, 4, 6 … buy the most."""
    number = int(name[-1])
    sells = name.startswith(("SELN", "TOTAL_SELN"))
    code, firm, foreign = facts()["members"][2 * (number - 1) + (0 if sells else 1)]
    hundredths = (30, 20, 15, 10, 5)[number - 1]
    if "ENG_NAME" in name:
        return lambda m: ""
    if "NAME" in name:
        return lambda m: str(firm)
    if "GLOB_YN" in name:
        return lambda m: "Y" if foreign else "N"
    if "_NO" in name:
        return lambda m: str(code)
    if "RLIM" in name:
        return lambda m: f"{hundredths}.00"
    if "ICDC" in name:
        return lambda m: str(m.traded * hundredths // 100)
    return lambda m: str((m.sold if sells else m.bought) * hundredths // 100)
