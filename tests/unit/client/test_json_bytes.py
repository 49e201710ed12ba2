"""JSON that is kept for a while."""

from __future__ import annotations

import tracemalloc

import orjson
import pytest

from broker_client.json_bytes import json_bytes

VALUE = {"종목": "005930", "n": [1, 2.5, None]}


def test_it_is_what_orjson_writes() -> None:
    assert json_bytes(VALUE) == orjson.dumps(VALUE)


def test_it_keeps_no_more_memory_than_it_needs() -> None:
    json_bytes(VALUE)
    tracemalloc.start()
    try:
        kept = [json_bytes(VALUE) for _ in range(100)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < sum(len(each) + 100 for each in kept)


def test_no_json_value_is_refused() -> None:
    with pytest.raises(TypeError):
        json_bytes(object())
