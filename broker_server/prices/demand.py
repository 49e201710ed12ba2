"""What the faces ask of whoever fills the board."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from broker_server.prices.model import PriceKey

Interest = Literal["price", "orderbook"]


class Demand(Protocol):
    """Keeps what is wanted on the board."""

    def want(self, key: PriceKey, interest: Interest) -> Callable[[], None]:
        """Keep it live, as long as the call that is returned has not been made; counted, never raises.

        What becomes of it is told by `PriceBoard.standing`.
        """

    async def refresh(self, key: PriceKey, *, fresh: bool = False) -> None:
        """Have the board know a price, by REST or the last daily close if no stream has told one.

        Callers for the same key share one request. It returns when there is nothing more to wait for, also
        if nobody knows a price: `PriceBoard.standing` says why.

        Args:
            fresh: A stale price is not good enough: ask again.
        """
