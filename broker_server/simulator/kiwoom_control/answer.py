"""What an answer of a simulated TR is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.market import Market

VENDOR = "kiwoom"

Row = dict[str, str]
Inputs = Mapping[str, str]


class Refused(Exception):
    """The server refuses a query; the text is all that comes back. The texts are assumptions."""


@dataclass(slots=True)
class Answer:
    """What a TR answers, all pages of it.

    Attributes:
        single: The record with one row.
        rows: The record with many.
    """

    single: Row = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


MakeAnswer = Callable[[Inputs], Answer]


def instrument_of(market: Market, inputs: Inputs) -> Instrument:
    """What a query is about.

    Raises:
        Refused: Nobody knows it.
    """
    code = inputs.get("종목코드", "").strip()
    found = market.instruments.find(code) or market.instruments.find(f"Q{code}")
    if found is None:
        raise Refused("[571489] 종목코드를 확인하세요.")
    return found
