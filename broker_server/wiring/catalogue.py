"""Every method of this version, for listings."""

from __future__ import annotations

from pydantic import SecretStr
from sqlalchemy import create_engine

from broker_server.amqp.control import ControlBus
from broker_server.amqp.neighbours import Neighbours
from broker_server.core.methods import MethodRegistry
from broker_server.journal.orders import OrderJournal
from broker_server.orders.admin import OrderAdmin
from broker_server.settings import data_folder
from broker_server.streams.admin import subscription_methods
from broker_server.vendors import kis, kiwoom, koscom
from broker_server.wiring.clock import utc_now
from broker_server.wiring.worker_methods import NoCounts, worker_methods


def catalogue() -> MethodRegistry:
    """Every method of this version, for listings; nothing is connected."""
    config = kis.KisConfig(
        environment="real",
        simulated=False,
        app_key=SecretStr("none"),
        app_secret=SecretStr("none"),
        account=None,
        cache_folder=data_folder() / "kis",
    )
    of_kis = kis.create(config).methods()
    registry = MethodRegistry(method for method in of_kis if "." in method.name)
    engine = create_engine("sqlite://")
    for method in (
        *kiwoom.declared_methods(),
        *koscom.declared_methods(),
        *OrderAdmin(OrderJournal(engine, "simulated"), None, registry, {}, None).methods(),
        *subscription_methods(None),
        *worker_methods(
            name="",
            environment="simulated",
            registry=registry,
            vendors=(),
            engine=engine,
            source=NoCounts(),
            bus=ControlBus("", "simulated"),
            neighbours=Neighbours(),
            announce=lambda key, body: None,
            clock=utc_now,
        ),
    ):
        registry.add(method)
    return registry
