"""Which session of a pool holds which subscription: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker_server.core.stream_requests import Registration


def place(
    wanted: Sequence[Registration],
    before: Mapping[Registration, int],
    *,
    capacity: int,
    healthy: Sequence[bool],
) -> dict[Registration, int]:
    """Find a session for each; those without one are what there is no room for.

    What is held stays where it is while its session connects; the rest goes to the emptiest that does, the
    most important first, and to the others when those are full.

    Args:
        wanted: The most important first.
        before: Where they are now.
        capacity: Of each session.
        healthy: Whether each session connects.
    """
    rooms = [capacity] * len(healthy)
    placed: dict[Registration, int] = {}

    def sit(one: Registration, choices: Sequence[int]) -> bool:
        free = [at for at in choices if rooms[at] > 0]
        if free:
            at = max(free, key=lambda each: rooms[each])
            rooms[at] -= 1
            placed[one] = at
        return bool(free)

    everywhere = range(len(healthy))
    well = [at for at in everywhere if healthy[at]]
    for one in wanted:
        stay = before.get(one)
        if stay is not None and healthy[stay]:
            sit(one, [stay])
    for one in wanted:
        if one not in placed:
            stay = before.get(one)
            sit(one, well) or (stay is not None and sit(one, [stay])) or sit(one, everywhere)
    return placed
