"""Whatever bytes come, reading them gives a task or says what is wrong."""

from __future__ import annotations

import codecs
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_client.errors import MalformedMessage
from broker_client.protocol import TaskRequest, decode_request, encode_request

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("task_id", "method", "parameters", "request_time", "deadline", "reply_queue", "expected_environment")


def read(body: bytes) -> TaskRequest | MalformedMessage:
    try:
        return decode_request(body)
    except MalformedMessage as error:
        result = error
    assert result.message
    assert "\n" not in result.message
    return result


@given(st.binary(max_size=300))
def test_any_bytes_are_a_task_or_a_clear_error(body: bytes) -> None:
    read(body)


@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), json_values, max_size=9))
def test_any_object_is_a_task_or_an_error_under_its_own_id(document: dict[str, Any]) -> None:
    result = read(json.dumps(document).encode())
    task_id = document.get("task_id")
    if isinstance(result, TaskRequest) or (isinstance(task_id, str) and task_id):
        assert result.task_id == task_id


@given(json_values)
def test_any_value_that_is_no_object_is_refused(value: object) -> None:
    if not isinstance(value, dict):
        assert isinstance(read(json.dumps(value).encode()), MalformedMessage)


@given(
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=255),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=255),
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))),
)
def test_what_is_written_is_read_back(task_id: str, method: str, parameters: dict[str, str]) -> None:
    request = TaskRequest(task_id=task_id, method=method, parameters=parameters)
    assert decode_request(encode_request(request)) == request
    assert decode_request(codecs.BOM_UTF8 + encode_request(request)) == request


def test_a_task_id_that_no_database_keeps_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="NUL"):
        decode_request(b'{"task_id": "x\\u0000", "method": "broker.ping"}')
