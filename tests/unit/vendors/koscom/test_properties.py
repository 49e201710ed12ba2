"""Whatever KOSCOM answers, and however long a period is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker_server.vendors.http import HttpResponse
from broker_server.vendors.koscom.envelopes import Answer, Failure, read_answer
from broker_server.vendors.koscom.errors import error_for
from broker_server.vendors.koscom.windows import WINDOWS, read_times
from broker_server.vendors.long_histories import read_back
from broker_server.vendors.verdicts import UnreadableAnswer

KEYS_WITHIN = st.sampled_from(["code", "message", "mesage", "isuSrtCd", "hisLists"])
SCALARS = st.sampled_from([None, True, 0, 10040, 20130, 2.5, "", " -", "20140", "005930*001", "ok"])
LISTS = st.lists(SCALARS, max_size=2)
VALUES = SCALARS | LISTS | st.dictionaries(KEYS_WITHIN, SCALARS | LISTS, max_size=3)
KEYS = st.sampled_from(["jsonrpc", "result", "error", "message", "code", "mesage", "hisLists", "isuSrtCd"])
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5).map(lambda each: json.dumps(each).encode())
STATUSES = st.sampled_from([200, 400, 401, 403, 404, 429, 500, 503])


@given(body=DOCUMENTS | st.binary(max_size=20), status=STATUSES)
def test_an_answer_is_data_or_a_refusal_or_unreadable(body: bytes, status: int) -> None:
    try:
        answer = read_answer(HttpResponse(status, {}, body))
    except UnreadableAnswer:
        return
    if isinstance(answer, Failure):
        assert error_for(answer.code, answer.text, answer.status).vendor == "koscom"
        return
    assert isinstance(answer, Answer)
    assert status == 200
    assert isinstance(answer.is_empty, bool)


@given(
    days=st.sets(st.dates(date(2020, 1, 1), date(2022, 12, 31)), max_size=400),
    bounds=st.tuples(
        st.dates(date(2019, 6, 1), date(2023, 6, 1)), st.dates(date(2019, 6, 1), date(2023, 6, 1))
    ),
)
def test_windows_of_days_lose_nothing(days: set[date], bounds: tuple[date, date]) -> None:
    start, end = sorted(bounds)

    def fetch(last: date) -> Mapping[date, Any]:
        newest = sorted((each for each in days if start <= each <= last), reverse=True)
        return {each: {} for each in newest[: WINDOWS.rows]}

    found, truncated = read_back(
        fetch, start=start, end=end, interval="day", pages=WINDOWS, report_progress=lambda done, total: None
    )
    assert list(found) == sorted(each for each in days if start <= each <= end)
    assert truncated is None


@given(
    seconds=st.sets(st.integers(9 * 360, 16 * 360).map(lambda each: each * 10), max_size=600),
    first=st.integers(8 * 60, 12 * 60),
    last=st.integers(12 * 60, 17 * 60),
    whole_minute=st.booleans(),
)
def test_windows_of_times_lose_nothing(
    seconds: set[int], first: int, last: int, *, whole_minute: bool
) -> None:
    """Whether the last minute is in a window to its end, or with its first moment only."""
    midnight = datetime(2026, 11, 20)  # noqa: DTZ001 - only its times are used

    def label(second: int) -> time:
        return (midnight + timedelta(seconds=second)).time()

    def reaches(until: time) -> int:
        return until.hour * 3600 + until.minute * 60 + (59 if whole_minute else 0)

    def fetch(until: time) -> Mapping[time, Any]:
        inside = (each for each in seconds if first * 60 <= each <= reaches(until))
        return {label(each): {} for each in sorted(inside, reverse=True)[: WINDOWS.rows]}

    found, truncated = read_times(
        fetch,
        start=label(first * 60),
        end=label(last * 60),
        report_progress=lambda done, total: None,
    )
    wanted = [each for each in sorted(seconds) if first * 60 <= each <= reaches(label(last * 60))]
    assert list(found) == [label(each) for each in wanted]
    assert truncated is None
