"""Which tickers a market lists, by the workers that can say it."""

from __future__ import annotations

from broker_client.errors import BrokerError, UnknownMethod, VendorNotConfigured
from broker_server.prices.candles.collector import CollectingStopped, Tasks

MARKETS = {"kospi": "0", "kosdaq": "10"}
"""By Kiwoom's numbers of them (``mrkt_tp`` of ka10099, GetCodeListByMarket); both hold ETF and ETN too."""

LIST_SECONDS = 120.0
METHOD = "get-stock-codes"


async def list_market(tasks: Tasks, market: str) -> list[str]:
    """The tickers of a market; KIS has no such list, Kiwoom has.

    Args:
        market: One of `MARKETS`.

    Raises:
        CollectingStopped: No worker can say it.
    """
    try:
        answer = await tasks.send_parameters(METHOD, {"market": MARKETS[market]}, timeout=LIST_SECONDS)
    except (UnknownMethod, VendorNotConfigured):
        raise CollectingStopped(
            "--market: no worker here can list a market, which takes Kiwoom (VENDORS=kiwoom); "
            "use --tickers or --watch-list"
        ) from None
    except BrokerError as error:
        raise CollectingStopped(f"--market: {market} cannot be listed: {error}") from None
    codes = [code.strip() for code in answer.result if isinstance(code, str) and code.strip()]
    if not codes:
        raise CollectingStopped(f"--market: the worker's list of {market} is empty")
    return codes
