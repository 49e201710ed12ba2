"""Which tickers a market lists, by the workers that can say it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from broker_client.errors import BrokerError, UnknownMethod, Unsupported, VendorNotConfigured
from broker_server.prices.candles.collector import CollectingStopped, Tasks
from broker_server.prices.tickers import with_etn_letter

MARKETS = {"kospi": "0", "kosdaq": "10"}
"""By Kiwoom's numbers of them (``mrkt_tp`` of ka10099, GetCodeListByMarket); both hold ETF and ETN too.
KOSCOM's table ``issues`` has the same names."""

LIST_SECONDS = 120.0

Names = dict[str, str | None]
_ABSENT = (UnknownMethod, Unsupported, VendorNotConfigured)


async def list_market(tasks: Tasks, market: str) -> Names:
    """The tickers of a market with their names, where they are told; KIS has no such list.

    KOSCOM is asked first, since its list has names and tells which issues are ETNs; then Kiwoom.

    Args:
        market: One of `MARKETS`.

    Raises:
        CollectingStopped: No worker can say it.
    """
    failed: BrokerError | None = None
    for ask in _LISTS:
        try:
            names = await ask(tasks, market)
        except _ABSENT:
            continue
        except BrokerError as error:
            failed = failed or error
            continue
        if names:
            return names
        raise CollectingStopped(f"--market: the worker's list of {market} is empty")
    if failed is not None:
        raise CollectingStopped(f"--market: {market} cannot be listed: {failed}")
    raise CollectingStopped(
        "--market: no worker here can list a market, which takes Kiwoom or KOSCOM (VENDORS=kiwoom); "
        "use --tickers or --watch-list"
    )


async def _of_koscom(tasks: Tasks, market: str) -> Names:
    parameters: dict[str, object] = {"table": "issues", "arguments": {"market": market}}
    answer = await tasks.send_parameters("koscom.query", parameters, timeout=LIST_SECONDS)
    found: Names = {}
    for table in answer.result:
        for row in table.get("rows", ()):
            code = _text(row.get("isuSrtCd"))
            if code is not None:
                found[with_etn_letter(code, _text(row.get("isuCd")))] = _text(row.get("isuKorAbbrv"))
    return found


async def _of_kiwoom(tasks: Tasks, market: str) -> Names:
    parameters: dict[str, object] = {"market": MARKETS[market]}
    answer = await tasks.send_parameters("get-stock-codes", parameters, timeout=LIST_SECONDS)
    return {code.strip(): None for code in answer.result if isinstance(code, str) and code.strip()}


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


_LISTS: tuple[Callable[[Tasks, str], Awaitable[Names]], ...] = (_of_koscom, _of_kiwoom)
