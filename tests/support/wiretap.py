"""Between one worker and the brokerage: what that very worker sent, in order."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tests.support.brokerage import BUY, SELL, Brokerage
from tests.support.tcp_proxy import TcpProxy

_TR_ID = re.compile(rb"\r\ntr_id: *(\w+)\r\n", re.IGNORECASE)


class Wiretap(TcpProxy):
    """Writes down the TR id of every request that goes through.

    Args:
        brokerage: Where they go.

    Attributes:
        seen: The TR ids so far.
    """

    def __init__(self, brokerage: Brokerage) -> None:
        self.seen: list[str] = []
        target = urlsplit(brokerage.simulator.kis_rest_url)
        assert target.hostname is not None
        assert target.port is not None
        super().__init__(target.hostname, target.port)

    @property
    def settings(self) -> dict[str, str]:
        """What leads a worker through it."""
        return {"KIS_REST_URL": f"http://127.0.0.1:{self.port}"}

    @property
    def orders(self) -> int:
        """How many new orders went through so far."""
        return self.count(BUY) + self.count(SELL)

    def count(self, tr: str) -> int:
        """How many requests of that kind went through so far."""
        return self.seen.count(tr)

    def count_before_orders(self, tr: str) -> int:
        """How many of them went through before the last new order."""
        seen = list(self.seen)
        last = max(position for position, each in enumerate(seen) if each in (BUY, SELL))
        return seen[:last].count(tr)

    def _note(self, data: bytes) -> None:
        if data.startswith(b"HTTP/"):
            return  # an answer repeats the TR id of its request
        self.seen += [each.decode() for each in _TR_ID.findall(data)]
