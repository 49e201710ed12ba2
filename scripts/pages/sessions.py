"""The tables of ``docs/market-sessions.md``, from the packaged table of sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from scripts.pages.markdown import code, table

_TITLES = {
    "KRX": "KRX",
    "NXT": "NXT (Nextrade)",
    "US": "NASD, NYSE and AMEX",
    "US-DAY": "The American day market, live data alone",
    "US-NIGHT": "The American markets, live data alone",
    "HK": "SEHK (Hong Kong)",
    "CN": "SHAA and SZAA (Shanghai and Shenzhen)",
    "JP": "TKSE (Tokyo)",
    "VN": "HASE and VNSE (Hanoi and Ho Chi Minh City)",
}
_KINDS = {"continuous": "as orders arrive", "auction": "auction", "fixed_price": "at a given price"}


def sessions_table() -> str:
    """Every market with its sessions."""
    parts = []
    for name, market in _data()["markets"].items():
        rows = [_row(market, session) for session in market["sessions"]]
        head = ("session", "hours", "matching", "from, until", "order types")
        parts.append(f"### {_TITLES[name]}\n\nTimes of {market['time_zone']}.\n\n{table(head, rows)}")
        parts += [
            f"\n`{kind}` is no more since {gone['until']}"
            + (f": use {', '.join(code(each) for each in gone['instead'])}" if gone["instead"] else "")
            + ".\n"
            for kind, gone in market.get("abolished", {}).items()
        ]
    return "\n".join(parts)


def days_table() -> str:
    """Every day with hours of its own."""
    rows = [
        (day, entry["reason"], "; ".join(_changes(entry["markets"])))
        for day, entry in _data()["days"].items()
    ]
    known = ", ".join(f"{name} {each['known_until']}" for name, each in _data()["calendars"].items())
    return f"{table(('day', 'why', 'what changes'), rows)}\nThe holidays are known until: {known}.\n"


def _row(market: dict[str, Any], session: dict[str, Any]) -> tuple[str, str, str, str, str]:
    zone = (
        f" ({session['time_zone']})"
        if session.get("time_zone", market["time_zone"]) != market["time_zone"]
        else ""
    )
    period = [f"from {session['since']}"] if "since" in session else []
    period += [f"until {session['until']}"] if "until" in session else []
    return (
        session["name"],
        f"{session['opens']}–{session['closes']}{zone}",
        _KINDS[session["kind"]],
        ", ".join(period) or "–",
        ", ".join(code(each) for each in session["order_types"]) or "none",
    )


def _changes(markets: dict[str, Any]) -> Iterator[str]:
    for name, sessions in markets.items():
        if sessions is None:
            yield f"{name} closed"
            continue
        changed = [f"{each} {'–'.join(hours) if hours else 'not held'}" for each, hours in sessions.items()]
        yield f"{name}: {', '.join(changed)}"


def _data() -> dict[str, Any]:
    text = files("broker_server").joinpath("data", "market_sessions.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
