"""For every API of the catalogue, in both environments: the HTTP request that a call makes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from broker_client.errors import InvalidParameters, Unsupported
from broker_server.vendors.kis.catalogue import load_data
from tests.support.kis_server import Bench, make_bench, ok

CATALOGUE: dict[str, Any] = load_data("rest_catalogue.json")
ACCOUNT = {"cano": "12345678", "acnt_prdt_cd": "01"}
US = ("NASD", "NYSE", "AMEX")
CHANGES = {"SEHK": "1003", "SHAA": "0302", "SZAA": "0306", "TKSE": "0309", "HASE": "0312", "VNSE": "0312"}
"""Of the reference, where the catalogue has one id for all exchanges."""
GIVEN = {
    "overseas_stock.order_rvsecncl": {"ovrs_excg_cd": "NASD"},
    "overseas_stock.daytime_order": {"ovrs_excg_cd": "NYSE"},
    "overseas_stock.daytime_order_rvsecncl": {"ovrs_excg_cd": "NYSE"},
    "overseas_stock.order_resv": {"ovrs_excg_cd": "NYSE", "rvse_cncl_dvsn_cd": "00"},
    "overseas_futureoption.order_rvsecncl": {"fm_mkpr_cvsn_yn": "N"},
}
"""Values that are more than a text to us."""
NUMBERS = ("qty", "unpr", "unit_price", "pric")
CODES = {"sll_buy_dvsn_cd": "02", "pdno": "PDNO", "excg_id_dvsn_cd": "KRX"}
"""What an argument of that name cannot be any text for."""
LOOKED_UP = {
    "domestic_stock.order_rvsecncl": ("inquire-psbl-rvsecncl", "inquire-daily-ccld"),
    "overseas_stock.order_rvsecncl": ("inquire-ccnl", "inquire-ccnl"),
}


class NoTable(Exception):
    """The environment has no TR of that variant."""


def value_of(name: str) -> str:
    if name in CODES:
        return CODES[name]
    return (
        "7"
        if any(each in name for each in NUMBERS) and not name.endswith(("_yn", "_cd"))
        else f"v-{name}"[:16]
    )


def variants() -> Iterator[tuple[str, str, int]]:
    for api, entry in CATALOGUE.items():
        for place, request in enumerate(entry["requests"]):
            for environment, name in (("real", "real"), ("paper", "demo")):
                if request["when"].get("env_dv", name) == name:
                    yield api, environment, place


def expected_tr_id(api: str, environment: str, request: dict[str, Any]) -> str:
    """The catalogue's, but for what the reference corrects."""
    tr_id = str(request["tr_id"])
    when = request["when"]
    if environment == "paper" and api == "overseas_stock.inquire_nccs":
        return "VTTS3018R"
    if environment == "paper" and tr_id == "VTTT1006U" and when["ovrs_excg_cd"] in US:
        return "VTTT1001U"
    return tr_id


def sent(bench: Bench, path: str) -> Any:
    (request,) = bench.kis.calls(path.rpartition("/")[2])
    body = json.loads(request.body) if request.body else {}
    return (
        request.method,
        request.url.removeprefix("http://127.0.0.1:1"),
        request.headers["tr_id"],
        (body or dict(request.query or {})),
    )


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bench]:
    return {
        environment: make_bench(
            tmp_path_factory.mktemp(environment), environment=environment, rate_limit=100_000
        )
        for environment in ("real", "paper")
    }


def order(number: str, api: str) -> dict[str, str]:
    """What the look-up of a change finds."""
    common = {"odno": number, "sll_buy_dvsn_cd": "02", "pdno": CODES["pdno"], "ord_dt": "20261120"}
    if api.startswith("overseas"):
        return {**common, "ft_ord_qty": "9", "nccs_qty": "9", "ovrs_excg_cd": "NASD"}
    return {**common, "ord_qty": "9", "psbl_qty": "9", "rmn_qty": "9", "ord_unpr": "7", "ord_dvsn_cd": "00"}


def call(bench: Bench, api: str, request: dict[str, Any]) -> tuple[dict[str, str], Any]:
    """Call it with a text of its own for every argument; the arguments and what was sent."""
    names = {
        text[1:-1].lower() for text in request["params"].values() if text.startswith("<")
    } - ACCOUNT.keys()
    arguments = {name: value_of(name) for name in names} | GIVEN.get(api, {})
    arguments |= {key: value for key, value in request["when"].items() if key != "env_dv"}
    choices = ["01", "02"] if "rvse_cncl_dvsn_cd" in arguments and "order_resv" not in api else [""]
    bench.kis.requests.clear()
    bench.kis.script = {key: steps for key, steps in bench.kis.script.items() if key == "tokenP"}
    bench.kis.on(request["path"].rsplit("/", 1)[1], ok({"ODNO": "1"}))
    if request["method"] == "GET":
        bench.outcome("kis.call", api=api, arguments=arguments)
        return arguments, sent(bench, request["path"])
    for choice in choices:
        if choice:
            arguments["rvse_cncl_dvsn_cd"] = choice
        is_cancel = choice == "02" or "order_resv_ccnl" in api
        is_cancel |= request["when"].get("ord_type") == "cancel"
        is_cancel |= api == "overseas_futureoption.order_rvsecncl" and request["when"]["ord_dv"] == "1"
        for tail in LOOKED_UP.get(api, ()):
            found = [order(arguments["orgn_odno"], api)]
            bench.kis.on(tail, ok(found, output1=found))
        bench.kis.requests.clear()
        bench.outcome("kis.call-cancel" if is_cancel else "kis.call-order", api=api, arguments=arguments)
    return arguments, sent(bench, request["path"])


