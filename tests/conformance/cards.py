"""The cards of adapter conformance: what every backend owes, whichever brokerage is behind it.

A test that proves a card is marked with `card`. What a backend cannot have it declares with a reason
(`Backend.not_offered`); what another test of the tree proves for it, with that test's node id
(`Backend.proofs`). ``docs/conformance.md`` is made from a run.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Card:
    """One demand.

    Attributes:
        id: A letter for its kind, and a number.
        demand: What a backend does, in one line.
    """

    id: str
    demand: str


KINDS = {
    "Q": "Quotes and reads",
    "O": "Orders",
    "T": "Keys and tokens",
    "S": "Live data",
    "L": "Life of a worker",
    "X": "Secrecy",
}

_DEMANDS = {
    "Q1": "A price has typed fields: won as integers, percent as a number, its venue KRX.",
    "Q2": "An order book has ten levels a side, best first, bids below asks, integers only.",
    "Q3": "Daily candles over several pages come whole: oldest first, no day twice, `complete` told.",
    "Q4": "Every reply says `environment`, and a task that expects another one is refused.",
    "Q5": "An unknown ticker is `INVALID_PARAMETERS` in every read of it, never an empty answer.",
    "Q6": "A wrong parameter is refused by its name before anything is sent to the vendor.",
    "Q7": "The vendor's own code and text are in the error, untouched.",
    "Q8": "A read whose answer is lost is sent again.",
    "Q9": "An answer that cannot be read is an error, never an empty result.",
    "Q10": "A read that hangs at the vendor holds up no other, and is answered too.",
    "Q11": "A burst of reads stays inside the vendor's published limit: the vendor refuses none.",
    "Q12": "A refusal for too many calls is waited out or told as `RATE_LIMITED`, never an empty result.",
    "O1": "An accepted order has the vendor's order number in its result and its steps in the journal.",
    "O2": "When an order is seen at the vendor, which has not answered yet, the journal has it already.",
    "O3": "An order whose answer is lost is `ORDER_OUTCOME_UNKNOWN`, then found in the vendor's list; "
    "it is sent once.",
    "O4": "An order that was lost on its way is settled as not sent, by the vendor's list; it is tried once.",
    "O5": "A refusal by the vendor is `VENDOR_REJECTED` with the vendor's own words, and final.",
    "O6": "A refusal before the order was taken is repeated by the worker, and the order is booked once.",
    "O7": "The same `task_id` again gets the recorded answer; another order under it is a conflict.",
    "O8": "A forgotten price is refused; a market order must say so.",
    "O9": "A guard refuses before anything leaves, and the refusal is recorded.",
    "O10": "A stale order is `TASK_EXPIRED` and never leaves.",
    "O11": "A changed order has a number of its own; a cancelled one is cancelled at the vendor; "
    "cancelling again says `already_done`.",
    "O12": "While orders are halted a new one is refused and a cancel goes through.",
    "O13": "An order does not wait behind reads that hang.",
    "O14": "Without an account, reads of it and orders say which setting is missing.",
    "O15": "A market order is filled, and every fill is told once.",
    "T1": "A token that ended early is renewed once for all tasks, not by each of them.",
    "T2": "A wrong key is `AUTHENTICATION_FAILED`, and the vendor is not asked over and over.",
    "S1": "A subscription is acknowledged, then the state, then updates in one unbroken sequence.",
    "S2": "Ten subscriptions to one instrument are one registration, until the last one ends.",
    "S3": "Unsubscribing ends it, for the client and at the vendor.",
    "S4": "Over the vendor's limit without polling: `SUBSCRIPTION_LIMIT` with the number.",
    "S5": "Over the limit with polling: polled, and live again when a place is free.",
    "S6": "After a broken connection all registrations are back, and the gap can be seen.",
    "S7": "An instrument that falls silent is told as `stale` and healed; the others go on.",
    "S8": "A subscription outlives its worker: a new epoch, one acknowledgement in all.",
    "S9": "All subscriptions of a key share one session.",
    "S10": "Broken and unknown frames are counted and harm nothing else.",
    "L1": "A worker that is told to end finishes what is under way, answers it, and ends with 0.",
    "L2": "A vendor that cannot be reached is `VENDOR_UNAVAILABLE`; making the adapter does not fail.",
    "L3": "A closed adapter leaves no thread behind.",
    "X1": "Neither log nor errors hold a key, a token or an account number.",
}
CARDS = tuple(Card(id, demand) for id, demand in _DEMANDS.items())


def card(*ids: str) -> pytest.MarkDecorator:
    """Marks a test as the proof of these cards."""
    assert set(ids) <= _DEMANDS.keys(), ids
    return pytest.mark.card(*ids)
