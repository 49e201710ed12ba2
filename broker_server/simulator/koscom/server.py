"""Wires the simulated KOSCOM from its parts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial

from broker_server.simulator.calls import CallCounts
from broker_server.simulator.faults import FaultBoard
from broker_server.simulator.koscom.calls import Service
from broker_server.simulator.koscom.gateway import KoscomGateway
from broker_server.simulator.koscom.keys import KeyStore
from broker_server.simulator.koscom.market_tables import MarketTables
from broker_server.simulator.koscom.other_tables import DerivativeTables, IndexTables
from broker_server.simulator.koscom.realtime.settings import KoscomStreamSettings
from broker_server.simulator.koscom.stock_tables import StockTables
from broker_server.simulator.market import Market


def make_services(market: Market, suffix: Callable[[], bool]) -> dict[str, Service]:
    """What answers each table, by its name."""
    stocks = StockTables(market, suffix)
    markets, indices = MarketTables(market, stocks), IndexTables(market)
    services: dict[str, Service] = {
        "issues": markets.issues,
        "master": stocks.master,
        "selective-master": stocks.chosen,
        "close-price": stocks.close,
        "price": stocks.price,
        "order-book": stocks.book,
        "intraday": stocks.intraday,
        "trade-ranking": stocks.ranking,
        "history": stocks.history,
        "foreign-history": stocks.foreigners,
        "short-selling": stocks.short_sales,
        "investors": stocks.investors,
        "market-investors": markets.investors,
        "market-index": markets.index,
        "etf-closing-nav": markets.closing_nav,
        "etf-basket": markets.basket,
        "etf-nav": markets.nav,
        "etf-nav-history": markets.nav_history,
        "holidays": markets.holidays,
        "market-prices": markets.prices,
        "market-ohlc": markets.ohlc,
        "market-after-hours-ohlc": markets.after_hours,
        "market-best-quotes": markets.best_quotes,
        "prices": partial(stocks.several, stocks.price_row),
        "order-books": partial(stocks.several, stocks.book_row),
        "index": indices.current,
        "index-expected": indices.current,
        "index-market-cap": indices.market_cap,
        "index-investors": indices.investors,
        "index-intraday": indices.intraday,
        "index-close": indices.close,
        "index-history": indices.history,
    }
    for kind in ("futures", "options"):
        tables = DerivativeTables(market, kind)
        services |= {
            f"{kind}-issues": tables.issues,
            f"{kind}-master": tables.master,
            f"{kind}-close-price": tables.close,
            f"{kind}-history": tables.history,
            f"{kind}-price": tables.price,
            f"{kind}-order-book": tables.book,
            f"{kind}-intraday": tables.intraday,
            f"{kind}-market-investors": tables.investors,
        }
    return services


def make_gateway(
    market: Market,
    keys: KeyStore,
    faults: FaultBoard,
    calls: CallCounts,
    settings: Callable[[], KoscomStreamSettings],
) -> KoscomGateway:
    """The simulated KOSCOM REST server."""
    services = make_services(market, lambda: settings().suffix)
    instance = uuid.uuid4().hex
    return KoscomGateway(market, keys, services, faults, calls, instance, lambda: settings().values)
