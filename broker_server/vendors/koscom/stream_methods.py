"""The declared stream methods of KOSCOM, each with the one that ends it."""

from __future__ import annotations

from typing import Any

from broker_client.errors import InvalidParameters, Unsupported
from broker_server.core.methods import Method
from broker_server.core.stream_requests import Registration, StreamRequest, Wanted
from broker_server.vendors.koscom.config import KoscomConfig
from broker_server.vendors.koscom.errors import VENDOR
from broker_server.vendors.koscom.presets import CHANGE, MARKET, MARKET_PATHS, change_of
from broker_server.vendors.koscom.stream_parameters import (
    MarketStream,
    MarketStreamEnd,
    PresetStream,
    PresetStreamEnd,
)
from broker_server.vendors.koscom.streams import no_address
from broker_server.vendors.stream_pairs import ended, stream_pair, subscribed

_ISSUES, _MARKETS = "koscom.issue", "koscom.market"
_DERIVATIVES = ("futures", "options", "derivatives")


class StreamMethods:
    """Declares the methods; the stream desk serves them.

    Args:
        config: Whether there is an address of live data; ``None`` for the catalogue of the methods.
    """

    def __init__(self, config: KoscomConfig | None) -> None:
        self._has_address = config is None or config.live_url is not None

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            *stream_pair(
                VENDOR,
                ("koscom.subscribe", "koscom.unsubscribe"),
                "an issue, as one of KOSCOM's presets has it",
                reference="subscribe",
                example={"preset": "tick10", "ticker": "005930"},
                start=(PresetStream, self._of_issue),
                end=(PresetStreamEnd, _end_of_issue),
            ),
            *stream_pair(
                VENDOR,
                ("koscom.subscribe-market", "koscom.unsubscribe-market"),
                "the trades of every issue of a market, on the exchange broker.realtime",
                reference=" ".join(MARKET_PATHS.values()),
                example={"market": "kospi"},
                start=(MarketStream, self._of_market),
                end=(MarketStreamEnd, _end_of_market),
            ),
        ]

    def _of_issue(self, parameters: PresetStream) -> StreamRequest:
        self._ensure_address()
        return subscribed(
            _ISSUES, _issue(parameters.preset, parameters.ticker, parameters.chosen), parameters
        )

    def _of_market(self, parameters: MarketStream) -> StreamRequest:
        self._ensure_address()
        return StreamRequest(
            action="subscribe",
            family=_MARKETS,
            wanted=(_market(parameters.market),),
            copies=False,
            polling=False,
            snapshot=False,
        )

    def _ensure_address(self) -> None:
        if not self._has_address:
            raise no_address()


def _end_of_issue(parameters: PresetStreamEnd) -> StreamRequest:
    if parameters.preset is None or parameters.ticker is None:
        return ended(_ISSUES)
    return ended(_ISSUES, _issue(parameters.preset, parameters.ticker, parameters.chosen))


def _end_of_market(parameters: MarketStreamEnd) -> StreamRequest:
    return ended(_MARKETS) if parameters.market is None else ended(_MARKETS, _market(parameters.market))


def _issue(preset: str, ticker: str, items: tuple[str, ...]) -> Wanted:
    registration = change_of(ticker, items) if preset == CHANGE else Registration(preset, ticker)
    return Wanted(registration=registration, ticker=ticker)


def _market(market: str) -> Wanted:
    name = market.lower()
    if name in _DERIVATIVES:
        raise Unsupported(
            f"market: KOSCOM's documents promise a feed of all {name} and give no address for it; subscribe "
            "to single contracts with koscom.subscribe",
            vendor=VENDOR,
        )
    if name not in MARKET_PATHS:
        raise InvalidParameters(f"market: must be one of {', '.join(MARKET_PATHS)}", vendor=VENDOR)
    return Wanted(registration=Registration(MARKET, name))
