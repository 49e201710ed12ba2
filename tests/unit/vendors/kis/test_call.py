"""``kis.call``: what it refuses and says, pages, and the shape of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from broker_client.errors import AuthenticationFailed, InvalidParameters, Unsupported
from broker_server.vendors.http import HttpResponse
from broker_server.vendors.kis.api_descriptions import describe_api, example_line, list_apis
from broker_server.vendors.kis.catalogue import operations, why_not_on_paper
from tests.support.kis_server import Bench, make_bench, ok, refusal

PRICE = "domestic_stock.inquire_price"
BALANCE = "domestic_stock.inquire_balance"
BALANCE_OF = {
    "afhr_flpr_yn": "N",
    "inqr_dvsn": "02",
    "unpr_dvsn": "01",
    "fund_sttl_icld_yn": "N",
    "fncg_amt_auto_rdpt_yn": "N",
    "prcs_dvsn": "00",
}


@pytest.fixture
def real(tmp_path: Path) -> Bench:
    return make_bench(tmp_path, rate_limit=1000)


def price(bench: Bench, arguments: Mapping[str, Any], **more: Any) -> list[Any]:
    return bench.rows("kis.call", api=PRICE, arguments=dict(arguments), **more)


@pytest.mark.parametrize(
    ("api", "says"),
    [
        ("domestic_stock.inquire_prise", "did you mean domestic_stock.inquire_price "),
        ("domestic-stock/inquire-price", "did you mean domestic_stock.inquire_price"),
        ("inquire_daily_itemchartprice", "domestic_stock.inquire_daily_itemchartprice"),
        ("nothing like it", "named like domestic_stock.inquire_price; kis.describe-api"),
        ("oauth2/tokenP", "cannot be called: the worker keeps the access token itself"),
        ("hashkey", "cannot be called: its hash is optional"),
    ],
)
def test_an_unknown_api_is_refused_with_the_nearest(real: Bench, api: str, says: str) -> None:
    with pytest.raises(InvalidParameters, match=says):
        real.outcome("kis.call", api=api)
    assert not real.kis.requests


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"fid_cond_mrkt_div_code": "J"}, "needs fid_input_iscd; kis.describe-api api="),
        ({"fid_cond_mrkt_div": "J", "fid_input_iscd": "1"}, "did you mean fid_cond_mrkt_div_code?"),
        ({"FID_INPUT_ISCD": "1"}, "did you mean fid_input_iscd?"),
        ({"zzz": "1"}, "its arguments: fid_cond_mrkt_div_code, fid_input_iscd"),
        ({"env_dv": "real"}, "env_dv comes from the setting KIS_ENVIRONMENT"),
        ({"cano": "12345678"}, "cano comes from the setting KIS_ACCOUNT"),
    ],
)
def test_wrong_arguments_are_refused_with_the_nearest(
    real: Bench, arguments: dict[str, str], says: str
) -> None:
    with pytest.raises(InvalidParameters, match=says.replace("?", r"\?")):
        price(real, arguments)
    assert not real.kis.requests


@pytest.mark.parametrize("value", [5930, 1.5, None, True, ["005930"], "a\0b"])
def test_a_value_is_text(real: Bench, value: Any) -> None:
    with pytest.raises(ValidationError):
        price(real, {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": value})


def test_a_value_that_selects_the_tr_is_one_of_its_choices(real: Bench) -> None:
    api = "domestic_stock.inquire_daily_ccld"
    names = ("inqr_strt_dt", "inqr_end_dt", "sll_buy_dvsn_cd", "ccld_dvsn", "inqr_dvsn", "inqr_dvsn_3")
    with pytest.raises(InvalidParameters, match="pd_dv must be before or inner"):
        real.outcome("kis.call", api=api, arguments=dict.fromkeys(names, "0") | {"pd_dv": "x"})


def test_an_account_api_without_an_account_says_what_to_set(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, account=None)
    with pytest.raises(AuthenticationFailed, match="set KIS_ACCOUNT"):
        bench.outcome("kis.call", api=BALANCE, arguments=BALANCE_OF)


def test_the_hts_id_is_added_unless_it_is_given(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, hts_id=SecretStr("trader77"))
    bench.kis.on("psearch-title", ok(output2=[{"seq": "0"}]))
    api = "domestic_stock.psearch_title"
    bench.outcome("kis.call", api=api)
    bench.outcome("kis.call", api=api, arguments={"user_id": "other"})
    assert [dict(each.query or {})["user_id"] for each in bench.kis.calls("psearch-title")] == [
        "trader77",
        "other",
    ]


def test_what_paper_does_not_have_says_so_when_asked(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, environment="paper")
    bench.kis.on("volume-rank", refusal("EGW00213", "모의투자 TR 이 아닙니다.", 500))
    api = "domestic_stock.volume_rank"
    required = list(operations()[api]["required"])
    with pytest.raises(Unsupported):
        bench.outcome("kis.call", api=api, arguments=dict.fromkeys(required, ""))
    assert why_not_on_paper(api) is None


def test_rows_say_their_output_and_nothing_is_left_out(real: Bench) -> None:
    answer = ok(
        output1={"AbC": "1"}, output2=[{"x": "2"}, {"x": "3"}], output3="", Output4=[], more="N", nrec=""
    )
    real.kis.on("inquire-price", answer)
    assert price(real, {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "1"}) == [
        {"output": "output1", "abc": "1"},
        {"output": "output2", "x": "2"},
        {"output": "output2", "x": "3"},
        {"output": "", "more": "N"},
    ]


def test_what_the_simulator_does_not_have_is_not_taken_for_a_fault_of_kis(real: Bench) -> None:
    real.kis.on("inquire-price", HttpResponse(404, {}, b"not here"))
    with pytest.raises(Unsupported, match="only a part of KIS's; this one needs a key of KIS"):
        price(real, {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930"})


def pages(bench: Bench, count: int, *, keys: bool = True) -> None:
    """As many pages, whose keys are padded with blanks."""

    def page(number: int) -> HttpResponse:
        last = number == count
        more = {"ctx_area_fk100": f"F{number}  ", "ctx_area_nk100": "" if last else f"N{number}  "}
        headers = {"tr_cont": "D" if last else "M"}
        return ok(output1=[{"pdno": str(number)}], headers=headers, **(more if keys else {}))

    bench.kis.on("inquire-balance", *(page(number) for number in range(1, count + 1)))


def test_all_pages_are_read_to_the_end_with_progress(real: Bench) -> None:
    pages(real, 3)
    outcome = real.outcome("kis.call", api=BALANCE, arguments=BALANCE_OF, all_pages=True)
    assert [row["pdno"] for row in outcome.rows] == ["1", "2", "3"]
    assert outcome.truncated is None
    assert real.progress == [(1, None), (2, None), (3, None)]
    asked = [
        (each.headers["tr_cont"], dict(each.query or {})["CTX_AREA_NK100"])
        for each in real.kis.calls("inquire-balance")
    ]
    assert asked == [("", ""), ("N", "N1  "), ("N", "N2  ")]


def test_one_page_tells_how_to_get_the_next(real: Bench) -> None:
    pages(real, 2)
    first = real.outcome("kis.call", api=BALANCE, arguments=BALANCE_OF)
    assert first.truncated is not None
    assert "all_pages: true" in first.truncated
    assert "fk100 'F1  ', nk100 'N1  '" in first.truncated
    keys = {"fk100": "F1  ", "nk100": "N1  "}
    second = real.outcome("kis.call", api=BALANCE, arguments=BALANCE_OF | keys, raw=True)
    assert second.truncated is None
    (document,) = second.rows
    assert (document["tr_cont"], document["rt_cd"], document["output1"]) == ("D", "0", [{"pdno": "2"}])
    assert real.kis.calls("inquire-balance")[-1].headers["tr_cont"] == "N"


def test_pages_without_keys_end_as_truncated(real: Bench) -> None:
    pages(real, 3, keys=False)
    outcome = real.outcome("kis.call", api=BALANCE, arguments=BALANCE_OF, all_pages=True)
    assert outcome.truncated == "KIS announced another page but gave no key to ask for it"


def test_an_api_without_keys_pages_by_the_header_alone_and_never_for_ever(real: Bench) -> None:
    api, headers = "domestic_stock.hts_top_view", {"tr_cont": "M"}
    first, second = ok(output1=[{"a": "1"}], headers=headers), ok(output1=[{"a": "2"}], headers=headers)
    real.kis.on("hts-top-view", first, second)
    outcome = real.outcome("kis.call", api=api, all_pages=True)
    assert [row["a"] for row in outcome.rows] == ["1", "2"]
    assert outcome.truncated == "KIS announced another page and gave the same one again"


def test_every_api_can_be_described_and_found() -> None:
    for name in operations():
        description = describe_api(name)
        assert description.api == name
        assert description.tr_ids["real"]
        assert bool(description.tr_ids["paper"]) == (description.not_on_paper is None)
        assert example_line(description).startswith("broker-client call kis.call")
        assert len({each.name for each in description.arguments}) == len(description.arguments)
    assert len(list_apis()) == 272
    assert [line.api for line in list_apis("ttTC8434R")] == [BALANCE]
    assert {line.method for line in list_apis("order_rvsecncl")} == {"kis.call-order or kis.call-cancel"}


@pytest.mark.parametrize(
    ("api", "argument", "sample"),
    [
        ("domestic_stock.inquire_price", "fid_input_iscd", "005930"),
        ("domestic_stock.inquire_member", "fid_input_iscd", "005930"),  # KIS's text says 123456
        ("domestic_stock.inquire_index_price", "fid_input_iscd", "0001"),
        ("domestic_stock.volume_rank", "fid_input_iscd", "0000"),
        ("domestic_bond.inquire_price", "fid_input_iscd", "KR2033022D33"),
        ("domestic_bond.buy", "pdno", "KR2033022D33"),
        ("domestic_futureoption.inquire_price", "fid_input_iscd", "101W09"),
        ("elw.indicator_trend_daily", "fid_input_iscd", "57K281"),
        ("elw.indicator", "fid_input_iscd", "00000"),
        ("etfetn.inquire_price", "fid_input_iscd", "069500"),
        ("overseas_stock.order", "pdno", "AAPL"),
        ("domestic_stock.chk_holiday", "bass_dt", "20260102"),  # KIS's text says YYYYMMDD
    ],
)
def test_the_example_asks_for_an_instrument_that_the_api_has(api: str, argument: str, sample: str) -> None:
    assert describe_api(api).example["arguments"][argument] == sample


def test_a_described_api_has_what_a_call_takes(real: Bench) -> None:
    (description,) = real.rows("kis.describe-api", api=BALANCE)
    assert description["from_settings"] == ["KIS_ACCOUNT"]
    assert {each["name"] for each in description["arguments"]} == BALANCE_OF.keys() | {"fk100", "nk100"}
    assert description["pages"] is True
    lines = real.rows("kis.describe-api", pattern="휴장일")
    assert [line["api"] for line in lines] == ["domestic_stock.chk_holiday"]
    with pytest.raises(InvalidParameters, match="not both"):
        real.outcome("kis.describe-api", api=BALANCE, pattern="x")
    with pytest.raises(InvalidParameters, match=r"did you mean domestic_stock.inquire_balance"):
        real.outcome("kis.describe-api", api="domestic_stock.inquire_balence")


def test_the_catalogue_is_read_with_the_first_call_and_not_before(tmp_path: Path) -> None:
    operations.cache_clear()
    bench = make_bench(tmp_path)
    assert len(bench.vendor.methods()) > 30
    assert operations.cache_info().currsize == 0
    with pytest.raises(InvalidParameters):
        bench.outcome("kis.call", api="nothing")
    assert operations.cache_info().currsize == 1
