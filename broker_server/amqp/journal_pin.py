"""Which journal an account's orders are recorded in, as it is pinned at the broker: the rule.

A worker with another journal knows nothing of the orders that were sent already, so it takes none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

ADOPTION = timedelta(days=1)
"""So long after a pin was replaced by hand the journal knows only a part of the vendor's day."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What is pinned.

    Attributes:
        journal: The journal's id.
        account: Names the brokerage account without showing its number.
        adopted_at: When it replaced the pin of another journal of the same account.
    """

    journal: str
    account: str
    adopted_at: datetime | None = None

    def to_json(self) -> bytes:
        """The message's body."""
        body = {"journal": self.journal, "account": self.account}
        if self.adopted_at is not None:
            body["adopted_at"] = self.adopted_at.isoformat()
        return orjson.dumps(body)

    @classmethod
    def from_json(cls, body: bytes) -> Pin | None:
        """Read a message; ``None`` when it is none of ours."""
        try:
            values = orjson.loads(body)
            adopted = values.get("adopted_at")
            moment = None if adopted is None else datetime.fromisoformat(adopted)
            journal, account = values["journal"], values["account"]
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        return cls(str(journal), str(account), moment)


@dataclass(frozen=True, slots=True)
class PinDecision:
    """What becomes of the pins that were found.

    Attributes:
        keep: The messages that the queue shall hold.
        foreign: Another journal was pinned for the same account.
        adopted_at: When this journal replaced another, lately or now.
        moved: The alias was another account's, whose orders are not settled: nothing was replaced.
    """

    keep: list[bytes]
    foreign: bool
    adopted_at: datetime | None
    moved: bool = False


def decide(
    found: Sequence[bytes], mine: Pin, *, adopt: bool, now: datetime, pending: bool = False
) -> PinDecision:
    """Compare what is pinned with this worker's journal.

    More than one message is what a crash between publishing a copy and taking the original leaves. Of two
    journals the foreign one counts then: refusing orders is the safe side.

    Args:
        found: The messages of the queue.
        mine: This worker's journal.
        adopt: Replace the pin of another journal.
        now: Noted in a pin that does.
        pending: Orders on record under this alias are of unknown outcome.
    """
    pins = [(body, Pin.from_json(body)) for body in found]
    if pending and any(pin is not None and pin.account != mine.account for _, pin in pins):
        return PinDecision(list(dict.fromkeys(found)), foreign=False, adopted_at=None, moved=True)
    of_account = [(body, pin) for body, pin in pins if pin is None or pin.account == mine.account]
    foreign = [body for body, pin in of_account if pin is None or pin.journal != mine.journal]
    if foreign and not adopt:
        return PinDecision(list(dict.fromkeys(body for body, _ in of_account)), foreign=True, adopted_at=None)
    adoptions = [pin.adopted_at for _, pin in of_account if pin is not None and pin.journal == mine.journal]
    adopted_at = now if foreign else max((each for each in adoptions if each is not None), default=None)
    return PinDecision(
        [Pin(mine.journal, mine.account, adopted_at).to_json()], foreign=bool(foreign), adopted_at=adopted_at
    )


def moved_alias(vendor: str, account: str) -> str:
    """Why a worker takes no orders for an alias that meant another account before."""
    return (
        f"{vendor}/{account} was the alias of another account, and the outcome of orders of that one is not "
        f"known: this account cannot tell it. Give it another alias, or the other account its alias back "
        f"until they are settled"
    )


def foreign_journal(vendor: str, account: str) -> str:
    """Why a worker with another journal takes no orders."""
    return (
        f"this worker's journal is not the one that the orders of {vendor}/{account} are recorded in, so it "
        f"takes no orders for it; use the same JOURNAL_URL, or start once with --adopt-journal after the "
        f"last worker with the other journal has stopped for good"
    )
