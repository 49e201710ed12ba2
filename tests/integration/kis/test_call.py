"""``kis.call`` against the simulator, over real HTTP."""

from __future__ import annotations

from .conftest import Market

PRICE = "domestic_stock.inquire_price"


def test_a_read_by_name_gives_the_vendors_row(market: Market) -> None:
    arguments = {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930"}
    (row,) = market.rows("kis.call", api=PRICE, arguments=arguments)
    assert row["output"] == "output"
    assert int(row["stck_mxpr"]) > int(row["stck_llam"]) > 0
    assert row.keys() == {key.lower() for key in row}
