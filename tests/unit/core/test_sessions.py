"""The session rules on the packaged table, whose facts carry their sources."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from broker_server.core.sessions import SessionTable, Verdict
from broker_server.market_sessions import load_market_sessions, merge_tables, packaged_table
from broker_server.settings import SettingsError

KIS_DATA = Path(__file__).parents[3] / "broker_server/vendors/kis/data"
TABLE = load_market_sessions()
VENUES = sorted(packaged_table()["venues"])
ORDER_TYPES = sorted(
    {
        order_type
        for market in packaged_table()["markets"].values()
        for session in market["sessions"]
        for order_type in session["order_types"]
    }
)
SEOUL, NEW_YORK = "Asia/Seoul", "America/New_York"


def at(text: str, zone: str = SEOUL) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def running(venue: str, now: datetime, table: SessionTable = TABLE) -> list[str]:
    return [run.session for run in table.phase(venue, now).running]


def verdict(venue: str, order_type: str, now: datetime, table: SessionTable = TABLE) -> Verdict:
    return table.check_order(venue=venue, order_type=order_type, now=now).verdict


def changed(tmp_path: Path, changes: Any) -> SessionTable:
    path = tmp_path / "sessions.json"
    path.write_text(json.dumps(changes), encoding="utf-8")
    return load_market_sessions(path)


@pytest.mark.parametrize(
    ("moment", "sessions"),
    [
        ("08:29:59.999999", []),
        ("08:30", ["pre-market-closing-price", "opening-auction"]),
        ("08:40", ["opening-auction"]),
        ("08:59:59.999999", ["opening-auction"]),
        ("09:00", ["continuous"]),
        ("15:19:59.999999", ["continuous"]),
        ("15:20", ["closing-auction"]),
        ("15:30", []),
        ("15:40", ["after-hours-closing-price"]),
        ("16:00", ["after-market"]),
        ("19:59:59.999999", ["after-market"]),
        ("20:00", []),
    ],
)
def test_the_day_of_krx(moment: str, sessions: list[str]) -> None:
    assert running("KRX", at(f"2026-09-14T{moment}")) == sessions


@pytest.mark.parametrize(
    ("moment", "sessions"),
    [
        ("07:59:59.999999", []),
        ("08:00", ["pre-market"]),
        ("08:50", []),
        ("09:00", []),
        ("09:00:29.999999", []),
        ("09:00:30", ["main-market"]),
        ("15:20", []),
        ("15:30", ["after-market-opening-auction"]),
        ("15:40", ["after-market"]),
        ("20:00", []),
    ],
)
def test_the_day_of_nxt(moment: str, sessions: list[str]) -> None:
    assert running("NXT", at(f"2026-09-14T{moment}")) == sessions


@pytest.mark.parametrize(
    ("order_type", "moment", "expected"),
    [
        ("market", "08:30", Verdict.OPEN),
        ("conditional_limit", "08:30", Verdict.OPEN),
        ("best", "08:59:59", Verdict.CLOSED),
        ("limit_ioc", "08:59:59", Verdict.CLOSED),
        ("limit_ioc", "09:00", Verdict.OPEN),
        ("conditional_limit", "15:19:59", Verdict.OPEN),
        ("conditional_limit", "15:20", Verdict.CLOSED),
        ("market_fok", "15:20", Verdict.CLOSED),
        ("limit", "15:29:59", Verdict.OPEN),
        ("limit", "15:30", Verdict.CLOSED),
        ("limit", "16:30", Verdict.CLOSED),
        ("after_market_limit", "15:59:59", Verdict.CLOSED),
        ("after_market_limit", "16:00", Verdict.OPEN),
        ("after_market_priority", "19:59:59", Verdict.OPEN),
        ("no_such_type", "10:00", Verdict.CLOSED),
    ],
)
def test_what_krx_takes(order_type: str, moment: str, expected: Verdict) -> None:
    assert verdict("KRX", order_type, at(f"2026-09-14T{moment}")) is expected


@pytest.mark.parametrize(
    ("order_type", "moment", "expected"),
    [
        ("after_hours_single_price", "2026-09-11T15:59:59", Verdict.CLOSED),
        ("after_hours_single_price", "2026-09-11T16:00", Verdict.OPEN),
        ("after_hours_single_price", "2026-09-11T18:00", Verdict.CLOSED),
        ("after_hours_single_price", "2026-09-13T23:59:59", Verdict.CLOSED),
        ("after_hours_single_price", "2026-09-14T00:00", Verdict.ABOLISHED),
        ("after_hours_single_price", "2026-09-14T16:30", Verdict.ABOLISHED),
        ("after_market_limit", "2026-09-11T16:30", Verdict.CLOSED),
        ("after_market_limit", "2026-09-14T16:30", Verdict.OPEN),
    ],
)
def test_the_after_market_replaced_the_single_price_session(
    order_type: str, moment: str, expected: Verdict
) -> None:
    assert verdict("KRX", order_type, at(moment)) is expected
    assert verdict("SOR", order_type, at(moment)) is expected


def test_smart_routing_is_open_where_either_market_is() -> None:
    assert running("SOR", at("2026-09-14T08:35")) == [
        "pre-market-closing-price",
        "opening-auction",
        "pre-market",
    ]
    assert verdict("SOR", "limit", at("2026-09-14T08:10")) is Verdict.OPEN
    assert verdict("SOR", "market", at("2026-09-14T08:10")) is Verdict.CLOSED
    assert verdict("SOR", "market", at("2026-09-14T08:30")) is Verdict.OPEN
    assert verdict("SOR", "limit", at("2026-09-14T15:35")) is Verdict.OPEN
    assert not TABLE.is_open("SOR", at("2026-09-14T20:00"))


def test_a_refusal_says_what_is_open_and_what_opens_next() -> None:
    closed = TABLE.check_order(venue="KRX", order_type="limit", now=at("2026-09-11T18:30"))
    assert closed.message == (
        "KRX takes no limit order now (it is closed); "
        "the next session that does is KRX opening-auction, at 2026-09-14T08:30:00+09:00"
    )
    other = TABLE.check_order(venue="NASD", order_type="limit", now=at("2026-11-25T12:00"))
    assert other.message == (
        "NASD takes no limit order now (US daytime (until 2026-11-25T16:00:00+09:00)); "
        "the next session that does is US pre-market, at 2026-11-25T04:00:00-05:00"
    )
    abolished = TABLE.check_order(
        venue="KRX", order_type="after_hours_single_price", now=at("2026-10-01T17:00")
    )
    assert abolished.message == (
        "KRX abolished after_hours_single_price orders on 2026-09-14; use after_market_limit"
    )
    never = TABLE.check_order(venue="NXT", order_type="market", now=at("2026-09-14T10:00")).message
    assert never is not None
    assert never.endswith("no session in the table takes one later")


def test_an_order_that_is_taken_has_no_message() -> None:
    check = TABLE.check_order(venue="KRX", order_type="limit", now=at("2026-09-14T10:00"))
    assert (check.verdict, check.message) == (Verdict.OPEN, None)


@pytest.mark.parametrize(
    ("day", "venue", "moment", "sessions"),
    [
        ("2025-11-13", "KRX", "09:15", []),
        ("2025-11-13", "KRX", "09:30", ["pre-market-closing-price", "opening-auction"]),
        ("2025-11-13", "KRX", "10:00", ["continuous"]),
        ("2025-11-13", "KRX", "16:19:59", ["continuous"]),
        ("2025-11-13", "KRX", "16:29:59", ["closing-auction"]),
        ("2025-11-13", "KRX", "16:30", []),
        ("2025-11-13", "KRX", "16:59:59", ["after-hours-closing-price"]),
        ("2025-11-13", "KRX", "17:59:59", ["after-hours-single-price"]),
        ("2025-11-13", "NXT", "08:30", []),
        ("2025-11-13", "NXT", "10:00:30", ["main-market"]),
        ("2025-11-13", "NXT", "16:20", []),
        ("2025-11-13", "NXT", "16:30", ["after-market-opening-auction"]),
        ("2026-11-19", "KRX", "16:30", []),
        ("2026-11-19", "KRX", "17:00", ["after-market"]),
        ("2026-01-02", "KRX", "09:15", []),
        ("2026-01-02", "KRX", "10:00", ["continuous"]),
        ("2026-01-02", "KRX", "15:20", ["closing-auction"]),
        ("2026-01-02", "KRX", "15:30", []),
        ("2026-01-02", "NXT", "08:30", []),
        ("2026-01-02", "NXT", "15:40", ["after-market"]),
        ("2025-01-02", "NXT", "11:00", []),
    ],
)
def test_late_openings(day: str, venue: str, moment: str, sessions: list[str]) -> None:
    assert running(venue, at(f"{day}T{moment}")) == sessions


def test_a_late_opening_is_named_in_the_message() -> None:
    check = TABLE.check_order(venue="KRX", order_type="limit", now=at("2026-11-19T09:10"))
    assert check.message is not None
    assert check.message.endswith(". 2026-11-19: college entrance exam: everything an hour later")


def test_the_message_admits_holidays_that_the_table_does_not_know() -> None:
    check = TABLE.check_order(venue="KRX", order_type="limit", now=at("2028-01-03T21:00"))
    assert check.message is not None
    assert check.message.endswith(". Holidays of KRX are known until 2027-12-31")


@pytest.mark.parametrize(
    ("venue", "moment", "zone"),
    [
        ("KRX", "2026-09-12T10:00", SEOUL),
        ("KRX", "2026-09-24T10:00", SEOUL),
        ("KRX", "2026-07-17T10:00", SEOUL),
        ("NXT", "2026-12-31T10:00", SEOUL),
        ("NASD", "2026-11-26T10:00", NEW_YORK),
        ("NYSE", "2025-01-09T10:00", NEW_YORK),
        ("SEHK", "2026-10-19T10:00", "Asia/Hong_Kong"),
        ("SHAA", "2026-10-05T10:00", "Asia/Shanghai"),
        ("TKSE", "2026-11-03T10:00", "Asia/Tokyo"),
        ("VNSE", "2026-11-24T10:00", "Asia/Ho_Chi_Minh"),
    ],
)
def test_weekends_and_holidays(venue: str, moment: str, zone: str) -> None:
    assert not TABLE.is_open(venue, at(moment, zone))


def test_the_daytime_session_follows_the_american_holidays() -> None:
    assert running("NASD", at("2026-11-26T11:00")) == []
    assert running("NASD", at("2026-11-27T11:00")) == ["daytime"]


@pytest.mark.parametrize(
    ("utc", "sessions"),
    [
        ("2026-03-06T14:29", ["pre-market"]),  # winter: 09:30 is 14:30 UTC
        ("2026-03-06T14:30", ["regular"]),
        ("2026-03-06T21:00", ["after-market"]),
        ("2026-03-09T13:29", ["pre-market"]),  # summer, from 2026-03-08: 09:30 is 13:30 UTC
        ("2026-03-09T13:30", ["regular"]),
        ("2026-03-09T20:00", ["after-market"]),
        ("2026-03-09T08:00", ["pre-market"]),
        ("2026-03-10T00:00", []),
        ("2026-03-10T01:00", ["daytime"]),  # 10:00 in Seoul, summer and winter
        ("2026-03-06T01:00", ["daytime"]),
        ("2026-10-30T13:30", ["regular"]),
        ("2026-11-02T13:30", ["pre-market"]),
        ("2026-11-02T14:30", ["regular"]),
        ("2026-11-27T17:59", ["regular"]),  # the day after Thanksgiving closes at 13:00
        ("2026-11-27T18:00", ["after-market"]),
        ("2026-11-27T22:00", []),
    ],
)
def test_new_york_changes_its_clocks(utc: str, sessions: list[str]) -> None:
    for venue in ("NASD", "NYSE", "AMEX"):
        assert running(venue, datetime.fromisoformat(utc).replace(tzinfo=UTC)) == sessions


@pytest.mark.parametrize(
    ("venue", "zone", "opens", "closes"),
    [
        ("SEHK", "Asia/Hong_Kong", ("09:30", "13:00"), ("12:00", "16:00")),
        ("SHAA", "Asia/Shanghai", ("09:30", "13:00"), ("11:30", "15:00")),
        ("SZAA", "Asia/Shanghai", ("09:30", "13:00"), ("11:30", "15:00")),
        ("TKSE", "Asia/Tokyo", ("09:00", "12:30"), ("11:30", "15:30")),
        ("HASE", "Asia/Ho_Chi_Minh", ("09:00", "13:00"), ("11:30", "14:45")),
        ("VNSE", "Asia/Ho_Chi_Minh", ("09:00", "13:00"), ("11:30", "14:45")),
    ],
)
def test_exchanges_with_a_lunch_break(
    venue: str, zone: str, opens: tuple[str, str], closes: tuple[str, str]
) -> None:
    for opening, close in zip(opens, closes, strict=True):
        first, last = at(f"2026-11-12T{opening}", zone), at(f"2026-11-12T{close}", zone)
        assert verdict(venue, "limit", first) is Verdict.OPEN
        assert not TABLE.is_open(venue, first - timedelta(microseconds=1))
        assert not TABLE.is_open(venue, last)
        assert TABLE.is_open(venue, last - timedelta(microseconds=1))


def test_the_next_opening_skips_a_long_holiday() -> None:
    opening = TABLE.phase("KRX", at("2025-10-02T20:30")).next_opening
    assert opening is not None
    assert opening.opens == at("2025-10-10T08:30")
    assert (opening.trading_day, str(opening)) == (date(2025, 10, 10), "KRX pre-market-closing-price")


def test_silence_means_something_only_while_trades_may_happen() -> None:
    assert TABLE.phase("KRX", at("2026-09-14T10:00")).is_continuous
    auction = TABLE.phase("KRX", at("2026-09-14T15:25"))
    assert (auction.is_open, auction.is_continuous) == (True, False)
    assert not TABLE.phase("KRX", at("2026-09-14T21:00")).is_continuous


@pytest.mark.parametrize(
    ("venue", "moment", "day"),
    [
        ("KRX", "2026-09-11T07:00", "2026-09-11"),
        ("KRX", "2026-09-11T17:59", "2026-09-11"),
        ("KRX", "2026-09-11T18:00", "2026-09-14"),
        ("KRX", "2026-09-14T19:59", "2026-09-14"),
        ("SOR", "2026-09-11T19:59", "2026-09-11"),
        ("NASD", "2026-11-25T10:30", "2026-11-25"),  # the daytime session comes before its day
        ("NASD", "2026-11-26T09:59", "2026-11-25"),  # 19:59 in New York
        ("NASD", "2026-11-26T10:00", "2026-11-27"),  # Thanksgiving is between
    ],
)
def test_the_trading_day(venue: str, moment: str, day: str) -> None:
    assert TABLE.trading_day(venue, at(moment)) == date.fromisoformat(day)


def test_an_unknown_venue_is_always_open() -> None:
    sunday = at("2026-09-13T03:00")
    assert verdict("XETRA", "limit", sunday) is Verdict.OPEN
    assert TABLE.is_open("XETRA", sunday)
    phase = TABLE.phase("XETRA", sunday)
    assert (phase.known, phase.is_open, phase.is_continuous, phase.next_opening) == (False, True, True, None)
    assert TABLE.trading_day("XETRA", sunday) == date(2026, 9, 13)


def test_a_time_without_an_offset_is_a_mistake() -> None:
    naive = datetime(2026, 9, 14, 10, 0)  # noqa: DTZ001  (what is refused here)
    for ask in (TABLE.phase, TABLE.is_open, TABLE.trading_day, TABLE.day_end):
        with pytest.raises(ValueError, match="offset"):
            ask("KRX", naive)
    with pytest.raises(ValueError, match="offset"):
        TABLE.check_order(venue="KRX", order_type="limit", now=naive)


MOMENTS = st.one_of(
    st.datetimes(
        min_value=datetime(2025, 1, 1),  # noqa: DTZ001  (hypothesis adds the zone)
        max_value=datetime(2028, 1, 1),  # noqa: DTZ001
        timezones=st.timezones(),
    ),
    st.datetimes(timezones=st.timezones()),
    st.datetimes(
        timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    ),
)


@given(now=MOMENTS, venue=st.sampled_from([*VENUES, "?"]), order_type=st.sampled_from([*ORDER_TYPES, "?"]))
def test_any_time_gives_one_verdict_that_agrees_with_the_phase(
    now: datetime, venue: str, order_type: str
) -> None:
    check = TABLE.check_order(venue=venue, order_type=order_type, now=now)
    phase = TABLE.phase(venue, now)
    assert (check.message is None) == (check.verdict is Verdict.OPEN)
    taken = any(order_type in run.order_types for run in phase.running) or not phase.known
    assert (check.verdict is Verdict.OPEN) == taken
    assert phase.is_open == TABLE.is_open(venue, now)


@pytest.mark.parametrize(
    ("venue", "sent", "end"),
    [
        ("KRX", "2026-08-25T10:00+09:00", "2026-08-25T18:00+09:00"),
        ("KRX", "2026-08-25T19:00+09:00", "2026-08-26T18:00+09:00"),
        ("SOR", "2026-08-25T10:00+09:00", "2026-08-25T20:00+09:00"),
        ("KRX", "2026-08-28T19:00+09:00", "2026-08-31T18:00+09:00"),
    ],
)
def test_the_end_of_the_trading_day(venue: str, sent: str, end: str) -> None:
    assert TABLE.day_end(venue, datetime.fromisoformat(sent)) == datetime.fromisoformat(end)


def test_an_american_order_of_the_night_lasts_over_midnight_in_korea() -> None:
    end = TABLE.day_end("NASD", at("2026-08-25T23:50"))
    assert end is not None
    assert end.astimezone(ZoneInfo(NEW_YORK)).date() == date(2026, 8, 25)
    assert end.astimezone(ZoneInfo(SEOUL)).date() == date(2026, 8, 26)


def test_an_unknown_venue_has_no_end_of_the_day() -> None:
    assert TABLE.day_end("XETRA", at("2026-08-25T10:00")) is None


@given(now=MOMENTS, venue=st.sampled_from(VENUES))
def test_sessions_and_the_trading_day_agree(now: datetime, venue: str) -> None:
    phase, day = TABLE.phase(venue, now), TABLE.trading_day(venue, now)
    assert all(run.trading_day == day for run in phase.running)
    if datetime(1901, 1, 1, tzinfo=UTC) < now < datetime(8999, 1, 1, tzinfo=UTC):
        assert all(run.opens <= now < run.closes for run in phase.running)
        if phase.next_opening is not None:
            assert phase.next_opening.opens > now
            assert phase.next_opening in TABLE.phase(venue, phase.next_opening.opens).running
            before = phase.next_opening.opens - timedelta(microseconds=1)
            assert phase.next_opening not in TABLE.phase(venue, before).running


@settings(max_examples=30)
@given(now=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(days=30)), venue=st.sampled_from(VENUES))
def test_the_trading_day_never_goes_back(now: datetime, later: timedelta, venue: str) -> None:
    start = max(now, datetime(1, 1, 3, tzinfo=UTC)).astimezone(UTC)
    end = min(start, datetime(9999, 11, 1, tzinfo=UTC)) + later
    first, second = sorted([start, end])
    assert TABLE.trading_day(venue, first) <= TABLE.trading_day(venue, second)


def contract_types() -> Iterator[tuple[str, str]]:
    types = json.loads((KIS_DATA / "order_types.json").read_text(encoding="utf-8"))
    for venue, names in types["domestic"].items():
        yield from ((venue, name) for name in names)
    exchanges = json.loads((KIS_DATA / "overseas_exchanges.json").read_text(encoding="utf-8"))
    for exchange, facts in exchanges.items():
        for names in types["overseas"][facts["country"]].values():
            yield from ((exchange, name) for name in names)


def test_every_order_type_of_the_contract_has_a_session() -> None:
    start = at("2026-11-09T00:00")
    week = [start + timedelta(minutes=minutes) for minutes in range(1, 7 * 1440, 5)]
    for venue, order_type in set(contract_types()):
        assert any(verdict(venue, order_type, now) is Verdict.OPEN for now in week), (venue, order_type)


def test_every_name_is_of_the_contract_or_listed_as_beyond_it() -> None:
    beyond = set(packaged_table()["beyond_the_contract"]["order_types"])
    assert set(ORDER_TYPES) == {order_type for _, order_type in contract_types()} | beyond


def test_every_packaged_fact_has_a_source() -> None:
    table = packaged_table()
    facts = [*table["calendars"].values(), *table["days"].values()]
    for market in table["markets"].values():
        facts += [*market["sessions"], *market.get("abolished", {}).values()]
    assert all(fact["source"] for fact in facts)


def test_the_packaged_holidays_are_in_order_and_on_weekdays() -> None:
    for name, calendar in packaged_table()["calendars"].items():
        days = [date.fromisoformat(day) for day in calendar["holidays"]]
        assert all(first < second for first, second in pairwise(days)), name
        assert all(day.weekday() < 5 for day in days), name


def test_a_file_adds_one_late_opening(tmp_path: Path) -> None:
    day = {"reason": "snow", "markets": {"KRX": {"opening-auction": None, "continuous": ["10:00", "15:20"]}}}
    table = changed(tmp_path, {"days": {"2026-12-01": day}})
    assert running("KRX", at("2026-12-01T09:30"), table) == []
    assert running("KRX", at("2026-12-01T10:00"), table) == ["continuous"]
    assert running("KRX", at("2026-12-01T15:20"), table) == ["closing-auction"]
    assert running("NXT", at("2026-12-01T09:30"), table) == ["main-market"]
    assert running("KRX", at("2026-11-19T09:10"), table) == []  # the packaged days stay


def test_a_file_closes_a_market_for_a_day_and_opens_one_on_a_holiday(tmp_path: Path) -> None:
    days = {
        "2026-12-01": {"reason": "temporary holiday", "markets": {"KRX": None, "NXT": None}},
        "2026-12-25": {"reason": "no holiday after all", "markets": {"KRX": {}}},
    }
    table = changed(tmp_path, {"days": days})
    assert not table.is_open("SOR", at("2026-12-01T10:00"))
    assert table.trading_day("SOR", at("2026-12-01T10:00")) == date(2026, 12, 2)
    assert running("KRX", at("2026-12-25T10:00"), table) == ["continuous"]
    assert not table.is_open("NXT", at("2026-12-25T10:00"))


def test_an_entry_of_a_file_replaces_the_packaged_one_and_null_removes_it(tmp_path: Path) -> None:
    calendar = {"known_until": "2030-12-31", "holidays": ["2026-09-14"]}
    table = changed(
        tmp_path, {"calendars": {"KR": calendar}, "days": {"2026-11-19": None}, "venues": {"NXT": None}}
    )
    assert not table.is_open("KRX", at("2026-09-14T10:00"))
    assert table.is_open("KRX", at("2026-09-24T10:00"))
    assert running("KRX", at("2026-11-19T09:10"), table) == ["continuous"]
    assert not table.phase("NXT", at("2026-11-18T03:00")).known


def test_merging_leaves_the_packaged_table_alone() -> None:
    table = packaged_table()
    merge_tables(table, {"days": {"2026-11-19": None}})
    assert table == packaged_table()


def test_a_type_is_abolished_only_where_no_session_takes_it_later() -> None:
    table = packaged_table()
    table["markets"]["NXT"]["abolished"] = {"limit": {"until": "2026-01-01"}}
    table["markets"]["NXT"]["sessions"] = table["markets"]["NXT"]["sessions"][2:3]
    table["markets"]["NXT"]["sessions"][0]["order_types"] = []
    for day in table["days"].values():
        day["markets"].pop("NXT", None)
    changed_table = SessionTable.from_json(table)
    night = at("2026-09-14T21:00")
    assert verdict("NXT", "limit", night, changed_table) is Verdict.ABOLISHED
    assert verdict("SOR", "limit", night, changed_table) is Verdict.CLOSED


KRX_SESSION = {"name": "a", "kind": "auction", "opens": "09:00", "closes": "10:00", "order_types": []}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold a JSON object"),
        ('{"day": {}}', "'day' is not a section"),
        ('{"days": []}', "days must be an object"),
        ('{"days": {"2026-12-01": {"markets": {}}}}', "days.2026-12-01.reason: Field required"),
        ('{"days": {"20261201": {"reason": "", "markets": {}}}}', "'20261201' is not a date"),
        ('{"days": {"2026-12-01": {"reason": "", "markets": {"KRZ": null}}}}', "there is no market 'KRZ'"),
        (
            '{"days": {"2026-12-01": {"reason": "", "markets": {"KRX": {"main": null}}}}}',
            "KRX has no session 'main'",
        ),
        (
            '{"days": {"2026-12-01": {"reason": "", "markets": {"KRX": {"continuous": ["930", "1520"]}}}}}',
            "'930' is not a time like 09:00",
        ),
        (
            '{"days": {"2026-12-01": {"reason": "", "markets": {"US": {"regular": ["16:00", "10:00"]}}}}}',
            "opens at 16:00:00 but closes at 10:00:00",
        ),
        ('{"venues": {"KRX": ["KOSPI"]}}', "there is no market 'KOSPI'"),
        ('{"calendars": {"KR": null}}', "there is no calendar 'KR'"),
        (
            json.dumps(
                {"markets": {"X": {"calendar": "KR", "time_zone": "Seoul", "sessions": [KRX_SESSION]}}}
            ),
            "'Seoul' is not a time zone",
        ),
        (
            json.dumps(
                {"markets": {"X": {"calendar": "KR", "time_zone": SEOUL, "sessions": [KRX_SESSION] * 2}}}
            ),
            "'a' is there twice on one day",
        ),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_setting(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "sessions.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_market_sessions(path)
    assert str(caught.value).startswith(f"MARKET_SESSIONS_FILE: {path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"^MARKET_SESSIONS_FILE: .*none\.json: cannot be read: No such file"
    ):
        load_market_sessions(tmp_path / "none.json")
    (tmp_path / "latin.json").write_bytes(b"\xe9")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        load_market_sessions(tmp_path / "latin.json")


def test_a_table_must_be_of_the_format() -> None:
    with pytest.raises(ValidationError):
        SessionTable.from_json({"markets": {}})
