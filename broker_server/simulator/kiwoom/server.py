"""Wires the simulated Kiwoom from its parts."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from broker_server.simulator.calls import CallCounts
from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.faults import FaultBoard
from broker_server.simulator.kiwoom.accounts import Accounts
from broker_server.simulator.kiwoom.calls import Service
from broker_server.simulator.kiwoom.charts import Charts
from broker_server.simulator.kiwoom.gateway import KiwoomGateway
from broker_server.simulator.kiwoom.keys import Credentials, KeyStore, make_credentials
from broker_server.simulator.kiwoom.listings import Listings
from broker_server.simulator.kiwoom.order_queries import OrderQueries
from broker_server.simulator.kiwoom.orders import Orders
from broker_server.simulator.kiwoom.quotes import Quotes, Trades
from broker_server.simulator.kiwoom.tables import Environment
from broker_server.simulator.matching import Exchange


def make_services(exchange: Exchange) -> dict[str, Service]:
    """The handler of every TR of REST, by its id; those of condition search are the WebSocket's."""
    market = exchange.market
    quotes, trades, charts, listings = Quotes(market), Trades(market), Charts(market), Listings(market)
    orders, order_queries, accounts = Orders(exchange), OrderQueries(exchange), Accounts(exchange)
    return {
        "ka00001": accounts.number,
        "ka10001": quotes.flat,
        "ka10003": trades.last,
        "ka10004": quotes.order_book,
        "ka10005": charts.history,
        "ka10007": quotes.flat,
        "ka10014": charts.short_sales,
        "ka10017": quotes.limits,
        "ka10030": quotes.volume_rank,
        "ka10075": order_queries.open_orders,
        "ka10076": order_queries.executions,
        "ka10079": charts.ticks,
        "ka10080": charts.minutes,
        "ka10081": charts.days,
        "ka10082": charts.days,
        "ka10083": charts.days,
        "ka10084": trades.last,
        "ka10085": accounts.returns,
        "ka10086": charts.history,
        "ka10087": quotes.after_hours,
        "ka10094": charts.days,
        "ka10095": quotes.many,
        "ka10099": listings.instruments,
        "ka10100": listings.instrument,
        "ka10101": listings.sectors,
        "kt00001": accounts.deposit,
        "kt00004": accounts.evaluation,
        "kt00005": accounts.executed,
        "kt00007": order_queries.history,
        "kt00009": order_queries.status,
        "kt00010": accounts.orderable,
        "kt00018": accounts.balance,
        "kt10000": orders.buy,
        "kt10001": orders.sell,
        "kt10002": orders.modify,
        "kt10003": orders.cancel,
        "kt10006": orders.credit,
        "kt10007": orders.credit,
        "kt10008": orders.credit,
        "kt10009": orders.credit,
    }


def make_gateway(
    clock: SimulatedClock,
    exchange: Exchange,
    faults: FaultBoard,
    calls: CallCounts,
    *,
    seed: int = 0,
    monotonic: Callable[[], float] = time.monotonic,
) -> tuple[KiwoomGateway, dict[Environment, Credentials], KeyStore]:
    """The simulated Kiwoom REST server, the keys it publishes, and all that it knows."""
    credentials = make_credentials(seed)
    instance = uuid.uuid4().hex
    keys = KeyStore(clock, credentials, seed, instance)
    gateway = KiwoomGateway(clock, keys, make_services(exchange), faults, calls, instance, monotonic)
    return gateway, credentials, keys
