"""What the check of a stream says in the end, reason by reason, and of one record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from broker_client.errors import InvalidParameters, SubscriptionLimit, Unsupported, VendorRejected
from broker_server.core.sessions import SessionTable
from broker_server.market_sessions import load_market_sessions
from broker_server.stream_check.texts import Sight, feed_line, feed_of, short_form, verdict

TRADING = datetime.fromisoformat("2026-11-26T10:00+09:00")
AUCTION = datetime.fromisoformat("2026-11-26T15:25+09:00")
WEDNESDAY = datetime.fromisoformat("2026-11-25T10:00+09:00")
SATURDAY = datetime.fromisoformat("2026-11-28T10:00+09:00")
LABEL = "kis:H0STCNT0:005930"
HELD = {"connected": True, "asked": True, "acknowledged": True}


@pytest.fixture(scope="module")
def table() -> SessionTable:
    return load_market_sessions()


def refused(kind: type[Any], message: str) -> dict[str, Any]:
    return {"refused": kind(message, vendor="kis")}


@pytest.mark.parametrize(
    ("seen", "now", "mark", "words"),
    [
        (
            HELD | {"frames": 3, "records": 4, "first_at": 0.31, "last_at": 0.92},
            TRADING,
            "ok",
            ["data after 0.3 s: 3 frames with 4 records within 0.9 s"],
        ),
        (
            HELD | {"worker": "w", "frames": 1, "records": 0, "first_at": 1.0, "last_at": 1.0},
            TRADING,
            "ok",
            ["data after 1.0 s: 1 event within 1.0 s"],
        ),
        (
            HELD,
            TRADING,
            "FAIL",
            ["acknowledged, but mute for 20 s while KRX trades (until 2026-11-26 15:20 KST)"],
        ),
        (HELD | {"pings": 2}, TRADING, "FAIL", ["mute", "KIS sent 2 PINGPONGs"]),
        (
            HELD | {"noticed": "the worker has noticed it (no data)"},
            TRADING,
            "FAIL",
            ["the worker has noticed it"],
        ),
        (
            HELD,
            AUCTION,
            "none",
            [
                "KRX does not trade continuously now (KRX closing-auction)",
                "KRX after-market at 2026-11-26 16:00 KST",
            ],
        ),
        (
            HELD,
            SATURDAY,
            "none",
            ["KRX is closed; it opens next with KRX continuous at 2026-11-30 09:00 KST"],
        ),
        (
            HELD | {"venue": "US-NIGHT"},
            TRADING,
            "none",
            ["US-NIGHT is closed", "18:00 KST", "such as RBAQAAPL"],
        ),
        (HELD | {"venue": "US-DAY"}, WEDNESDAY, "FAIL", ["mute"]),
        (HELD | {"venue": None}, TRADING, "none", ["not in the table of market sessions"]),
        (HELD | {"venue": None, "notices": True}, TRADING, "none", ["Notices come when an order"]),
        (
            HELD | {"unusable": {"too_short": 7}},
            TRADING,
            "FAIL",
            ["none of it could be decoded (too_short 7)"],
        ),
        (
            HELD | refused(VendorRejected, "not entitled to these data: OPSP0009"),
            TRADING,
            "FAIL",
            [f"{LABEL}: not entitled to these data: OPSP0009"],
        ),
        (
            refused(InvalidParameters, "nothing of that name: OPSP8992"),
            TRADING,
            "FAIL",
            ["nothing of that name: OPSP8992"],
        ),
        (refused(Unsupported, "KIS does not offer it in paper trading"), SATURDAY, "FAIL", ["paper trading"]),
        (
            refused(SubscriptionLimit, "KIS holds no more") | {"registered": (40, 40)},
            TRADING,
            "FAIL",
            ["KIS holds no more (40 of 40 registrations are taken)"],
        ),
        (
            {"connected": True, "asked": True, "code": "OPSP8996", "failure": "another"},
            TRADING,
            "FAIL",
            ["another session uses this app key (OPSP8996)"],
        ),
        (
            {"worker": "w", "failure": "ended: OPSP8996 ALREADY IN USE appkey"},
            TRADING,
            "FAIL",
            ["another session uses this app key"],
        ),
        (
            {"failure": "the connection failed: ConnectionRefusedError"},
            TRADING,
            "FAIL",
            ["ConnectionRefusedError"],
        ),
        ({}, TRADING, "FAIL", ["no connection within 20 s"]),
        ({"connected": True, "asked": True}, TRADING, "FAIL", ["the request was not answered within 20 s"]),
        (
            {"worker": "w", "asked": True},
            TRADING,
            "FAIL",
            ["the worker has not got it registered within 20 s"],
        ),
    ],
)
def test_every_reason_has_its_words(
    table: SessionTable, seen: dict[str, Any], now: datetime, mark: str, words: list[str]
) -> None:
    last = verdict(Sight(**({"label": LABEL, "venue": "KRX"} | seen)), table, now, 20.0)
    assert last.mark == mark
    assert str(last).startswith(f"{mark:<4} {LABEL}: ")
    for each in words:
        assert each in last.text


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            {"type": "trade", "ticker": "005930", "time": "T", "price": 76700, "quantity": 6},
            "trade of 005930 at T: 76700 x 6",
        ),
        (
            {
                "type": "order_book",
                "ticker": "AAPL",
                "time": "T",
                "bids": [{"price": "258.97", "quantity": 3}, {"price": "258.96", "quantity": 1}],
                "asks": [],
            },
            "order book of AAPL at T: bid 258.97 x 3, ask none, 2 + 0 levels",
        ),
        ({"type": "index", "ticker": "0001", "time": "T", "value": "2630.88"}, "index of 0001 at T: 2630.88"),
        (
            {
                "type": "execution",
                "event": "fill",
                "ticker": "005930",
                "time": "T",
                "price": 1,
                "quantity": 2,
            },
            "fill of 005930 at T: 1 x 2",
        ),
        (
            {
                "type": "HDFSASP0",
                "key": "DNASAAPL",
                "fields": {"SYMB": "AAPL", "XHMS": "175959", "PBID1": "1.5", "PASK1": "1.6", "PBID2": None},
            },
            "HDFSASP0 DNASAAPL: XHMS 175959, PBID1 1.5, PASK1 1.6, 1 + 1 levels",
        ),
        (
            {
                "type": "H0STCNT0",
                "key": "005930",
                "fields": {"STCK_CNTG_HOUR": "100000", "STCK_PRPR": 76700, "ASKP1": 76800},
            },
            "H0STCNT0 005930: STCK_CNTG_HOUR 100000, STCK_PRPR 76700",
        ),
        ({"type": "H0STMBC0", "key": "1", "fields": {"A": "1", "B": 2, "C": 3}}, "H0STMBC0 1: B 2, C 3"),
    ],
)
def test_a_record_is_one_short_line(event: dict[str, Any], text: str) -> None:
    assert short_form(event) == text


def test_the_feed_of_a_worker_is_told_in_words() -> None:
    session = {
        "environment": "real",
        "state": "waiting",
        "approval_key": "issued",
        "failures": 2,
        "last_failure": "it broke",
    }
    row = {"streams": {"kis": {"feed": {"registered": 1, "capacity": 40, "sessions": [session]}}}}
    assert feed_line(feed_of(row, "kis")) == (
        "1 of 40 registrations held; real key waiting, approval key issued, 2 failures in a row, "
        "the last: it broke"
    )
    assert feed_line(feed_of({"streams": {"ticks": {}}}, "kis")) == "no live connection"
