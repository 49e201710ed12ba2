"""Between one worker and the brokerage: what that very worker sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.support.brokerage import ORDER_PATH, Brokerage
from tests.support.tcp_proxy import TcpProxy

_ORDER = f"POST {ORDER_PATH} ".encode()


class Wiretap(TcpProxy):
    """Counts the order requests that go through.

    Args:
        brokerage: Where they go.

    Attributes:
        orders: How many went through so far.
    """

    def __init__(self, brokerage: Brokerage) -> None:
        self.orders = 0
        target = urlsplit(brokerage.simulator.kis_rest_url)
        assert target.hostname is not None
        assert target.port is not None
        super().__init__(target.hostname, target.port)

    @property
    def settings(self) -> dict[str, str]:
        """What leads a worker through it."""
        return {"KIS_REST_URL": f"http://127.0.0.1:{self.port}"}

    def _note(self, data: bytes) -> None:
        self.orders += data.count(_ORDER)
