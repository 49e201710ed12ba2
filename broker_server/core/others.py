"""What the methods that show and settle ask of the other workers: each has a record of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from broker_server.core.accounts import AccountKey

Rows = list[dict[str, Any]]
Answer = Callable[[dict[str, Any]], Rows]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the other workers answered.

    Attributes:
        rows: Of all of them, JSON values.
        away: The vendors, and the accounts such as ``kis/second``, whose workers could not be asked because
            there are none now.
        silent: Who else could not be asked, or could not answer, in words.
    """

    rows: Rows
    away: Sequence[str] = ()
    silent: Sequence[str] = ()

    def gaps(self, known_here: Callable[[AccountKey], bool] = lambda _: False) -> list[str]:
        """What is missing, in words.

        Args:
            known_here: Of an account that is away: whether its worker's record is this worker's too.
        """
        away = [place for place in self.away if not known_here(AccountKey.of(place))]
        return [*(f"the worker for {place} is away, and so is its record" for place in away), *self.silent]


class Others(Protocol):
    """The other workers of this broker and environment."""

    def serve(self, command: str, answer: Answer) -> None:
        """Let the other workers ask this one; what ``answer`` raises is told to the one that asks.

        It runs in a thread that no kill switch waits for.
        """

    def ask(
        self, command: str, arguments: dict[str, Any], *, vendor: str | None = None, seconds: float = 2.0
    ) -> Heard:
        """Ask every other worker, and block for the answers.

        Args:
            arguments: JSON values.
            vendor: Whose record it is about, if only one's: the absence of another is then no gap.
            seconds: To wait for each of them at most.
        """


class NoOthers:
    """Of a worker that is alone."""

    def serve(self, command: str, answer: Answer) -> None:
        return None

    def ask(
        self, command: str, arguments: dict[str, Any], *, vendor: str | None = None, seconds: float = 2.0
    ) -> Heard:
        return Heard([])
