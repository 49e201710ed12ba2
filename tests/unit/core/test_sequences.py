from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.core.sequences import Sequences


def test_each_key_counts_for_itself() -> None:
    numbers = Sequences[str]("e1")
    assert [numbers.next(key) for key in "aab"] == [("e1", 1), ("e1", 2), ("e1", 1)]


def test_a_new_epoch_begins_at_one_for_the_keys_named() -> None:
    numbers = Sequences[str]("e1")
    for key in "ab":
        numbers.next(key)
    numbers.new_epoch(["a", "c"], "e2")
    assert [numbers.next(key) for key in "abcd"] == [("e2", 1), ("e1", 2), ("e2", 1), ("e1", 1)]


def test_a_key_that_comes_back_is_of_another_epoch() -> None:
    numbers = Sequences[str]("e1")
    numbers.next("a")
    numbers.forget(["a", "never"], "e2")
    assert numbers.next("a") == ("e2", 1)


def test_an_epoch_in_use_is_refused() -> None:
    numbers = Sequences[str]("e1")
    numbers.new_epoch(["a"], "e2")
    for epoch in ("e1", "e2"):
        with pytest.raises(ValueError, match=f"{epoch} is in use"):
            numbers.new_epoch(["b"], epoch)
        with pytest.raises(ValueError, match=f"{epoch} is in use"):
            numbers.forget(["a"], epoch)


@given(st.lists(st.tuples(st.sampled_from(["next", "new", "forget"]), st.sampled_from("abc"))))
def test_no_number_is_given_twice_and_none_is_left_out(steps: list[tuple[str, str]]) -> None:
    numbers = Sequences[str]("0")
    given: dict[tuple[str, str], int] = {}
    for place, (step, key) in enumerate(steps, 1):
        if step == "new":
            numbers.new_epoch([key], str(place))
        elif step == "forget":
            numbers.forget([key], str(place))
        else:
            epoch, number = numbers.next(key)
            assert number == given.get((key, epoch), 0) + 1
            given[key, epoch] = number
