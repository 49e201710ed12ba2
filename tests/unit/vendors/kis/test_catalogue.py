from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import get_args

import pytest

from broker_client.errors import Unsupported
from broker_server.vendors.kis.catalogue import Catalogue, load_data
from broker_server.vendors.kis.order_types import OrderType, OverseasOrderType, overseas_exchanges
from broker_server.vendors.parameters import OrderVenue, OverseasExchange

CATALOGUE_SHA256 = "19f1d41d39a6e75a9c62559e8068f1dd04501794cb4c33b2d67cf89e0dad18a0"


def test_the_catalogue_is_the_intact_table_of_272_operations() -> None:
    data = files("broker_server.vendors.kis").joinpath("data/rest_catalogue.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == CATALOGUE_SHA256
    table = load_data("rest_catalogue.json")
    assert len(table) == 272
    for entry in table.values():
        assert set(entry) == {"title_ko", "required", "arguments", "requests"}
        assert entry["requests"]
        for request in entry["requests"]:
            assert set(request) == {"when", "path", "method", "tr_id", "params"}
            assert request["method"] in ("GET", "POST")
            assert request["path"].startswith("/uapi/")


def test_every_correction_is_about_a_catalogued_operation_and_says_why() -> None:
    table = load_data("rest_catalogue.json")
    for correction in load_data("corrections.json")["corrections"]:
        assert correction["api"] in table
        assert correction["why"]
        assert ("tr_id" in correction) != ("same_as" in correction)
    assert load_data("capabilities.json")["not_on_paper"].keys() <= table.keys()


def test_former_tr_ids_name_current_ones() -> None:
    table = load_data("rest_catalogue.json")
    current = {request["tr_id"] for entry in table.values() for request in entry["requests"]}
    former = load_data("corrections.json")["current_tr_id_of"]
    assert set(former.values()) <= current
    assert not former.keys() & current


@pytest.mark.parametrize(
    ("environment", "side", "tr_id"),
    [
        ("real", "buy", "TTTC0012U"),
        ("real", "sell", "TTTC0011U"),
        ("paper", "buy", "VTTC0012U"),
        ("paper", "sell", "VTTC0011U"),
    ],
)
def test_buy_and_sell_are_not_swapped(environment: str, side: str, tr_id: str) -> None:
    route = Catalogue(environment).route("domestic_stock.order_cash", ord_dv=side)  # type: ignore[arg-type]
    assert (route.method, route.tr_id) == ("POST", tr_id)


OVERSEAS = {
    "NASD": ("TTTT1002U", "TTTT1006U", "VTTT1002U", "VTTT1001U", "TTTT1004U", "VTTT1004U"),
    "NYSE": ("TTTT1002U", "TTTT1006U", "VTTT1002U", "VTTT1001U", "TTTT1004U", "VTTT1004U"),
    "AMEX": ("TTTT1002U", "TTTT1006U", "VTTT1002U", "VTTT1001U", "TTTT1004U", "VTTT1004U"),
    "SEHK": ("TTTS1002U", "TTTS1001U", "VTTS1002U", "VTTS1001U", "TTTS1003U", "VTTS1003U"),
    "SHAA": ("TTTS0202U", "TTTS1005U", "VTTS0202U", "VTTS1005U", "TTTS0302U", "VTTS0302U"),
    "SZAA": ("TTTS0305U", "TTTS0304U", "VTTS0305U", "VTTS0304U", "TTTS0306U", "VTTS0306U"),
    "TKSE": ("TTTS0308U", "TTTS0307U", "VTTS0308U", "VTTS0307U", "TTTS0309U", "VTTS0309U"),
    "HASE": ("TTTS0311U", "TTTS0310U", "VTTS0311U", "VTTS0310U", "TTTS0312U", "VTTS0312U"),
    "VNSE": ("TTTS0311U", "TTTS0310U", "VTTS0311U", "VTTS0310U", "TTTS0312U", "VTTS0312U"),
}


@pytest.mark.parametrize("exchange", get_args(OverseasExchange))
def test_overseas_orders_use_the_ids_of_their_market(exchange: str) -> None:
    real, paper = Catalogue("real"), Catalogue("paper")
    order, change = "overseas_stock.order", "overseas_stock.order_rvsecncl"
    found = (
        real.route(order, ovrs_excg_cd=exchange, ord_dv="buy").tr_id,
        real.route(order, ovrs_excg_cd=exchange, ord_dv="sell").tr_id,
        paper.route(order, ovrs_excg_cd=exchange, ord_dv="buy").tr_id,
        paper.route(order, ovrs_excg_cd=exchange, ord_dv="sell").tr_id,
        real.route(change, ovrs_excg_cd=exchange).tr_id,
        paper.route(change, ovrs_excg_cd=exchange).tr_id,
    )
    assert found == OVERSEAS[exchange]


def test_a_sale_says_its_kind_and_a_purchase_does_not() -> None:
    catalogue = Catalogue("real")
    sell = catalogue.route("overseas_stock.order", ovrs_excg_cd="NYSE", ord_dv="sell")
    buy = catalogue.route("overseas_stock.order", ovrs_excg_cd="NYSE", ord_dv="buy")
    assert (sell.template["SLL_TYPE"], buy.template["SLL_TYPE"]) == ("00", "")


def test_open_overseas_orders_have_a_paper_id() -> None:
    assert Catalogue("real").route("overseas_stock.inquire_nccs").tr_id == "TTTS3018R"
    assert Catalogue("paper").route("overseas_stock.inquire_nccs").tr_id == "VTTS3018R"


def test_old_and_recent_history_have_their_own_ids() -> None:
    history = "domestic_stock.inquire_daily_ccld"
    assert Catalogue("real").route(history, pd_dv="inner").tr_id == "TTTC0081R"
    assert Catalogue("real").route(history, pd_dv="before").tr_id == "CTSC9215R"
    assert Catalogue("paper").route(history, pd_dv="before").tr_id == "VTSC9215R"


@pytest.mark.parametrize("api", sorted(load_data("capabilities.json")["not_on_paper"]))
def test_what_paper_does_not_offer_is_refused_with_the_reason(api: str) -> None:
    with pytest.raises(Unsupported, match="not offered in paper trading: KIS"):
        Catalogue("paper").route(api)
    assert Catalogue("real").why_unsupported(api) is None


def test_a_missing_argument_is_a_defect_that_is_named() -> None:
    route = Catalogue("real").route("domestic_stock.inquire_price")
    with pytest.raises(ValueError, match="fid_input_iscd"):
        route.parameters({"fid_cond_mrkt_div_code": "J"})
    with pytest.raises(ValueError, match="typo"):
        route.parameters({"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930", "typo": ""})


def test_order_type_tables_and_the_declared_names_agree() -> None:
    table = load_data("order_types.json")
    assert set(table["domestic"]) == set(get_args(OrderVenue))
    assert set(table["domestic"]["KRX"]) == set(get_args(OrderType))
    for codes in table["domestic"].values():
        assert codes.items() <= table["domestic"]["KRX"].items()
    overseas = {name for sides in table["overseas"].values() for codes in sides.values() for name in codes}
    assert overseas == set(get_args(OverseasOrderType))
    assert set(table["with_price"]) <= set(get_args(OrderType)) | set(get_args(OverseasOrderType))


def test_every_exchange_has_its_codes() -> None:
    table = overseas_exchanges()
    assert set(table) == set(get_args(OverseasExchange))
    quote_codes = [entry["quote_code"] for entry in table.values()]
    assert len(set(quote_codes)) == len(quote_codes)
    assert table["HASE"]["quote_code"] == "HNX"
    assert table["VNSE"]["quote_code"] == "HSX"
