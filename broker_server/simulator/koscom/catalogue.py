"""Finds what a short code stands for."""

from __future__ import annotations

from broker_server.simulator.koscom.derivatives import find_derivative
from broker_server.simulator.koscom.indices import find_index
from broker_server.simulator.koscom.products import Product
from broker_server.simulator.koscom.stocks import Stock, find_stock
from broker_server.simulator.market import Market


def find_product(market: Market, code: str) -> Product | None:
    """The product of a short code; None for an unknown one."""
    instrument = find_stock(market, code)
    if instrument is not None:
        return Stock(market, instrument)
    return find_index(market, code) or find_derivative(market, code)
