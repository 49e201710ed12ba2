"""What is known of a lease from the moment it is taken until it is lost."""

from __future__ import annotations

from dataclasses import dataclass

from broker_server.orders.ownership import Grant


@dataclass(frozen=True, slots=True)
class Standing:
    """How its account stands.

    Attributes:
        epoch: 0 while the journal has not given one.
        orders_from: Monotonic seconds before which no order may leave.
        refused: Why no orders are taken.
        final: Nothing of this changes any more.
        adopted: This journal took the place of another lately.
    """

    epoch: int
    orders_from: float
    refused: str | None
    final: bool
    adopted: bool = False


class Tenure:
    """One holding of a lease; written on the leases' thread, read on any.

    Args:
        answered: When the last probe that the broker answered was sent.
        held_at: When the lease was got, as ``Grant.orders_from`` counts.

    Attributes:
        standing: What is known of the account; ``None`` when nothing is yet.
    """

    def __init__(self, answered: float, held_at: float) -> None:
        self.answered = answered
        self.held_at = held_at
        self.standing: Standing | None = None

    def grant(self, now: float, heartbeat: float) -> Grant | None:
        """What the account's holder may do at that moment; ``None`` when nothing is known of it yet."""
        standing = self.standing
        if standing is None:
            return None
        fresh = now - self.answered < heartbeat
        return Grant(standing.epoch, fresh, standing.orders_from, standing.refused)

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to find out about the account."""
        return self.standing is not None and self.standing.final

    @property
    def lacks_pin(self) -> bool:
        """Whether there is an epoch, and the pin could not be compared yet."""
        standing = self.standing
        return (
            standing is not None
            and standing.epoch > 0
            and standing.refused is not None
            and not standing.final
        )
