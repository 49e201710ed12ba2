"""Tickers as people write them: on the command line, or in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_TICKER = re.compile("[0-9A-Z]{6}|Q[0-9]{6}")


class WatchListError(ValueError):
    """It cannot be used; the message is one line that says where and why."""


def read_tickers(text: str) -> dict[str, str | None]:
    """``005930,000660``: each ticker, without a name.

    Raises:
        WatchListError: One is no ticker, or there is none.
    """
    return _read(((part, "--tickers") for part in text.split(",")), "--tickers")


def read_watch_list(file: Path) -> dict[str, str | None]:
    """A file of one ticker a line, each with its name if there is one: ``005930 삼성전자``.

    A comma may stand between them. Empty lines and what follows ``#`` do not count.

    Raises:
        WatchListError: It cannot be read, a line begins with no ticker, or there is none.
    """
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise WatchListError(f"--watch-list: {file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise WatchListError(f"--watch-list: {file} is not UTF-8") from None
    numbered = ((line.partition("#")[0], f"--watch-list: {file}:{n}") for n, line in enumerate(lines, 1))
    return _read(numbered, f"--watch-list: {file}")


def _read(entries: Iterable[tuple[str, str]], where: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for text, place in entries:
        words = text.replace(",", " ").split(maxsplit=1)
        if not words:
            continue
        ticker = words[0].upper()
        if not _TICKER.fullmatch(ticker):
            raise WatchListError(f"{place}: {words[0]!r} is no ticker; write six characters such as 005930")
        found[ticker] = words[1].strip() if len(words) > 1 else found.get(ticker)
    if not found:
        raise WatchListError(f"{where}: no ticker is named there")
    return found
