"""The arguments that stream methods of every vendor share."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from broker_server.core.methods import Parameters
from broker_server.vendors.parameters import QuoteVenue, Ticker


class StreamOptions(Parameters):
    """How the events of a subscription are sent.

    Attributes:
        raw: Events have the vendor's own fields as well.
        copies: Events come to the reply queue; else only the acknowledgement and what happens to the
            subscription, for programs that bind a queue to ``broker.realtime``.
        polling: While the live connection cannot serve it, the state is asked for from time to time.
        snapshot: The first event is the state as a query tells it.
    """

    raw: bool = False
    copies: bool = True
    polling: bool = True
    snapshot: bool = True


class TickerStream(StreamOptions):
    """A domestic stock.

    Attributes:
        ticker: Its KRX short code.
        venue: Where it is traded; ``UNIFIED`` is KRX and NXT together.
    """

    ticker: Ticker
    venue: QuoteVenue = "KRX"


class TickerStreamEnd(Parameters):
    """Which subscriptions of the task end; all of this kind where nothing is named.

    Attributes:
        ticker: The domestic stock.
        venue: As it was subscribed; KRX where a ticker stands alone.
    """

    ticker: Ticker | None = None
    venue: QuoteVenue | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.ticker is None and self.venue is not None:
            raise ValueError("venue says nothing without a ticker")
        return self
