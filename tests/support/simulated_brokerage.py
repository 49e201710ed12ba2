"""A simulator as a process of its own, seen as one vendor: its customer, its faults, its ground truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Self

import requests

from broker_server.simulator.process import SimulatorProcess

CONTROL_SECONDS = 60


class SimulatedBrokerage(ABC):
    """A simulated brokerage without limits. A context manager.

    Args:
        seed: Of prices and keys.
        start: When its clock begins; now when left out.

    Attributes:
        simulator: The process.
    """

    vendor: ClassVar[str]
    order_path: ClassVar[str] = ""
    """The end of the address that domestic orders go to; empty where it takes none."""
    unlimited: ClassVar[Mapping[str, float]]
    """Its limits, lifted."""
    own_streams: ClassVar[Collection[str]] = frozenset()
    """The codes of what a worker registers for itself."""

    def __init__(self, seed: int = 0, start: datetime | None = None) -> None:
        self.simulator = SimulatorProcess.start(seed=seed, start=start)
        self.limits(**self.unlimited)

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """What a worker needs to be its customer with a real key, besides ``--simulate``."""

    @abstractmethod
    def live_settings(self) -> dict[str, str]:
        """What it needs besides for live data, that of its own orders included."""

    def orders(
        self, ticker: str | None = None, quantity: int | None = None, **wanted: Any
    ) -> list[dict[str, Any]]:
        """The ground truth: every order and change that it took of these values, oldest first."""
        wanted = {"vendor": self.vendor, **wanted}
        return [
            each
            for each in self.control("GET", "/orders")
            if ticker in (None, each["ticker"])
            and quantity in (None, each["quantity"])
            and wanted.items() <= each.items()
        ]

    def order(self, order_no: str, market: str = "domestic") -> dict[str, Any]:
        """The ground truth of the last order of that number."""
        wanted = {"market": market, "order_no": order_no}
        return [each for each in self.orders() if wanted.items() <= each.items()][-1]

    def calls(self, *trs: str) -> int:
        """How many calls of these TR ids it has received so far, of all together when none is named."""
        counts = self.control("GET", "/calls")
        return int(counts["total"] if not trs else sum(counts["trs"].get(each, 0) for each in trs))

    def fault(self, fault: str, **more: Any) -> None:
        """Spoil its next matching calls, or its live data; see ``docs/simulator.md``."""
        self.control("POST", "/faults", {"fault": fault, "vendor": self.vendor, **more})

    def hits(self) -> int:
        """How many calls the faults that are still there have met."""
        return sum(each["hits"] for each in self.control("GET", "/faults")["faults"])

    def calm(self) -> None:
        """Remove every fault."""
        self.control("DELETE", "/faults")

    def limits(self, **limits: float) -> None:
        """Put other limits in force."""
        self.control("POST", "/faults", {"limits": limits})

    def market(self, ticker: str, **change: Any) -> dict[str, Any]:
        """Move an instrument's market, or only look at it."""
        quote: dict[str, Any] = self.control("POST", "/market", {"ticker": ticker, **change})
        return quote

    def freeze(self, frozen: bool = True) -> None:
        """Stop the simulated clock, or let it run again: nothing is matched while it stands still."""
        self.control("POST", "/clock", {"freeze": frozen})

    def price(self, ticker: str) -> int:
        """The price of a domestic instrument, held there from now on."""
        price = int(self.market(ticker)["price"])
        self.market(ticker, price=price)
        return price

    def control(self, verb: str, path: str, body: Any = None) -> Any:
        """Ask the control server."""
        answer = requests.request(verb, self.simulator.control_url + path, json=body, timeout=CONTROL_SECONDS)
        assert answer.ok, answer.text
        return answer.json()

    def __enter__(self) -> Self:
        """Return the brokerage itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.simulator.stop()
