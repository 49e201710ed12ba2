"""What becomes of the pins that a worker finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.amqp.journal_pin import Pin, decide, foreign_journal, moved_alias

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
MINE = Pin("journal-1", "account-1")
OTHER = Pin("journal-2", "account-1")
ELSEWHERE = Pin("journal-2", "account-2")
PINS = st.lists(
    st.sampled_from([MINE, OTHER, ELSEWHERE]).map(Pin.to_json) | st.binary(max_size=8), max_size=5
)


def test_pin_is_the_documented_json() -> None:
    assert MINE.to_json() == b'{"journal":"journal-1","account":"account-1"}'
    assert Pin.from_json(MINE.to_json()) == MINE
    adopted = Pin("j", "a", NOW)
    assert Pin.from_json(adopted.to_json()) == adopted


@pytest.mark.parametrize("body", [b"", b"5", b"[]", b"{}", b'{"journal": "j"}', b"\xff"])
def test_something_else_is_no_pin(body: bytes) -> None:
    assert Pin.from_json(body) is None


@pytest.mark.parametrize("found", [[], [MINE], [MINE, MINE], [ELSEWHERE], [ELSEWHERE, MINE]])
def test_nothing_of_another_journal_makes_mine_the_only_pin(found: list[Pin]) -> None:
    decision = decide([pin.to_json() for pin in found], MINE, adopt=False, now=NOW)
    assert decision.keep == [MINE.to_json()]
    assert not decision.foreign
    assert decision.adopted_at is None


@pytest.mark.parametrize("found", [[OTHER], [OTHER, OTHER], [OTHER, MINE], [MINE, OTHER]])
def test_another_journal_of_the_account_is_kept_and_replaced_only_when_adopted(found: list[Pin]) -> None:
    bodies = [pin.to_json() for pin in found]
    decision = decide(bodies, MINE, adopt=False, now=NOW)
    assert decision.foreign
    assert set(decision.keep) == set(bodies)
    adopted = decide(bodies, MINE, adopt=True, now=NOW)
    assert adopted.keep == [Pin("journal-1", "account-1", NOW).to_json()]
    assert (adopted.foreign, adopted.adopted_at) == (True, NOW)


def test_adoption_is_remembered_in_the_pin() -> None:
    earlier = NOW - timedelta(hours=3)
    pinned = Pin("journal-1", "account-1", earlier).to_json()
    for adopt in (True, False):
        decision = decide([pinned, MINE.to_json()], MINE, adopt=adopt, now=NOW)
        assert decision.keep == [pinned]
        assert (decision.foreign, decision.adopted_at) == (False, earlier)


@given(found=PINS, adopt=st.booleans())
def test_whatever_is_found_orders_are_refused_or_mine_is_the_only_pin(
    found: list[bytes], adopt: bool
) -> None:
    decision = decide(found, MINE, adopt=adopt, now=NOW)
    assert decision.keep
    kept = [Pin.from_json(body) for body in decision.keep]
    if decision.foreign and not adopt:
        assert set(decision.keep) <= set(found)
        assert any(pin is None or pin.journal != MINE.journal for pin in kept)
        again = decide(decision.keep, MINE, adopt=False, now=NOW)
        assert again.foreign
    else:
        (pin,) = kept
        assert pin is not None
        assert (pin.journal, pin.account) == (MINE.journal, MINE.account)


def test_refusal_is_one_line_that_says_what_to_do() -> None:
    line = foreign_journal("kis", "default")
    assert "\n" not in line
    for part in ("kis/default", "JOURNAL_URL", "--adopt-journal"):
        assert part in line


@pytest.mark.parametrize("found", [[ELSEWHERE], [ELSEWHERE, MINE]])
def test_an_alias_that_was_another_account_s_is_not_taken_while_orders_of_that_one_are_unknown(
    found: list[Pin],
) -> None:
    bodies = [pin.to_json() for pin in found]
    decision = decide(bodies, MINE, adopt=False, now=NOW, pending=True)
    assert decision.moved
    assert decision.keep == bodies, "so that the next start knows it, too"
    assert not decide([MINE.to_json()], MINE, adopt=False, now=NOW, pending=True).moved
    assert "another alias" in moved_alias("kis", "second")
