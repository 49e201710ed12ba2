"""One choice per key, whatever comes in and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from broker_server.core.market_data import change_rate
from broker_server.prices.board import PriceBoard
from broker_server.prices.model import Price, PriceKey, Source, TradeTick

SAMSUNG = PriceKey("005930")
NINE = datetime(2026, 11, 26, 0, 0, tzinfo=UTC)


def a_price(price: int, *, seconds: int = 0, vendor: str = "kis", source: Source = Source.REALTIME) -> Price:
    return Price(
        key=SAMSUNG,
        price=price,
        base_price=159_300,
        volume=10,
        source=source,
        vendor=vendor,
        as_of=NINE + timedelta(seconds=seconds),
    )


def test_the_change_is_counted_from_the_base_price_and_never_rounded() -> None:
    price = a_price(158_600)
    assert price.change == -700
    assert price.change_rate == change_rate(158_600, 159_300) == -700 / 159_300 * 100


def test_the_preferred_vendor_has_the_word_while_its_stream_speaks() -> None:
    board = PriceBoard(["kis", "kiwoom"])
    board.put(a_price(100, seconds=5, vendor="kiwoom"))
    board.put(a_price(99, seconds=1))
    assert board.price(SAMSUNG) == _numbered(board, a_price(99, seconds=1))
    board.silence(SAMSUNG, "kis", "no data for 60 s")
    told = board.price(SAMSUNG)
    assert told is not None
    assert (told.vendor, told.price, told.stale) == ("kiwoom", 100, False)


def test_rest_of_the_same_second_does_not_bring_an_older_price_back() -> None:
    board = PriceBoard()
    board.put(replace(a_price(100, source=Source.REST), as_of=NINE + timedelta(seconds=0.4)))
    board.put(a_price(101))  # a second later in truth, but the vendor's time has whole seconds
    board.silence(SAMSUNG, "kis", "no data for 60 s")
    told = board.price(SAMSUNG)
    assert told is not None
    assert (told.price, told.stale) == (101, True)
    board.put(replace(a_price(102, source=Source.REST), as_of=NINE + timedelta(seconds=0.9)))
    told = board.price(SAMSUNG)
    assert told is not None
    assert (told.price, told.stale) == (102, False)


def test_what_was_forgotten_goes_on_counting() -> None:
    board = PriceBoard()
    board.put(a_price(100))
    board.put(a_price(101))
    board.put_trade(a_trade())
    leave = board.listen_price(SAMSUNG, lambda price: None)
    board.forget(SAMSUNG)  # not while somebody listens
    assert board.price(SAMSUNG) is not None
    leave()
    board.forget(SAMSUNG)
    assert board.price(SAMSUNG) is None
    trades: list[TradeTick] = []
    board.listen_trades(SAMSUNG, trades.append)
    board.put(a_price(100))
    board.put_trade(a_trade())
    told = board.price(SAMSUNG)
    assert told is not None
    assert (told.seq, [each.seq for each in trades]) == (3, [2])


def a_trade() -> TradeTick:
    return TradeTick(key=SAMSUNG, price=100, quantity=1, side=None, vendor="kis", as_of=NINE)


def test_silence_of_all_is_told_and_the_newest_is_shown() -> None:
    board = PriceBoard()
    board.put(a_price(100, seconds=1))
    board.silence(SAMSUNG, "kis", "reconnecting")
    told = board.price(SAMSUNG)
    assert told is not None
    assert (told.price, told.stale, told.reason) == (100, True, "reconnecting")
    board.put(a_price(103, seconds=9, source=Source.REST))
    told = board.price(SAMSUNG)
    assert told is not None
    assert (told.price, told.stale, told.source) == (103, False, Source.REST)
    board.put(a_price(104, seconds=10))
    told = board.price(SAMSUNG)
    assert told is not None
    assert (told.price, told.source) == (104, Source.REALTIME)


def test_what_a_stream_said_before_a_silence_does_not_hide_what_rest_says_after_it() -> None:
    board = PriceBoard()
    board.put(a_price(100, seconds=1))
    board.silence(SAMSUNG, "kis", "reconnecting")
    board.put(a_price(103, seconds=9, source=Source.REST))
    board.silence(SAMSUNG, "kis", None)
    told = board.price(SAMSUNG)
    assert told is not None
    assert told.price == 103


def test_a_daily_close_is_the_last_resort() -> None:
    board = PriceBoard()
    board.put(a_price(58_200, seconds=100, source=Source.DAILY_CLOSE))
    told = board.price(SAMSUNG)
    assert told is not None
    assert told.source is Source.DAILY_CLOSE
    board.put(a_price(158_600, source=Source.REST))
    told = board.price(SAMSUNG)
    assert told is not None
    assert told.source is Source.REST


def test_trades_are_heard_from_one_vendor_only_and_are_numbered() -> None:
    board = PriceBoard()
    heard: list[TradeTick] = []
    board.put(a_price(100))
    leave = board.listen_trades(SAMSUNG, heard.append)
    for vendor in ("kis", "kiwoom", "kis"):
        board.put_trade(TradeTick(key=SAMSUNG, price=1, quantity=1, side=None, vendor=vendor, as_of=NINE))
    leave()
    board.put_trade(TradeTick(key=SAMSUNG, price=1, quantity=1, side=None, vendor="kis", as_of=NINE))
    assert [(each.vendor, each.seq) for each in heard] == [("kis", 1), ("kis", 2)]


_INPUTS = st.lists(
    st.tuples(
        st.sampled_from(["kis", "kiwoom"]),
        st.sampled_from(Source),
        st.integers(0, 5),
        st.integers(1, 5),
        st.booleans(),
    ),
    max_size=30,
)


@given(_INPUTS)
def test_who_listens_hears_exactly_what_who_asks_is_told(
    inputs: list[tuple[str, Source, int, int, bool]],
) -> None:
    board = PriceBoard()
    heard: list[Price] = []
    board.listen_price(SAMSUNG, heard.append)
    for vendor, source, seconds, price, silent in inputs:
        if silent:
            board.silence(SAMSUNG, vendor, "silent")
        else:
            board.put(a_price(price, seconds=seconds, vendor=vendor, source=source))
        assert board.price(SAMSUNG) == (heard[-1] if heard else None)
    assert [each.seq for each in heard] == list(range(1, len(heard) + 1))


def _numbered(board: PriceBoard, price: Price) -> Price:
    told = board.price(SAMSUNG)
    assert told is not None
    assert told.seq > 0
    return Price(**{name: getattr(price, name) for name in Price.__slots__ if name != "seq"}, seq=told.seq)
