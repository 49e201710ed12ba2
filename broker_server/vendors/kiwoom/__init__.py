"""Kiwoom Securities: OpenAPI+ on a Windows host, or REST and WebSocket anywhere, behind one interface."""

from broker_server.vendors.kiwoom.config import KiwoomConfig
from broker_server.vendors.kiwoom.sapi_style import styles
from broker_server.vendors.kiwoom.vendor import KiwoomVendor, create, declared_methods

__all__ = ["KiwoomConfig", "KiwoomVendor", "create", "declared_methods", "styles"]
