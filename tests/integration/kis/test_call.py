"""``kis.call`` against the simulator, over real HTTP."""

from __future__ import annotations

from .conftest import Market

PRICE = "domestic_stock.inquire_price"
HISTORY = "domestic_stock.inquire_daily_ccld"
TODAY = {
    "pd_dv": "inner",
    "inqr_strt_dt": "20260101",
    "inqr_end_dt": "20271231",
    "sll_buy_dvsn_cd": "00",
    "ccld_dvsn": "00",
    "inqr_dvsn": "00",
    "inqr_dvsn_3": "00",
    "pdno": "000660",
    "excg_id_dvsn_cd": "KRX",
}


def test_a_read_by_name_gives_the_vendors_row(market: Market) -> None:
    arguments = {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930"}
    (row,) = market.rows("kis.call", api=PRICE, arguments=arguments)
    assert row["output"] == "output"
    assert int(row["stck_mxpr"]) > int(row["stck_llam"]) > 0
    assert row.keys() == {key.lower() for key in row}


def test_all_pages_are_as_many_rows_as_one_by_one(paper: Market) -> None:
    limit = str(paper.one("kis.get-current-price", ticker="000660")["lower_limit"])
    order = {"ord_dv": "buy", "pdno": "000660", "ord_dvsn": "00", "ord_qty": "1", "ord_unpr": limit}
    placed = [
        paper.one(
            "kis.call-order",
            api="domestic_stock.order_cash",
            arguments=order | {"excg_id_dvsn_cd": "KRX"},
        )["order_no"]
        for _ in range(17)
    ]
    paper.progress.clear()
    outcome = paper.outcome("kis.call", api=HISTORY, arguments=TODAY, all_pages=True)
    numbers = [row["odno"] for row in outcome.rows if row["output"] == "output1"]
    assert set(placed) <= set(numbers)
    assert len(numbers) == len(set(numbers))
    assert outcome.truncated is None
    assert len(paper.progress) == -(-len(numbers) // 15) >= 2
    first = paper.outcome("kis.call", api=HISTORY, arguments=TODAY, raw=True)
    (document,) = first.rows
    assert (len(document["output1"]), document["tr_cont"] in ("F", "M")) == (15, True)
    keys = {name: document[f"ctx_area_{name}"] for name in ("fk100", "nk100")}
    second = paper.rows("kis.call", api=HISTORY, arguments=TODAY | keys)
    assert second[0]["odno"] == numbers[15]
