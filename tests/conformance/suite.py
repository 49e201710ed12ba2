"""All cards in one base class: what a backend has to inherit from."""

from __future__ import annotations

from tests.conformance.life_cards import LifeCards
from tests.conformance.order_cards import OrderCards
from tests.conformance.quote_cards import QuoteCards
from tests.conformance.stream_cards import StreamCards


class AdapterConformance(QuoteCards, OrderCards, StreamCards, LifeCards):
    """Every card; a subclass named ``Test…`` runs them on its backend."""
