"""Wires the simulated KIS from its parts."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from broker_server.simulator.calls import CallCounts
from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.faults import FaultBoard
from broker_server.simulator.kis.domestic_accounts import DomesticAccounts
from broker_server.simulator.kis.domestic_charts import DomesticCharts
from broker_server.simulator.kis.domestic_orders import DomesticOrders
from broker_server.simulator.kis.domestic_quotes import DomesticQuotes
from broker_server.simulator.kis.gateway import KisGateway, Service
from broker_server.simulator.kis.keys import Credentials, KeyStore, make_credentials
from broker_server.simulator.kis.overseas_accounts import OverseasAccounts
from broker_server.simulator.kis.overseas_orders import OverseasOrders
from broker_server.simulator.kis.overseas_quotes import OverseasQuotes
from broker_server.simulator.kis.reference import Reference
from broker_server.simulator.matching import Exchange


def make_services(exchange: Exchange) -> dict[str, Service]:
    """The handler of every operation, by the operation's name."""
    market = exchange.market
    quotes, charts, reference = DomesticQuotes(market), DomesticCharts(market), Reference(market)
    orders, accounts = DomesticOrders(exchange), DomesticAccounts(exchange)
    overseas_quotes = OverseasQuotes(market)
    overseas_orders, overseas_accounts = OverseasOrders(exchange), OverseasAccounts(exchange)
    return {
        "inquire_price": quotes.current_price,
        "inquire_asking_price_exp_ccn": quotes.order_book,
        "intstock_multprice": quotes.many_prices,
        "inquire_daily_itemchartprice": charts.daily,
        "inquire_time_itemchartprice": charts.today,
        "inquire_time_dailychartprice": charts.past,
        "chk_holiday": reference.holidays,
        "search_stock_info": reference.stock,
        "search_info": reference.product,
        "order_cash": orders.place,
        "order_rvsecncl": orders.change,
        "inquire_balance": accounts.balance,
        "inquire_psbl_order": accounts.buyable,
        "inquire_psbl_sell": accounts.sellable,
        "inquire_daily_ccld": accounts.executions,
        "inquire_psbl_rvsecncl": accounts.open_orders,
        "overseas_price": overseas_quotes.price,
        "overseas_price_detail": overseas_quotes.detail,
        "overseas_inquire_asking_price": overseas_quotes.order_book,
        "overseas_dailyprice": overseas_quotes.daily,
        "overseas_inquire_time_itemchartprice": overseas_quotes.minutes,
        "overseas_order": overseas_orders.place,
        "overseas_order_rvsecncl": overseas_orders.change,
        "overseas_inquire_balance": overseas_accounts.balance,
        "overseas_inquire_nccs": overseas_accounts.open_orders,
        "overseas_inquire_ccnl": overseas_accounts.executions,
        "overseas_inquire_psamount": overseas_accounts.buyable,
        "overseas_inquire_present_balance": overseas_accounts.present_balance,
    }


def make_gateway(
    clock: SimulatedClock,
    exchange: Exchange,
    faults: FaultBoard,
    calls: CallCounts,
    *,
    seed: int = 0,
    monotonic: Callable[[], float] = time.monotonic,
) -> tuple[KisGateway, dict[str, Credentials], KeyStore]:
    """The simulated KIS REST server, the keys it publishes, and all that it knows."""
    credentials = make_credentials(seed)
    instance = uuid.uuid4().hex
    keys = KeyStore(clock, credentials, seed, instance)
    gateway = KisGateway(clock, keys, make_services(exchange), faults, calls, monotonic, instance)
    return gateway, credentials, keys
