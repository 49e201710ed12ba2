"""What is known of one thing from all sources, and which of it everyone is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Generic, TypeVar

from broker_server.prices.model import Book, Price, Source

T = TypeVar("T", Price, Book)

NOTHING_SINCE = "the stream was interrupted, and nothing has come since"


class Track(Generic[T]):
    """One price, or one order book.

    Args:
        rank: Of vendors, the most trusted first; others come after them.
        seq: Where the count of its changes goes on.

    Attributes:
        told: What everyone is told now.
        by_rest: What REST said last.
        listeners: Told of every change.
        seq: How many changes have been told.
    """

    __slots__ = (
        "_interrupted",
        "_last_resort",
        "_live",
        "_rank",
        "_silent",
        "by_rest",
        "listeners",
        "seq",
        "told",
    )

    def __init__(self, rank: Mapping[str, int], seq: int = 0) -> None:
        self.told: T | None = None
        self.by_rest: T | None = None
        self.listeners: list[Callable[[T], None]] = []
        self._rank = rank
        self._live: dict[str, T] = {}
        self._silent: dict[str, str] = {}
        self._interrupted: set[str] = set()
        self._last_resort: T | None = None
        self.seq = seq

    def put(self, value: T) -> None:
        """Take something in; one from a stream says also that the stream is not silent."""
        if value.source is Source.REALTIME:
            self._silent.pop(value.vendor, None)
            self._interrupted.discard(value.vendor)
            self._live[value.vendor] = value
        elif value.source is Source.REST:
            if self.by_rest is None or value.as_of >= self.by_rest.as_of:
                self.by_rest = value
        elif self._last_resort is None or value.as_of >= self._last_resort.as_of:
            self._last_resort = value

    def silence(self, vendor: str, reason: str | None) -> None:
        """A vendor's stream is silent; ``None``: it is not any more.

        What it said before a silence may be out of date when it is over: until it says something new, that is
        marked, and what REST has said meanwhile counts as much.
        """
        if reason is None:
            self._silent.pop(vendor, None)
        else:
            self._silent[vendor] = reason
            self._interrupted.add(vendor)

    def best(self) -> T | None:
        """The first stream that speaks; else the newest of what is known, that of the streams marked."""
        silent, interrupted = self._silent, self._interrupted
        sure = [vendor for vendor in self._live if vendor not in silent and vendor not in interrupted]
        if sure:
            return self._live[min(sure, key=self._place)]
        known = [
            replace(each, stale=True, reason=silent.get(vendor, NOTHING_SINCE))
            for vendor, each in self._live.items()
        ]
        if self.by_rest is not None:
            known.append(self.by_rest)
        return max(known, key=lambda each: each.as_of) if known else self._last_resort

    def tell(self, chosen: T) -> None:
        """Tell everyone, if it is news."""
        if self.told is not None and replace(chosen, seq=self.told.seq) == self.told:
            return
        self.seq += 1
        self.told = told = replace(chosen, seq=self.seq)
        for listener in list(self.listeners):
            listener(told)

    def _place(self, vendor: str) -> tuple[int, str]:
        return (self._rank.get(vendor, len(self._rank)), vendor)
