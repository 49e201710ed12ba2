"""What a subscription task asks for, in the words of its vendor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Registration(NamedTuple):
    """One thing that a vendor sends live, in the vendor's own words; it takes one of the vendor's slots.

    Attributes:
        code: What is sent: a TR id of KIS such as ``H0STCNT0``.
        symbol: Of what: ``005930``, ``DNASAAPL``, an index code; for notices the HTS ID, which is personal.
    """

    code: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one subscription task asks for.

    Attributes:
        registration: In the vendor's words.
        ticker: As the client writes it, for acknowledgements and listings; ``None`` for executions.
    """

    registration: Registration
    ticker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """A subscribe or unsubscribe task, understood by its vendor's adapter.

    Attributes:
        action: Which of the two.
        family: The methods' name without the verb: ``kis.realtime-price``; of a method without a vendor's
            name its noun alone. An unsubscribe task ends only subscriptions of its own family.
        wanted: What is subscribed; of an unsubscribe task what ends, where nothing is named everything of the
            family.
        raw: Events have the vendor's own ``fields`` in addition to the common model.
        vendor_form: Events are the vendor's own, not the common model.
        copies: Whether the task's reply queue gets its own copy of each event; else only the acknowledgement
            and status messages, for consumers that bind a queue to ``broker.realtime``.
        polling: Whether REST may stand in while the live connection cannot serve it.
        snapshot: Whether the first event is the state by REST.
    """

    action: Literal["subscribe", "unsubscribe"]
    family: str
    wanted: tuple[Wanted, ...] = ()
    raw: bool = False
    vendor_form: bool = False
    copies: bool = True
    polling: bool = True
    snapshot: bool = True
