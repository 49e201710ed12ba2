"""Korea Investment & Securities (KIS) Open API."""

from broker_server.vendors.kis.api_orders import check_unreconciled
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.vendor import KisVendor, create

__all__ = ["KisConfig", "KisVendor", "check_unreconciled", "create"]
