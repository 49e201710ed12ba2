from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import get_args

from broker_server.vendors.kis.catalogue import load_data
from broker_server.vendors.kis.realtime_table import FieldKind, realtime_trs

TABLE_SHA256 = "7161f12ae572aee7c37b255755e9be81f36798aecda5fd82d1174176af2d3174"
OFFERED_ON_PAPER = {"H0STCNT0", "H0STASP0", "H0STCNI9", "H0GSCNI9", "H0IFCNI9"}
NOTICES = {
    *("H0STCNI0", "H0STCNI9", "H0GSCNI0", "H0GSCNI9", "H0IFCNI0", "H0IFCNI9"),
    *("H0MFCNI0", "H0EUCNI0", "HDFFF1C0", "HDFFF2C0"),
}


def test_the_table_is_the_intact_one_of_63_trs() -> None:
    data = files("broker_server.vendors.kis").joinpath("data/realtime_fields.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == TABLE_SHA256
    assert len(realtime_trs()) == 63


def test_its_widths_are_those_that_it_states_itself() -> None:
    for tr_id, entry in load_data("realtime_fields.json").items():
        tr, widths = realtime_trs()[tr_id], entry["widths"]
        assert len(tr.fields) == widths["wire_fields_here"]
        tail = widths.get("with_optional_tail", len(tr.fields)) - len(tr.fields)
        assert len(tr.optional_tail) == tail


def test_every_field_has_a_known_kind_and_a_name_of_its_own() -> None:
    for tr in realtime_trs().values():
        layout = tr.fields + tr.optional_tail
        assert len({field.name for field in layout}) == len(layout), tr.tr_id
        assert all(field.kind in get_args(FieldKind) for field in layout)
        assert all(field.name.isascii() and field.name.isidentifier() for field in layout)
        # What a record is about comes first: that is what it is checked by.
        assert tr.fields[0].kind == "str"


def test_paper_and_encryption_are_as_documented() -> None:
    trs = realtime_trs()
    assert {tr_id for tr_id, tr in trs.items() if tr.paper} == OFFERED_ON_PAPER
    assert {tr_id for tr_id, tr in trs.items() if tr.encrypted} == NOTICES
