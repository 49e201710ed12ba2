"""Nothing that waits is lost uncounted, and every slot keeps its order."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from broker_server.core.conflation import Gap, Keep, Waiting, WaitingRoom

SLOTS = ("a", "b", "c")


def everything(room: WaitingRoom[int], now: float = 0.0) -> list[int | tuple[str, int]]:
    """Takes until nothing is left: items as they are, gaps as pairs."""
    taken: list[int | tuple[str, int]] = []
    while (one := room.take(now)) is not None:
        taken.append((one.slot, one.missing) if isinstance(one, Gap) else one.item)
    return taken


def test_the_newest_quote_takes_the_place_of_the_one_before_it() -> None:
    room: WaitingRoom[int] = WaitingRoom()
    for item in range(6):
        room.add(item, "ab"[item % 2], Keep.NEWEST)
    first, second = room.take(0), room.take(0)
    assert first == Waiting(4, "a", Keep.NEWEST, None, conflated=2)
    assert second == Waiting(5, "b", Keep.NEWEST, None, conflated=2)
    assert room.take(0) is None
    assert (room.conflated, room.dropped, len(room)) == (4, 0, 0)


def test_beyond_the_bound_the_oldest_trades_go_and_are_told_per_slot() -> None:
    room: WaitingRoom[int] = WaitingRoom(most=2)
    for item, slot in enumerate("aabab"):
        room.add(item, slot, Keep.BOUNDED)
    room.add(9, "a", Keep.NEWEST)
    assert everything(room) == [("a", 2), ("b", 1), 3, 4, 9]
    assert room.dropped == 3


def test_what_must_not_be_lost_passes_what_waits_except_its_own_slot() -> None:
    room: WaitingRoom[int] = WaitingRoom()
    room.add(1, "a", Keep.BOUNDED)
    room.add(2, "execution", Keep.ALWAYS)
    room.add(3, "a", Keep.ALWAYS)
    room.add(4, "execution", Keep.ALWAYS)
    assert everything(room) == [2, 4, 1, 3]


def test_a_quote_does_not_pass_the_status_that_came_before_it() -> None:
    room: WaitingRoom[int] = WaitingRoom()
    room.add(1, "a", Keep.NEWEST)
    room.add(2, "a", Keep.ALWAYS)
    room.add(3, "a", Keep.NEWEST)
    assert everything(room) == [2, 3]
    assert room.conflated == 1


def test_what_is_too_old_becomes_a_gap_and_what_it_had_replaced_counts() -> None:
    room: WaitingRoom[int] = WaitingRoom()
    room.add(1, "quote", Keep.NEWEST, 10)
    room.add(2, "quote", Keep.NEWEST, 10)
    room.add(3, "trade", Keep.BOUNDED, 10)
    room.add(4, "execution", Keep.ALWAYS, 10)
    room.add(5, "trade", Keep.BOUNDED, 20)
    assert everything(room, now=10) == [("quote", 2), ("trade", 1), 4, 5]
    assert (room.conflated, room.dropped) == (1, 2)


def test_gaps_are_told_at_most_once_a_second() -> None:
    room: WaitingRoom[int] = WaitingRoom(gap_seconds=1)
    assert room.gaps_from is None
    room.lose("a")
    assert room.gaps_from == 0
    assert everything(room, now=100) == [("a", 1)]
    room.lose("a", 2)
    room.lose("b", skipped=3)
    room.lose("a")
    room.add(1, "a", Keep.BOUNDED)
    assert room.gaps_from == 101
    assert everything(room, now=100.9) == [1]
    assert everything(room, now=101) == [("a", 3), ("b", 4)]
    assert room.gaps_from is None


@dataclass(frozen=True)
class Add:
    slot: str
    keep: Keep
    lives: int | None


@dataclass(frozen=True)
class Take:
    pass


@dataclass(frozen=True)
class Pass:
    seconds: int


STEPS = st.lists(
    st.one_of(
        st.builds(
            Add, st.sampled_from(SLOTS), st.sampled_from(Keep), st.one_of(st.none(), st.integers(1, 20))
        ),
        st.just(Take()),
        st.builds(Pass, st.integers(1, 10)),
    ),
    max_size=120,
)


@given(steps=STEPS, most=st.integers(0, 6))
def test_whatever_happens_nothing_is_lost_uncounted_and_slots_keep_their_order(
    steps: list[Add | Take | Pass], most: int
) -> None:
    room: WaitingRoom[int] = WaitingRoom(most, gap_seconds=3)
    now = 0.0
    added: dict[int, Add] = {}
    added_at: dict[int, float] = {}
    taken: list[Waiting[int]] = []
    told: Counter[str] = Counter()

    def take() -> bool:
        one = room.take(now)
        if isinstance(one, Gap):
            assert one.missing > 0
            told[one.slot] += one.missing
        elif one is not None:
            taken.append(one)
            lives = added[one.item].lives
            if one.keep is not Keep.ALWAYS and lives is not None:
                assert now < added_at[one.item] + lives
        return one is not None

    for number, step in enumerate(steps):
        if isinstance(step, Add):
            added[number], added_at[number] = step, now
            room.add(number, step.slot, step.keep, None if step.lives is None else now + step.lives)
        elif isinstance(step, Take):
            take()
        else:
            now += step.seconds
        kinds = Counter(added[one.item].keep for one in (*room._first, *room._line.values()))
        assert kinds[Keep.BOUNDED] <= most
        assert kinds[Keep.NEWEST] <= len(SLOTS)
        assert len(added) == len(taken) + len(room) + room.conflated + room.dropped
    while take():
        pass
    now += 3
    while take():
        pass

    assert len(room) == 0
    assert room.gaps_from is None
    assert not room._slots
    assert not room._bounded
    by_slot: dict[str, list[int]] = defaultdict(list)
    for one in taken:
        by_slot[one.slot].append(one.item)
    for items in by_slot.values():
        assert items == sorted(items)
    for slot in SLOTS:
        here = [number for number, step in added.items() if step.slot == slot]
        skipped = sum(one.conflated for one in taken if one.slot == slot)
        assert len(here) == len(by_slot[slot]) + skipped + told[slot], "of each slot all are accounted for"
        always = [number for number in here if added[number].keep is Keep.ALWAYS]
        assert set(always) <= set(by_slot[slot])
        newest = [number for number in here if added[number].keep is Keep.NEWEST]
        if newest and added[newest[-1]].lives is None:
            assert newest[-1] in by_slot[slot], "the newest survives unless it is too old"
