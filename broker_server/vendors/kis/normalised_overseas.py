"""Overseas real-time records as neutral events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from broker_server.core.market_data import OrderBook, Session, Trade
from broker_server.vendors.kis.catalogue import load_data
from broker_server.vendors.kis.frames import Reason
from broker_server.vendors.kis.order_types import overseas_exchanges
from broker_server.vendors.kis.record_fields import RecordFields, Unusable

_SESSIONS: Mapping[str, Session] = {"1": "regular", "2": "pre", "3": "after"}
_DEPTHS = {"HDFSASP0": 10, "HDFSASP1": 1}


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where an overseas key is traded, by the project's names."""

    venue: str
    currency: str
    country: str


def trade(tr_id: str, fields: RecordFields) -> Trade:
    """A trade: HDFSCNT0."""
    exchange, delayed = _origin(fields)
    return Trade(
        vendor="kis",
        ticker=fields.required_text("SYMB"),
        venue=exchange.venue,
        currency=exchange.currency,
        time=fields.moment("KHMS", "KYMD"),
        price=fields.required_money("LAST"),
        quantity=fields.whole("EVOL"),
        change=fields.change("DIFF", "SIGN"),
        change_rate=fields.rate("RATE", "SIGN"),
        open=fields.money("OPEN"),
        high=fields.money("HIGH"),
        low=fields.money("LOW"),
        ask=fields.money("PASK"),
        bid=fields.money("PBID"),
        volume=fields.whole("TVOL"),
        value=fields.money("TAMT"),
        session=_SESSIONS.get(fields.text("MTYP") or ""),
        delayed=delayed,
    )


def order_book(tr_id: str, fields: RecordFields) -> OrderBook:
    """A book: ten levels of HDFSASP0, the best one of HDFSASP1."""
    exchange, delayed = _origin(fields)
    depth = _DEPTHS[tr_id]
    return OrderBook(
        vendor="kis",
        ticker=fields.required_text("SYMB"),
        venue=exchange.venue,
        currency=exchange.currency,
        time=fields.moment("KHMS", "KYMD"),
        asks=fields.levels("PASK", "VASK", depth),
        bids=fields.levels("PBID", "VBID", depth),
        total_ask_quantity=fields.whole("AVOL"),
        total_bid_quantity=fields.whole("BVOL"),
        delayed=delayed,
    )


def _origin(fields: RecordFields) -> tuple[Exchange, bool]:
    """The exchange in a key like ``DNASAAPL``, and whether its data are late: Asia's are, unless paid for."""
    key = fields.required_text("RSYM")
    exchange = exchanges_by_code().get(key[1:4])
    if exchange is None:
        raise Unusable(Reason.UNKNOWN_CODE, f"no exchange is written {key[1:4]!r}")
    return exchange, key[0] == "D" and exchange.country != "US"


@cache
def exchanges_by_code() -> Mapping[str, Exchange]:
    """By the three letters in an overseas key; the US day market has letters of its own."""
    table = overseas_exchanges()
    found = {
        entry["quote_code"]: Exchange(name, entry["currency"], entry["country"])
        for name, entry in table.items()
    }
    day_market = load_data("realtime_markets.json")["us_day_market"]
    return found | {
        code: Exchange(name, table[name]["currency"], table[name]["country"])
        for code, name in day_market.items()
    }
