"""What a run of the collector has done, counted as it goes, so that an interrupted one can say it too."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_SHOWN = 10


@dataclass(slots=True)
class Tally:
    """The counts.

    Attributes:
        tickers: How many were to be looked at.
        whole: Those whose history is whole now.
        candles: How many were stored, those that were there included.
        behind: Tickers that the vendor knows, and whose newest day it does not have.
        adjusted: Tickers whose whole history was read again.
        unknown: Tickers that the vendor does not know, with its words.
        failed: Tickers that could not be read, with the reason.
        skipped: How many were found unknown by earlier runs.
    """

    tickers: int = 0
    whole: int = 0
    candles: int = 0
    behind: list[str] = field(default_factory=list)
    adjusted: list[str] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing went wrong with any ticker."""
        return not self.unknown and not self.failed

    def lines(self, vendor: str) -> list[str]:
        """The summary, one line for each kind of outcome."""
        lines = [
            f"{self.whole:,} of {self.tickers:,} tickers are up to date; {self.candles:,} candles were read"
        ]
        if self.adjusted:
            lines.append(
                f"{len(self.adjusted):,} were adjusted since, and read again as a whole: "
                f"{_some(self.adjusted)}"
            )
        if self.behind:
            lines.append(
                f"{len(self.behind):,} have no candle of the newest day at {vendor}; they may be suspended: "
                f"{_some(self.behind)}"
            )
        if self.unknown:
            lines.append(
                f"{len(self.unknown):,} are unknown to {vendor} and not asked for again unless --tickers "
                f"names them: {_some(self.unknown)}"
            )
        if self.skipped:
            lines.append(f"{self.skipped:,} were skipped, which no vendor knew before")
        for reason, count in Counter(self.failed.values()).most_common():
            tickers = [ticker for ticker, why in self.failed.items() if why == reason]
            lines.append(f"{count:,} could not be read: {reason}: {_some(tickers)}; run it again to go on")
        return lines


def _some(tickers: list[str] | dict[str, str]) -> str:
    shown = sorted(tickers)[:_SHOWN]
    return ", ".join(shown) + (" …" if len(tickers) > _SHOWN else "")
