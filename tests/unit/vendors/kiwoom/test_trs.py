"""The table of TRs against Kiwoom's REST document."""

import pytest

from broker_server.vendors.kiwoom.tables import load_data
from broker_server.vendors.kiwoom.trs import trs

CHARTS = {"request-day-candle"}
"""Their code comes once, beside the rows."""


@pytest.mark.parametrize("name", sorted(trs()))
def test_rest_has_what_is_asked(name: str) -> None:
    tr = trs()[name]
    api = load_data("rest_apis.json")["apis"][tr.api_id]
    assert tr.path == api["path"]
    known = {each["key"] for each in api["request"]}
    required = {each["key"] for each in api["request"] if each.get("required")}
    sent = {each.rest for each in tr.inputs.values() if each.rest} | set(tr.fixed)
    assert required <= sent <= known
    answer = {each["key"]: each for each in api["response"]}
    rows = answer if tr.rows_key is None else {each["key"] for each in answer[tr.rows_key]["children"]}
    missing = {each.rest for each in tr.columns.values() if each.rest and each.rest not in rows}
    assert missing == ({"stk_cd"} if name in CHARTS else set())
    assert {each.rest for each in tr.summary.values()} <= set(answer)


@pytest.mark.parametrize("name", sorted(trs()))
def test_the_control_has_a_name_for_everything(name: str) -> None:
    tr = trs()[name]
    assert tr.code is not None
    assert (tr.record is None) == (tr.rows_key is None)
    for each in (*tr.inputs.values(), *tr.columns.values(), *tr.summary.values()):
        assert each.control