@pytest.mark.parametrize(("api", "environment", "place"), [*variants()])
def test_the_request_is_the_catalogues(
    benches: dict[str, Bench], api: str, environment: str, place: int
) -> None:
    request = CATALOGUE[api]["requests"][place]
    try:
        arguments, seen = call(benches[environment], api, request)
    except Unsupported:
        assert environment == "paper"
        assert "env_dv" not in request["when"]
        assert request["tr_id"][0] in "TJC" or request["method"] == "POST" or api in NOT_ON_PAPER
        return
    filled = {f"<{name}>": value for name, value in {**ACCOUNT, **arguments}.items()}
    expected = {wire: filled.get(text.lower(), text) for wire, text in request["params"].items()}
    assert seen == (request["method"], request["path"], expected_tr_id(api, environment, request), expected)


NOT_ON_PAPER: dict[str, str] = load_data("capabilities.json")["not_on_paper"]


def test_the_table_has_every_api_in_both_environments() -> None:
    assert len({api for api, _, _ in variants()}) == 272
    for environment in ("real", "paper"):
        assert {api for api, each, _ in variants() if each == environment} == set(CATALOGUE)


@pytest.mark.parametrize("environment", ["real", "paper"])
@pytest.mark.parametrize(("exchange", "digits"), CHANGES.items())
def test_a_change_abroad_has_the_id_of_its_market(
    benches: dict[str, Bench], environment: str, exchange: str, digits: str
) -> None:
    bench, api = benches[environment], "overseas_stock.order_rvsecncl"
    bench.kis.requests.clear()
    bench.kis.on("order-rvsecncl", ok({"ODNO": "1"}))
    names = ("pdno", "orgn_odno", "ord_qty", "ovrs_ord_unpr", "mgco_aptm_odno", "ord_svr_dvsn_cd")
    arguments = {name: value_of(name) for name in names}
    arguments |= {"ovrs_excg_cd": exchange, "rvse_cncl_dvsn_cd": "02"}
    bench.outcome("kis.call-cancel", api=api, arguments=arguments)
    assert sent(bench, "order-rvsecncl")[2] == f"{'T' if environment == 'real' else 'V'}TTS{digits}U"


@pytest.mark.parametrize(("environment", "tr_id"), [("real", "TTTT1006U"), ("paper", "VTTT1001U")])
@pytest.mark.parametrize("exchange", US)
def test_a_sale_in_the_united_states(
    benches: dict[str, Bench], environment: str, tr_id: str, exchange: str
) -> None:
    bench = benches[environment]
    bench.kis.requests.clear()
    bench.kis.on("order", ok({"ODNO": "1"}))
    arguments = {"ovrs_excg_cd": exchange, "pdno": "AAPL", "ord_qty": "1", "ovrs_ord_unpr": "1.5"}
    more = {"ord_dv": "sell", "ctac_tlno": "", "mgco_aptm_odno": "", "ord_svr_dvsn_cd": "0", "ord_dvsn": "00"}
    bench.outcome("kis.call-order", api="overseas_stock.order", arguments=arguments | more)
    assert sent(bench, "order")[2] == tr_id


def test_what_only_a_real_key_has_is_refused_on_paper(benches: dict[str, Bench]) -> None:
    with pytest.raises(Unsupported, match="not offered in paper trading"):
        benches["paper"].outcome(
            "kis.call", api="domestic_stock.inquire_psbl_sell", arguments={"pdno": "005930"}
        )
    night = {name: value_of(name) for name in CATALOGUE["domestic_futureoption.order"]["arguments"]}
    night = {name: value for name, value in night.items() if name not in (*ACCOUNT, "env_dv")}
    with pytest.raises(Unsupported, match="'night'"):
        benches["paper"].outcome(
            "kis.call-order", api="domestic_futureoption.order", arguments=night | {"ord_dv": "night"}
        )


def test_the_codes_of_a_contract_search_are_arguments(benches: dict[str, Bench]) -> None:
    bench, api = benches["real"], "overseas_futureoption.search_contract_detail"
    bench.kis.requests.clear()
    bench.kis.on("search-contract-detail", ok({"a": "1"}))
    bench.outcome("kis.call", api=api, arguments={"qry_cnt": "2", "srs_cd_01": "6AZ26", "srs_cd_02": "ESZ26"})
    wire = sent(bench, "search-contract-detail")[3]
    assert (wire["SRS_CD_01"], wire["SRS_CD_02"], wire["SRS_CD_03"]) == ("6AZ26", "ESZ26", "")
    with pytest.raises(InvalidParameters, match="has no 'srs_cd_33'"):
        bench.outcome("kis.call", api=api, arguments={"qry_cnt": "1", "srs_cd_33": "6AZ26"})
