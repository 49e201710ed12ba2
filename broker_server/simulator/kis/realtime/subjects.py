"""What a ``tr_key`` names, TR by TR."""

from __future__ import annotations

import re
from dataclasses import dataclass

from broker_server.simulator.kis.overseas_quotes import EXCHANGES
from broker_server.simulator.kis.realtime.messages import StreamRefusal
from broker_server.simulator.kis.realtime.sources import ArtificialSource, OverseasSource
from broker_server.simulator.kis.realtime.tables import RealtimeTr, artificial_products, facts
from broker_server.simulator.market import Market
from broker_server.simulator.stream_sources import DomesticSource, IndexSource, Source

_OVERSEAS = re.compile(r"([DR])([A-Z]{3})([0-9A-Z./]{1,16})")
_DAY_MARKET = ("BAQ", "BAY", "BAA")
_UNITED_STATES = ("NAS", "NYS", "AMS")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is registered.

    Attributes:
        symbol: Without prefixes; of a notice, the HTS ID.
        source: Its prices; None of a notice.
    """

    tr: RealtimeTr
    key: str
    symbol: str
    source: Source | None


class Subjects:
    """Finds what a key names.

    Args:
        market: The simulated market.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def find(self, tr: RealtimeTr, key: str, *, entitled: bool) -> Subject:
        """The subject of a registration other than a notice.

        Args:
            tr: The TR.
            key: ``tr_key``.
            entitled: Paid quotes have been subscribed to.

        Raises:
            StreamRefusal: No such form or symbol (``OPSP8992``), or it is paid for (``OPSP0009``).
        """
        market = self._market
        if tr.source in ("domestic", "etf"):
            instrument = market.instruments.find(key)
            if instrument is None or (tr.venue == "NXT" and not instrument.nxt):
                raise StreamRefusal("OPSP8992")
            if tr.source == "etf" and instrument.kind not in ("etf", "etn"):
                raise StreamRefusal("OPSP8992")
            return Subject(tr, key, key, DomesticSource(market, instrument, tr.venue))
        if tr.source == "index":
            if key not in facts()["indices"]:
                raise StreamRefusal("OPSP8992")
            return Subject(tr, key, key, IndexSource(market, key, *facts()["indices"][key]))
        if tr.source in ("overseas", "overseas_delayed"):
            return self._overseas(tr, key, entitled=entitled)
        product = artificial_products()[tr.source]
        if not re.fullmatch(product.pattern, key):
            raise StreamRefusal("OPSP8992")
        if product.paid and not entitled:
            raise StreamRefusal("OPSP0009")
        return Subject(tr, key, key, ArtificialSource(market, product, key))

    def _overseas(self, tr: RealtimeTr, key: str, *, entitled: bool) -> Subject:
        """D keys are free, R keys paid, but for those of the US day market."""
        match = _OVERSEAS.fullmatch(key)
        if match is None:
            raise StreamRefusal("OPSP8992")
        prefix, exchange, symbol = match.groups()
        day_market = exchange in _DAY_MARKET
        in_asia = exchange not in _UNITED_STATES and not day_market
        offered = (
            not day_market or prefix == "R",
            tr.source != "overseas_delayed" or (in_asia and prefix == "D"),
            tr.tr_id != "HDFSASP0" or (prefix == "R") == (in_asia or day_market),
        )
        instrument = self._market.instruments.find(symbol, EXCHANGES.get(exchange, ""))
        if instrument is None or not all(offered):
            raise StreamRefusal("OPSP8992")
        if prefix == "R" and not day_market and not entitled:
            raise StreamRefusal("OPSP0009")
        source = OverseasSource(self._market, instrument, key, day_market=day_market)
        return Subject(tr, key, symbol, source)
