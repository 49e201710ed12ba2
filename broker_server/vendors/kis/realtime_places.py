"""Which connection of a pool holds which registration: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.config import KisEnvironment
from broker_server.vendors.kis.realtime_keys import is_notice
from broker_server.vendors.kis.realtime_table import realtime_trs


@dataclass(frozen=True, slots=True)
class Seat:
    """One connection, as far as placing goes.

    Attributes:
        environment: Of its app key.
        capacity: How many it holds.
        hts_id: Of its customer, whose notices it gets.
        is_usable: Its key is not refused.
        is_healthy: It connects.
    """

    environment: KisEnvironment
    capacity: int
    hts_id: str | None
    is_usable: bool = True
    is_healthy: bool = True


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything goes.

    Attributes:
        seats: By registration, the place of its seat in the pool.
        homeless: What the keys that could hold it have no room for.
        refused: What only a refused key could hold.
        unsupported: What no key of the pool is offered.
    """

    seats: Mapping[Registration, int]
    homeless: Sequence[Registration]
    refused: Sequence[Registration]
    unsupported: Sequence[Registration]


def is_offered(registration: Registration, environment: KisEnvironment) -> bool:
    """Whether an environment has a TR; of one that the table does not know, KIS decides."""
    tr = realtime_trs().get(registration.code)
    if tr is None:
        return True
    if environment == "paper":
        return tr.paper
    # Notices of paper orders have TRs of their own.
    return not (tr.encrypted and tr.paper)


def place(
    wanted: Sequence[Registration], seats: Sequence[Seat], before: Mapping[Registration, int]
) -> Places:
    """Find a seat for each registration.

    One stays where it is while that connection is healthy. Those that only some seats can hold are placed
    first, and the others fill what is left, the most important first.

    Args:
        wanted: The most important first.
        seats: The pool.
        before: Where they are now.
    """
    choices = {one: _choices(one, seats) for one in wanted}
    unsupported = [one for one in wanted if not choices[one]]
    usable = {one: [at for at in found if seats[at].is_usable] for one, found in choices.items()}
    refused = [one for one in wanted if choices[one] and not usable[one]]
    rest = [one for one in wanted if usable[one]]
    rooms = [seat.capacity for seat in seats]
    placed: dict[Registration, int] = {}

    def sit(one: Registration, candidates: Sequence[int]) -> bool:
        free = [at for at in candidates if rooms[at] > 0]
        if not free:
            return False
        # The emptiest; the first of several.
        at = max(free, key=lambda each: rooms[each])
        rooms[at] -= 1
        placed[one] = at
        return True

    anywhere = sum(seat.is_usable for seat in seats)
    pinned = [one for one in rest if len(usable[one]) < anywhere]
    for one in pinned:
        stay = before.get(one)
        if not (stay in usable[one] and seats[stay].is_healthy and sit(one, [stay])):
            sit(one, [at for at in usable[one] if seats[at].is_healthy]) or sit(one, usable[one])
    for one in rest:
        stay = before.get(one)
        if one not in placed and stay in usable[one] and seats[stay].is_healthy:
            sit(one, [stay])
    for one in rest:
        if one not in placed:
            stay = before.get(one)
            (
                sit(one, [at for at in usable[one] if seats[at].is_healthy])
                or (stay in usable[one] and sit(one, [stay]))
                or sit(one, usable[one])
            )
    return Places(placed, [one for one in rest if one not in placed], refused, unsupported)


def _choices(registration: Registration, seats: Sequence[Seat]) -> list[int]:
    """The seats that could hold it if they had room, whatever their state."""
    offered = [at for at, seat in enumerate(seats) if is_offered(registration, seat.environment)]
    if not is_notice(registration.code):
        return offered
    own = [at for at in offered if seats[at].hts_id == registration.symbol]
    return own or offered
