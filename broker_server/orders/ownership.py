"""Who may send an account's orders, as the order desk needs to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Grant:
    """A lease that this worker holds.

    Attributes:
        epoch: Of the lease; a record of an older one cannot be sent any more. 0 while there is none.
        fresh: The broker answered on the lease's connection within the last heartbeat interval. While it did
            not, somebody else may hold the lease already.
        orders_from: Monotonic seconds before which no order may leave: an owner before this one may still be
            sending until then.
        refused: Why this worker takes no orders for the account although it owns it, or ``None``.
    """

    epoch: int
    fresh: bool
    orders_from: float
    refused: str | None = None

    @property
    def unrecorded(self) -> bool:
        """Whether the journal could not give an epoch: nothing can be recorded under this lease yet."""
        return self.epoch == 0 and self.refused is not None


class Ownership(Protocol):
    """The leases of this worker. Safe to use from any thread; returns at once."""

    def grant(self, vendor: str, account: str) -> Grant | None:
        """The lease of an account, or ``None`` when this worker does not hold it."""

    def adopted(self, vendor: str, account: str) -> bool:
        """Whether this journal took the place of another, which knew orders that it does not know."""
