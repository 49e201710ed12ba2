"""The store of candles, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect

from broker_server.journal.database import open_database
from broker_server.prices.candles.store import CandleStore
from broker_server.prices.candles.tables import PRICES, PricesError, metadata
from broker_server.prices.history import DailyCandle
from broker_server.prices_settings import PricesSettings
from broker_server.settings import load_group
from broker_server.wiring.candles import candle_store, stored_history
from tests.support.candles import a_candle, candles_of
from tests.support.schemas import migrated, structure

MON, TUE, WED, THU, FRI = (date(2026, 11, day) for day in (16, 17, 18, 19, 20))
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_what_is_stored_comes_back_in_the_order_of_days(store: CandleStore) -> None:
    store.want({"005930": "삼성전자"}, MON, default=MON)
    candles = candles_of([MON, TUE, WED])
    store.add("005930", candles[::-1], covered=(MON, WED))
    assert store.candles("005930", limit=10) == candles
    assert store.candles("005930", limit=2) == candles[1:]
    assert store.candles("005930", start=TUE, end=TUE, limit=10) == candles[1:2]
    assert store.candles("000660", limit=10) == []


def test_a_candle_is_replaced_by_the_one_that_is_read_later(store: CandleStore) -> None:
    store.want({"005930": None}, MON, default=MON)
    store.add("005930", [a_candle(MON, 1000, volume=5)], covered=(MON, MON))
    later = a_candle(MON, 1000, volume=9, vendor="kiwoom")
    store.add("005930", [later], covered=(MON, MON))
    assert store.candles("005930", limit=10) == [later]


def test_a_long_history_is_stored_at_once(store: CandleStore) -> None:
    days = store.calendar.days(date(2021, 1, 1), FRI).between(date(2021, 1, 1), FRI)
    assert len(days) > 1400
    store.want({"005930": None}, days[0], default=MON)
    store.add("005930", candles_of(days), covered=(days[0], FRI))
    assert [candle.day for candle in store.candles("005930", limit=10_000)] == days


def test_coverage_grows_on_both_sides_and_never_shrinks(store: CandleStore) -> None:
    store.want({"005930": None}, MON, default=MON)
    assert [(each.covered_from, each.covered_until) for each in store.targets()] == [(None, None)]
    for covered, reach in [((WED, THU), (WED, THU)), ((TUE, WED), (TUE, THU)), ((WED, FRI), (TUE, FRI))]:
        store.add("005930", [], covered=covered)
        assert [(each.covered_from, each.covered_until) for each in store.targets()] == [reach]


def test_a_replaced_history_leaves_nothing_of_the_old_one(store: CandleStore) -> None:
    store.want({"005930": None, "000660": None}, MON, default=MON)
    other = candles_of([MON, TUE], ticker="000660")
    store.add("000660", other, covered=(MON, TUE))
    store.add("005930", candles_of([MON, TUE, WED]), covered=(MON, WED))
    store.replace("005930", [a_candle(WED, 20)], covered=(WED, WED))
    assert store.candles("005930", limit=10) == [a_candle(WED, 20)]
    assert store.candles("000660", limit=10) == other
    reach = {each.ticker: (each.covered_from, each.covered_until) for each in store.targets()}
    assert reach == {"005930": (WED, WED), "000660": (MON, TUE)}


def test_the_earliest_day_that_was_ever_asked_for_is_kept(store: CandleStore) -> None:
    store.want({"005930": None}, TUE, default=MON)
    store.want({"005930": None}, MON, default=MON)
    store.want({"005930": None}, WED, default=MON)
    assert [each.since for each in store.targets()] == [MON]


def test_a_name_is_kept_until_another_one_is_given(store: CandleStore) -> None:
    for given, kept in [(None, None), ("삼성", "삼성"), (None, "삼성"), ("삼성전자", "삼성전자")]:
        store.want({"005930": given}, MON, default=MON)
        assert [each.name for each in store.targets()] == [kept]


def test_a_whole_market_is_wanted_at_once(store: CandleStore) -> None:
    tickers = [f"{number:06}" for number in range(3000)]
    store.want(dict.fromkeys(tickers), MON, default=MON)
    assert [each.ticker for each in store.targets()] == tickers
    assert [each.ticker for each in store.targets(["000007", "nobody"])] == ["000007"]


def test_a_refusal_is_remembered_until_it_is_taken_back(store: CandleStore) -> None:
    store.want({"999999": None, "005930": None}, MON, default=MON)
    store.refuse("999999", "no stock has this code", NOW)
    assert {each.ticker: each.refusal for each in store.targets()} == {
        "999999": "no stock has this code",
        "005930": None,
    }
    store.ask_again("999999")
    assert [each.refusal for each in store.targets()] == [None, None]


def test_the_last_close_is_of_a_day_that_traded(store: CandleStore) -> None:
    history = stored_history(store)
    assert history.last_close("005930", venue="KRX") is None
    store.want({"005930": None}, MON, default=MON)
    first, second = a_candle(MON, 1000), a_candle(TUE, 1010)
    halted = [a_candle(day, 1010, volume=0) for day in (WED, THU)]
    store.add("005930", [first], covered=(MON, MON))
    assert history.last_close("005930", venue="KRX") == (first, None)
    store.add("005930", [second, *halted], covered=(MON, THU))
    assert history.last_close("005930", venue="KRX") == (second, 1000)
    assert history.last_close("005930", venue="NXT") is None


def test_the_faces_read_one_venue_only(store: CandleStore) -> None:
    store.want({"005930": None}, MON, default=MON)
    store.add("005930", [a_candle(MON)], covered=(MON, MON))
    history = stored_history(store)
    asked = {"start": None, "end": None, "limit": 5}
    assert [type(each) for each in history.candles("005930", venue="KRX", **asked)] == [DailyCandle]
    assert list(history.candles("005930", venue="NXT", **asked)) == []


def test_a_price_of_many_digits_is_kept(store: CandleStore) -> None:
    store.want({"005930": None}, MON, default=MON)
    big = a_candle(MON, 9_000_000_000_000, volume=1_000_000)
    store.add("005930", [big], covered=(MON, MON))
    assert store.candles("005930", limit=1) == [big]


def test_the_migrated_schema_is_that_of_the_tables(store: CandleStore) -> None:
    assert set(inspect(store.engine).get_table_names()) == {*metadata.tables, "prices_version"}
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "prices_version"})
        assert list(compare_metadata(context, metadata)) == []


def test_the_tables_of_an_empty_store_are_those_that_the_migrations_make(
    journal_url: str, store: CandleStore
) -> None:
    made = structure(store.engine)
    with store.engine.begin() as connection:
        everything = MetaData()
        everything.reflect(connection)
        everything.drop_all(connection)
    with migrated(journal_url, PRICES) as other:
        assert structure(other) == made


def test_journal_and_prices_can_share_one_database(journal_url: str) -> None:
    open_database(journal_url).dispose()
    with candle_store(journal_url) as store:
        store.want({"005930": None}, MON, default=MON)
    open_database(journal_url).dispose()
    with candle_store(journal_url) as store:
        assert [each.ticker for each in store.targets()] == ["005930"]


def test_an_error_names_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "prices.sqlite3"
    file.write_text("something else entirely, and long enough to be looked at" * 50)
    with pytest.raises(PricesError, match=r"^PRICES_URL: the store of prices cannot be opened: .*database"):
        open_database(f"sqlite:///{file}", PRICES)
    with pytest.raises(PricesError, match="PRICES_URL: mysql is not supported"):
        open_database("mysql://user:password@host/database", PRICES)


def test_simulated_candles_have_a_file_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker_server.prices_settings.data_folder", lambda: tmp_path / "sapi")
    settings = load_group(PricesSettings, env_file=None)
    for simulated in (False, True):
        with candle_store(settings.candles_url(simulated=simulated)) as store:
            store.want({"005930": None}, MON, default=MON)
    names = {file.name for file in (tmp_path / "sapi").glob("*.sqlite3")}
    assert names == {"prices.sqlite3", "prices-simulated.sqlite3"}
    given = load_group(PricesSettings, env_file=None, prices_url="sqlite:////tmp/x")
    assert given.candles_url(simulated=True) == given.candles_url(simulated=False) == "sqlite:////tmp/x"
