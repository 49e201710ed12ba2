"""KOSCOM: market data from the exchange's own source, by REST and WebSocket."""

from broker_server.vendors.koscom.config import KoscomConfig
from broker_server.vendors.koscom.vendor import KoscomVendor, create, declared_methods

__all__ = ["KoscomConfig", "KoscomVendor", "create", "declared_methods"]
