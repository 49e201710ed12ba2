"""Price and order book: what is asked, and what becomes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from broker_client.errors import InvalidParameters, VendorRejected, VendorUnavailable
from tests.support.kis_server import reply
from tests.support.koscom_rest import API_KEY, PRICE, UNKNOWN, make_bench, result

KOSPI = "/realtime/kospi/stocks/005930/price"
KOSDAQ = "/realtime/kosdaq/stocks/005930/price"


def book() -> dict[str, Any]:
    levels = {}
    for step in range(1, 11):
        levels |= {
            f"askStep{step}BstordPrc": 38600 + 50 * step,
            f"bidStep{step}BstordPrc": 38650 - 50 * step if step < 3 else 0,
            f"askStep{step}BstordRqty": 100 + step,
            f"bidStep{step}BstordRqty": 200 + step if step < 3 else 0,
        }
    totals = {"askordTotRqty": 1055, "bidordTotRqty": 403, "deemTrdPrc": 0, "deemTrdvol": 0}
    return {"isuSrtCd": "005930*001", **levels, **totals}


def test_a_price() -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(PRICE))
    (price,) = bench.call("get-current-price", ticker="005930", market="kospi")
    assert (price.price, price.change, price.volume) == (38_600, 350, 2_829_006)
    assert price.change_rate == 350 / 38_250 * 100
    assert (price.open, price.high, price.low, price.value) == (38_250, 38_900, 38_200, 108_981_501_200)
    assert (price.venue, price.upper_limit, price.halted) == ("KRX", None, None)
    (request,) = bench.koscom.requests
    assert request.method == "GET"
    assert request.headers["apikey"] == API_KEY
    assert request.query == {}


def test_the_key_in_the_query() -> None:
    bench = make_bench(key_in="query")
    bench.koscom.on(KOSPI, result(PRICE))
    bench.call("get-current-price", ticker="005930", market="kospi")
    (request,) = bench.koscom.requests
    assert request.query == {"apikey": API_KEY}
    assert "apikey" not in request.headers
    assert API_KEY not in repr(request)


def test_the_market_is_found_and_remembered() -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(UNKNOWN))
    bench.koscom.on(KOSDAQ, result(PRICE | {"isuSrtCd": "005930*003"}))
    for _ in range(2):
        assert bench.call("get-current-price", ticker="005930")[0].price == 38_600
    assert bench.paths == [KOSPI, KOSDAQ, KOSDAQ]


def test_an_issue_that_moved_is_looked_for_again() -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(UNKNOWN), result(PRICE))
    bench.koscom.on(KOSDAQ, result(PRICE), result(UNKNOWN))
    for _ in range(2):
        bench.call("get-current-price", ticker="005930")
    assert bench.paths == [KOSPI, KOSDAQ, KOSDAQ, KOSPI]


@pytest.mark.parametrize(
    "answer",
    [
        result(UNKNOWN),
        result(dict.fromkeys(PRICE)),
        reply({"jsonrpc": "2.0", "error": {"code": 10040, "message": "종목코드가 존재 하지 않습니다"}}),
        reply({"error": {"code": "20030", "mesage": "종목코드를 잘못 입력하였습니다"}}, 400),
    ],
)
def test_an_unknown_issue(answer: Any) -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, answer)
    bench.koscom.on(KOSDAQ, answer)
    with pytest.raises(InvalidParameters, match=r"no (such )?issue"):
        bench.call("get-current-price", ticker="005930")
    assert bench.paths == [KOSPI, KOSDAQ]


@pytest.mark.parametrize(
    ("code", "change", "expected"), [("5", -450, -450), ("5", 450, -450), ("9", 450, -450), ("3", 0, 0),
                                     ("0", -450, -450), ("7", 350, 350), (" -", 350, 350)]
)  # fmt: skip
def test_the_sign_of_a_change(code: str, change: int, expected: int) -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(PRICE | {"cmpprevddTpCd": code, "cmpprevddPrc": change}))
    assert bench.call("get-current-price", ticker="005930")[0].change == expected


def test_before_the_first_trade_there_is_no_price() -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(PRICE | {"trdPrc": 0, "trdTm": 0}))
    with pytest.raises(VendorRejected, match="not traded yet") as failure:
        bench.call("get-current-price", ticker="005930", market="kospi")
    assert failure.value.retryable


def test_an_answer_about_another_issue_is_refused() -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(PRICE | {"isuSrtCd": "000660"}))
    with pytest.raises(VendorUnavailable, match="another issue"):
        bench.call("get-current-price", ticker="005930", market="kospi")


def test_a_value_that_is_no_number() -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(PRICE | {"accTrdvol": "many"}))
    with pytest.raises(VendorUnavailable, match="about 005930: not a number"):
        bench.call("get-current-price", ticker="005930", market="kospi")


def test_texts_are_numbers_and_other_spellings_fields() -> None:
    bench = make_bench()
    row = {name.upper(): str(value) for name, value in PRICE.items()}
    bench.koscom.on(KOSPI, result(row))
    (price,) = bench.call("get-current-price", ticker="005930", market="kospi", raw=True)
    assert (price.price, price.volume, price.raw) == (38_600, 2_829_006, row)


def test_an_order_book() -> None:
    bench = make_bench()
    bench.koscom.on("/realtime/kospi/stocks/005930/orderbook", result(book()))
    (found,) = bench.call("get-order-book", ticker="005930")
    assert [(each.price, each.quantity) for each in found.asks[:2]] == [(38_650, 101), (38_700, 102)]
    assert [(each.price, each.quantity) for each in found.bids] == [(38_600, 201), (38_550, 202)]
    assert (found.total_ask_quantity, found.total_bid_quantity) == (1_055, 403)
    assert (found.time, found.expected_price, found.expected_volume, len(found.asks)) == (
        None,
        None,
        None,
        10,
    )
