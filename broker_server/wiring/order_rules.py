"""What the settings allow of orders."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from broker_client.protocol import Environment
from broker_server.account_settings import limits_of, served_accounts
from broker_server.market_sessions import load_market_sessions
from broker_server.orders.checks import OrderRules
from broker_server.orders.day_end import DayEnd
from broker_server.orders.session_rule import SessionCheckRule
from broker_server.settings import Settings

LEGACY_REFUSAL = (
    "LEGACY_QUEUES is on: its queues do not survive a restart of the broker, so this worker takes no orders; "
    "switch it off to place orders"
)


def order_rules(settings: Settings, environment: Environment) -> OrderRules:
    """What the settings allow of orders.

    Raises:
        SettingsError: The file of market sessions is wrong.
    """
    table = load_market_sessions(settings.market_sessions_file)
    return OrderRules(
        environment=environment,
        refused=LEGACY_REFUSAL if settings.legacy_queues else None,
        max_age=timedelta(seconds=settings.order_max_age),
        zone=ZoneInfo(settings.timezone),
        allow_live=settings.allow_live_orders,
        users=settings.order_users,
        limits=limits_of(settings),
        limits_of={
            each.key: limits_of(settings, each.table)
            for each in served_accounts(settings)
            if each.table is not None
        },
        session_rule=SessionCheckRule(
            table,
            settings.session_check,
            round_the_clock=environment == "simulated",
        ),
        day_over=DayEnd(table, round_the_clock=environment == "simulated"),
    )
