"""Topics: ``price:005930``, ``orderbook:005930``, ``trade:005930``; another venue behind the ticker."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from broker_server.prices.model import DEFAULT_VENUE, PriceKey

_TOPIC = re.compile(r"(price|orderbook|trade):([0-9A-Z]{6,9})(?:\.(KRX|NXT|UNIFIED))?")


class TopicError(ValueError):
    """It names no topic; the message says what one looks like."""


class Kind(StrEnum):
    """What a topic carries."""

    PRICE = "price"
    ORDERBOOK = "orderbook"
    TRADE = "trade"


class Topic(NamedTuple):
    """What a client subscribes to.

    Attributes:
        kind: What it carries.
        key: Of which instrument.
    """

    kind: Kind
    key: PriceKey

    @property
    def text(self) -> str:
        """As messages write it."""
        return f"{self.kind}:{self.key.subject}"


def read_topic(text: object) -> Topic:
    """Understand a topic.

    Raises:
        TopicError: It is none.
    """
    found = _TOPIC.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise TopicError(
            "a topic is price:TICKER, orderbook:TICKER or trade:TICKER, such as price:005930; "
            "another venue goes behind the ticker: price:005930.NXT"
        )
    kind, ticker, venue = found.groups()
    return Topic(Kind(kind), PriceKey(ticker, venue or DEFAULT_VENUE))
