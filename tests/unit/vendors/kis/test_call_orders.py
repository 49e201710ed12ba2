"""``kis.call-order`` and ``kis.call-cancel``: what journal and guards are told, and what does not leave."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from broker_client.errors import InvalidParameters, OrderGuard, OrdersDisabled, Unsupported
from broker_server.core.guards import Limits, broken_limit
from broker_server.core.methods import Lane
from broker_server.core.orders import OrderDetails
from broker_server.vendors.kis.api_orders import OrderApi, check_unreconciled, order_apis
from broker_server.vendors.kis.catalogue import operations
from broker_server.vendors.kis.config import OFFICIAL_HOSTS
from tests.support.kis_server import Bench, make_bench, ok
from tests.support.sample_orders import BUY

CASH: dict[str, str] = {
    "ord_dv": "buy",
    "pdno": "005930",
    "ord_dvsn": "00",
    "ord_qty": "3",
    "ord_unpr": "70000",
    "excg_id_dvsn_cd": "KRX",
}
CHANGE: dict[str, str] = {
    "krx_fwdg_ord_orgno": "06010",
    "orgn_odno": "0000000009",
    "ord_dvsn": "00",
    "rvse_cncl_dvsn_cd": "01",
    "ord_qty": "0",
    "ord_unpr": "69000",
    "qty_all_ord_yn": "Y",
    "excg_id_dvsn_cd": "KRX",
}
OPEN = {
    "ord_dt": "20261120",
    "odno": "0000000009",
    "orgn_odno": "",
    "sll_buy_dvsn_cd": "02",
    "pdno": "005930",
    "ord_qty": "10",
    "ord_unpr": "70000",
    "psbl_qty": "6",
    "tot_ccld_qty": "4",
    "ord_dvsn_cd": "00",
    "excg_id_dvsn_cd": "KRX",
}
ABROAD: dict[str, str] = {
    "ord_dv": "buy",
    "ovrs_excg_cd": "NASD",
    "pdno": "AAPL",
    "ord_qty": "2",
    "ovrs_ord_unpr": "180.50",
    "ctac_tlno": "",
    "mgco_aptm_odno": "",
    "ord_svr_dvsn_cd": "0",
    "ord_dvsn": "00",
}
RESERVED: dict[str, str] = {
    "pdno": "005930",
    "ord_qty": "1",
    "ord_unpr": "55000",
    "sll_buy_dvsn_cd": "02",
    "ord_dvsn_cd": "00",
    "ord_objt_cblc_dvsn_cd": "10",
}
FUTURES: dict[str, str] = {
    "ord_dv": "day",
    "ord_prcs_dvsn_cd": "02",
    "sll_buy_dvsn_cd": "02",
    "shtn_pdno": "101W09",
    "ord_qty": "1",
    "unit_price": "350.5",
    "nmpr_type_cd": "01",
    "krx_nmpr_cndt_cd": "0",
    "ord_dvsn_cd": "01",
}


@pytest.fixture
def real(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def details_of(
    bench: Bench, api: str, arguments: dict[str, str], method: str = "kis.call-order"
) -> OrderDetails:
    declared = next(each for each in bench.vendor.methods() if each.name == method)
    assert declared.details is not None
    return declared.details(declared.parameters.model_validate({"api": api, "arguments": arguments}))


def test_every_post_of_the_catalogue_is_reviewed_and_nothing_else_is_an_order() -> None:
    posts = {
        name
        for name, entry in operations().items()
        if any(request["method"] == "POST" for request in entry["requests"])
    }
    assert posts == order_apis().keys()
    for name, entry in order_apis().items():
        named = [entry.get(key) for key in ("ticker", "quantity", "price", "order_type", "venue", "original")]
        named += [*entry.get("all", {}), *entry.get("only", {})]
        assert {each for each in named if each} <= operations()[name]["arguments"].keys(), name
        assert OrderApi(name).actions() <= {"buy", "sell", "modify", "cancel"}
        assert len(entry["market"]) <= 16
        assert entry["reconciled"] == (entry["market"] in ("domestic", "overseas"))
        assert "original" in entry or OrderApi(name).actions() <= {"buy", "sell"}


def test_orders_and_reads_have_methods_of_their_own(real: Bench) -> None:
    with pytest.raises(InvalidParameters, match=r"done by kis.call-order"):
        real.outcome("kis.call", api="domestic_stock.order_cash", arguments=CASH)
    with pytest.raises(InvalidParameters, match=r"only reads; that is done by kis.call"):
        real.outcome("kis.call-order", api="domestic_stock.inquire_price")
    change = CHANGE | {"rvse_cncl_dvsn_cd": "02"}
    with pytest.raises(InvalidParameters, match=r"this cancel by .* is done by kis.call-cancel"):
        real.outcome("kis.call-order", api="domestic_stock.order_rvsecncl", arguments=change)
    with pytest.raises(InvalidParameters, match=r"this buy by .* is done by kis.call-order"):
        real.outcome("kis.call-cancel", api="domestic_stock.order_cash", arguments=CASH)
    assert not real.kis.requests


@pytest.mark.parametrize(
    ("changes", "price", "order_type"),
    [
        ({}, 70000, "limit"),
        ({"ord_dvsn": "01"}, None, "market"),
        ({"ord_dvsn": "01", "ord_unpr": "0"}, None, "market"),
        ({"ord_dvsn": "03", "ord_unpr": "1"}, None, "best"),
        ({"ord_dvsn": "21", "ord_unpr": "1"}, None, "21"),
        ({"ord_dvsn": "22"}, 70000, "22"),
        ({"ord_dvsn": "99", "ord_unpr": "1"}, None, "99"),
        ({"ord_unpr": "0"}, None, "limit"),
        ({"ord_unpr": ""}, None, "limit"),
    ],
)
def test_only_a_limit_counts_as_a_price(
    real: Bench, changes: dict[str, str], price: int | None, order_type: str
) -> None:
    details = details_of(real, "domestic_stock.order_cash", CASH | changes)
    assert (details.price, details.order_type) == (None if price is None else Decimal(price), order_type)


@pytest.mark.parametrize(
    "changes", [{"ord_qty": "0"}, {"ord_qty": "1.5"}, {"ord_qty": "-1"}, {"ord_qty": ""}, {"ord_unpr": "1e9"}]
)
def test_a_quantity_or_price_that_cannot_be_counted_does_not_leave(
    real: Bench, changes: dict[str, str]
) -> None:
    with pytest.raises(InvalidParameters, match="as text"):
        real.outcome("kis.call-order", api="domestic_stock.order_cash", arguments=CASH | changes)
    assert not real.kis.requests


@pytest.mark.parametrize(
    ("api", "changes"),
    [
        ("domestic_stock.order_cash", {"excg_id_dvsn_cd": ""}),
        ("domestic_stock.order_cash", {"excg_id_dvsn_cd": " "}),
        ("domestic_stock.order_cash", {"excg_id_dvsn_cd": "krx"}),
        ("domestic_stock.order_cash", {"pdno": " 005930"}),
        ("overseas_stock.order", {"pdno": "aapl"}),
    ],
)
def test_what_the_list_could_not_be_searched_for_does_not_leave(
    real: Bench, api: str, changes: dict[str, str]
) -> None:
    arguments = (CASH if api.startswith("domestic") else ABROAD) | changes
    with pytest.raises(InvalidParameters, match="recognised by it in the list of orders"):
        real.outcome("kis.call-order", api=api, arguments=arguments)
    assert not real.kis.requests


def test_every_reconciled_order_says_what_the_list_is_searched_for(real: Bench) -> None:
    reconciled = {name for name, entry in order_apis().items() if entry["reconciled"]}
    placing = {name for name in reconciled if "buy" in OrderApi(name).actions()}
    assert placing == {"domestic_stock.order_cash", "overseas_stock.order"}
    for api, arguments in (("domestic_stock.order_cash", CASH), ("overseas_stock.order", ABROAD)):
        details = details_of(real, api, arguments)
        assert None not in (details.ticker, details.side, details.quantity, details.venue), api


def test_a_daytime_order_without_a_price_asks_for_no_quote(real: Bench) -> None:
    arguments = ABROAD | {"order_dv": "buy", "ord_dvsn": "01"}
    details = OrderApi("overseas_stock.daytime_order").details(arguments)
    assert (details.price, details.currency) == (None, None)


def test_a_change_is_looked_up_so_that_the_guards_know_what_it_is_about(real: Bench) -> None:
    real.kis.on("inquire-psbl-rvsecncl", ok([OPEN]))
    real.kis.on("order-rvsecncl", ok({"ODNO": "0000000010", "ORD_TMD": "101010"}))
    outcome = real.outcome("kis.call-order", api="domestic_stock.order_rvsecncl", arguments=CHANGE)
    (details,) = real.gate.details
    assert (details.action, details.ticker, details.side, details.quantity) == ("modify", "005930", "buy", 6)
    assert (details.price, details.original) == (Decimal(69000), "0000000009")
    (row,) = outcome.rows
    assert (row.order_no, row.original_order_no) == ("0000000010", "0000000009")
    assert row.rows == [{"odno": "0000000010", "ord_tmd": "101010"}]


def test_a_change_of_what_is_not_open_does_not_leave(real: Bench) -> None:
    real.kis.on("inquire-psbl-rvsecncl", ok([{**OPEN, "odno": "0000000010", "orgn_odno": "0000000009"}]))
    real.kis.on(
        "inquire-daily-ccld",
        ok(
            output1=[
                {**OPEN, "odno": "0000000010", "rmn_qty": "6", "orgn_odno": "0000000009"},
                {**OPEN, "rmn_qty": "0"},
            ]
        ),
    )
    with pytest.raises(InvalidParameters, match="not open any more; it is 0000000010 now"):
        real.outcome("kis.call-order", api="domestic_stock.order_rvsecncl", arguments=CHANGE)
    assert real.gate.events == []


@pytest.mark.parametrize(
    ("api", "arguments", "market"),
    [
        ("domestic_stock.order_resv", RESERVED, "domestic_reserve"),
        ("domestic_futureoption.order", FUTURES, "domestic_futures"),
    ],
)
def test_without_a_list_of_orders_a_live_account_needs_the_setting(
    tmp_path: Path, api: str, arguments: dict[str, str], market: str
) -> None:
    live: dict[str, Any] = {"simulated": False, "rest_url": OFFICIAL_HOSTS["real"]}
    tail = operations()[api]["requests"][0]["path"].rpartition("/")[2]
    refusing = make_bench(tmp_path / "a", **live)
    with pytest.raises(OrdersDisabled, match=f"ALLOW_UNRECONCILED_ORDERS names {api}"):
        refusing.outcome("kis.call-order", api=api, arguments=arguments)
    assert not refusing.kis.requests
    assert refusing.gate.events == []
    other = make_bench(tmp_path / "b", **live, unreconciled=frozenset({"domestic_bond.buy"}))
    with pytest.raises(OrdersDisabled):
        other.outcome("kis.call-order", api=api, arguments=arguments)
    for bench in (
        make_bench(tmp_path / "c", **live, unreconciled=frozenset({api})),
        make_bench(tmp_path / "d"),  # a simulator
    ):
        bench.kis.on(tail, ok({"RSVN_ORD_SEQ": "88"} if "resv" in tail else {"ODNO": "0000000088"}))
        (row,) = bench.outcome("kis.call-order", api=api, arguments=arguments).rows
        assert row.order_no.lstrip("0") == "88"
        assert bench.gate.details[0].market == market


def test_a_reconciled_order_needs_no_such_setting(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, simulated=False, rest_url=OFFICIAL_HOSTS["real"])
    bench.kis.on("order-cash", ok({"ODNO": "0000000001"}))
    assert bench.outcome("kis.call-order", api="domestic_stock.order_cash", arguments=CASH).order_no


def test_a_cancel_needs_no_such_setting(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, simulated=False, rest_url=OFFICIAL_HOSTS["real"])
    bench.kis.on("order-resv-rvsecncl", ok({"NRML_PRCS_YN": "Y"}))
    arguments = {
        "rsvn_ord_seq": "88",
        "rsvn_ord_orgno": "1",
        "rsvn_ord_ord_dt": "20261120",
        "ord_type": "cancel",
    }
    outcome = bench.outcome("kis.call-cancel", api="domestic_stock.order_resv_rvsecncl", arguments=arguments)
    (row,) = outcome.rows
    assert (outcome.order_no, row.order_no, row.original_order_no) == (None, None, "88")
    declared = next(each for each in bench.vendor.methods() if each.name == "kis.call-cancel")
    assert declared.lane is Lane.CANCEL


def test_a_cancel_that_would_place_an_order_is_refused(real: Bench) -> None:
    api = "overseas_futureoption.order_rvsecncl"
    arguments = dict.fromkeys(cast("list[str]", operations()[api]["required"]), "")
    arguments = {name: value for name, value in arguments.items() if name not in ("cano", "acnt_prdt_cd")}
    arguments |= {"ord_dv": "1", "orgn_odno": "00360686", "fm_mkpr_cvsn_yn": "Y"}
    with pytest.raises(InvalidParameters, match="fm_mkpr_cvsn_yn must be '' or 'N'"):
        real.outcome("kis.call-cancel", api=api, arguments=arguments)
    details = details_of(real, api, arguments | {"fm_mkpr_cvsn_yn": "N"}, "kis.call-cancel")
    assert (details.original, details.is_cancel) == ("00360686", True)


def test_an_order_without_a_paper_tr_never_goes_to_paper_by_a_real_one(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, environment="paper")
    with pytest.raises(Unsupported, match="not offered in paper trading"):
        bench.outcome("kis.call-order", api="domestic_stock.order_resv", arguments=RESERVED)
    assert not bench.kis.requests


def test_what_nobody_can_count_is_held_by_the_limit_in_force(real: Bench) -> None:
    details = details_of(real, "domestic_futureoption.order", FUTURES)
    assert details.currency is None
    held = broken_limit(details, Limits(), unit_price=None, sent_today=0, complete=True)
    assert held is not None
    assert "ORDER_MAX_NOTIONAL" in held
    lifted = Limits(notional=None)
    assert broken_limit(details, lifted, unit_price=None, sent_today=0, complete=True) is None


@pytest.mark.parametrize(
    ("unknown", "limits", "setting"),
    [
        ({"ticker": None}, Limits(tickers=frozenset({"005930"})), "ORDER_TICKERS"),
        ({"quantity": None}, Limits(), "ORDER_MAX_QUANTITY"),
        ({"currency": None}, Limits(), "ORDER_MAX_NOTIONAL"),
    ],
)
def test_a_complete_order_that_hides_something_breaks_the_limit_on_it(
    unknown: dict[str, None], limits: Limits, setting: str
) -> None:
    hiding = replace(BUY, **unknown)  # type: ignore[arg-type]
    broken = broken_limit(hiding, limits, unit_price=Decimal(1), sent_today=0, complete=True)
    assert broken is not None
    assert broken.startswith(setting)
    assert broken_limit(hiding, limits, unit_price=Decimal(1), sent_today=0) is None
    cancel = replace(hiding, action="cancel")
    assert broken_limit(cancel, limits, unit_price=None, sent_today=0, complete=True) is None


def test_the_setting_is_held_to_the_names_it_may_have() -> None:
    check_unreconciled({"domestic_bond.buy"})
    with pytest.raises(ValueError, match=r"did you mean domestic_bond.buy"):
        check_unreconciled({"domestic_bond.bye"})
    with pytest.raises(ValueError, match=r"ALLOW_UNRECONCILED_ORDERS: 'domestic_stock.order_cash'"):
        check_unreconciled({"domestic_stock.order_cash"})


def test_a_refusal_of_the_gate_sends_nothing(real: Bench) -> None:
    real.gate.refusals = [OrderGuard("no")]
    with pytest.raises(OrderGuard):
        real.outcome("kis.call-order", api="domestic_stock.order_resv", arguments=RESERVED)
    assert not real.kis.calls("order-resv")
