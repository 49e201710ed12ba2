"""Fields by name, however the name is written."""

from typing import Any

import pytest

from broker_server.vendors.koscom.fields import canonical, change_items, kind_of, kinds, split, typed


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [
        ("trdvol", "trdvol"),
        ("trdVol", "trdvol"),
        ("srtsellTrdvol", "srtsellTrdVol"),
        ("srtsellTrdVol", "srtsellTrdVol"),
        ("isuKorAbbr", "isuKorAbbrv"),
        ("isuEngNm", "IsuEngNm"),
        ("IsuSrtCd", "isuSrtCd"),
        ("isuSrtCode", "isuSrtCd"),
        ("isuNm", "isuKorNm"),
        ("BzDd", "trdDd"),
        ("prc", "trdPrc"),
        ("ISUSRTCD", "isuSrtCd"),
        ("nonsense", None),
    ],
)
def test_every_spelling_of_the_documents_is_understood(spelling: str, meant: str | None) -> None:
    assert canonical(spelling) == meant
    assert kind_of(spelling) == (None if meant is None else kinds()[meant])


def test_kinds_come_from_the_table_and_not_from_the_wire() -> None:
    assert kind_of("trdTm") == kind_of("ordAcptTm") == kind_of("inddTm") == "time"
    assert kind_of("isuSrtCd") == "code"
    assert kind_of("trdPrc") == kind_of("askStep10BstordRqty") == kind_of("deemTrdPrc") == "number"
    assert kind_of("cmpprevddTpCd") == kind_of("lstAskbidTpCd") == "text"
    assert kind_of("hisLists") == "rows"


def test_a_record_is_sorted_into_known_and_unknown() -> None:
    record = {"IsuSrtCd": "005930", "trdVol": "5", "mkStatTpCd": 1}
    parts = split(record)
    assert parts.fields == {"isuSrtCd": "005930", "trdvol": "5"}
    assert parts.extra == {"mkStatTpCd": 1}
    assert split(record) == parts


def test_values_are_typed_by_name() -> None:
    record: dict[str, Any] = {
        "isuSrtCd": "005930*001",
        "trdPrc": "2510.35",
        "trdvol": "86",
        "trdTm": 9450155,
        "lstAskbidTpCd": 1,
        "cmpprevddPrc": " -",
        "hgprc": None,
        "lwprc": "low",
        "mkStatTpCd": 1,
    }
    fields, extra = typed(split(record))
    assert fields == {
        "isuSrtCd": "005930",
        "trdPrc": "2510.35",
        "trdvol": 86,
        "trdTm": "09450155",
        "lstAskbidTpCd": "1",
        "cmpprevddPrc": None,
        "hgprc": None,
    }
    assert extra == [{"name": "mkStatTpCd", "value": 1}, {"name": "lwprc", "value": "low"}]


def test_items_of_change() -> None:
    stock, derivative = change_items(derivative=False), change_items(derivative=True)
    assert len(stock) == 59
    assert stock["trdprc"] == "trdPrc"
    assert "lsttrdtpcd" in derivative
    assert "lsttrdtpcd" not in stock
