from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker_client.gaps import Gaps

KEY = "trade.005930"


def test_a_new_subscription_begins_at_one() -> None:
    assert Gaps(from_the_start=True).take(KEY, "e1", 1) == 0
    assert Gaps(from_the_start=True).take(KEY, "e1", 4) == 3


def test_of_a_subscription_that_somebody_read_before_the_first_gap_is_unknown() -> None:
    gaps = Gaps(from_the_start=False)
    assert gaps.take(KEY, "e1", 40) is None
    assert gaps.take(KEY, "e1", 42) == 1


def test_a_new_epoch_is_an_unknown_gap_and_the_old_one_stays_known() -> None:
    gaps = Gaps(from_the_start=True)
    assert gaps.take(KEY, "e1", 1) == 0
    assert gaps.take(KEY, "e2", 1) is None
    assert gaps.is_repeat(KEY, "e1", 1)
    assert not gaps.is_repeat(KEY, "e1", 2)
    assert gaps.take(KEY, "e2", 2) == 0


def test_old_epochs_are_forgotten_in_the_end() -> None:
    gaps = Gaps(from_the_start=True)
    for number in range(100):
        gaps.take(KEY, f"e{number}", 1)
    assert not gaps.is_repeat(KEY, "e0", 1)
    assert gaps.is_repeat(KEY, "e99", 1)
    assert sum(len(epochs) for epochs in gaps._last.values()) <= 16


# What a worker numbered, of which some is lost and some is delivered twice, in order as a queue keeps it.
deliveries = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(min_value=0, max_value=3), st.integers(1, 3)),
    max_size=60,
)


@given(deliveries)
def test_taken_and_missed_add_up_and_nothing_is_taken_twice(steps: list[tuple[str, int, int]]) -> None:
    gaps = Gaps(from_the_start=True)
    numbered = {"a": 0, "b": 0}
    taken: dict[str, list[int]] = {"a": [], "b": []}
    missed = {"a": 0, "b": 0}
    for key, lost, copies in steps:
        numbered[key] += lost + 1
        for _ in range(copies):
            if not gaps.is_repeat(key, "e", numbered[key]):
                gap = gaps.take(key, "e", numbered[key])
                assert gap == lost
                missed[key] += gap
                taken[key].append(numbered[key])
    for key in ("a", "b"):
        assert len(taken[key]) == len(set(taken[key]))
        assert len(taken[key]) + missed[key] == numbered[key]


@given(
    st.lists(st.integers(min_value=1, max_value=8), min_size=1, max_size=6),
    st.integers(min_value=0, max_value=10),
)
def test_what_is_delivered_again_across_epochs_is_a_repeat(lengths: list[int], back: int) -> None:
    gaps = Gaps(from_the_start=True)
    sent = [(f"e{epoch}", n) for epoch, length in enumerate(lengths) for n in range(1, length + 1)]
    for position, (epoch, sequence) in enumerate(sent):
        assert not gaps.is_repeat(KEY, epoch, sequence)
        gap = gaps.take(KEY, epoch, sequence)
        assert gap == (0 if sequence > 1 or position == 0 else None)
        for again in sent[max(0, position - back) : position + 1]:
            assert gaps.is_repeat(KEY, *again)
