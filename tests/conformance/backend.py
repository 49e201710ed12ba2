"""How one backend is driven in a test: its brokerage, how its answers are spoilt, what reached it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

from broker_server.core.vendor import Vendor
from broker_server.settings import load_settings
from broker_server.wiring.vendors import make_vendors
from tests.support.simulated_brokerage import SimulatedBrokerage

REFUSAL = "시험 거절   "
"""A text of the vendor's own, spaces included: it must arrive as it is."""


class Backend(ABC):
    """One way to one brokerage.

    The methods do something to a brokerage that the backend's worker is a customer of. A price is what
    ``get-current-price`` asks for.
    """

    id: ClassVar[str]
    """In names of files and in the results."""
    title: ClassVar[str]
    vendor: ClassVar[str]
    not_offered: ClassVar[Mapping[str, str]] = {}
    """Card by card, why it cannot be had."""
    proofs: ClassVar[Mapping[str, str]] = {}
    """Card by card, the node id of the test elsewhere that proves it."""
    wrong_key: ClassVar[Mapping[str, str]] = {}
    """Settings with a key that is not good."""
    without_account: ClassVar[Mapping[str, str | None]] = {}
    """Settings without an account, and what the error then names."""
    pace: ClassVar[Mapping[str, str | None]] = {}
    """Settings that leave the worker's pace to the vendor's published limit."""

    counts_overloaded_orders: ClassVar[bool] = True
    """An order that is refused for too many is among those that ``orders_sent`` counts."""

    def adapter(
        self, brokerage: SimulatedBrokerage, folder: Path, changes: Mapping[str, str | None] = {}
    ) -> Vendor:
        """The adapter without a worker.

        Args:
            brokerage: Whose customer it is.
            folder: For what it keeps.
            changes: Other settings; ``None`` takes one away.
        """
        named = {"VENDORS": self.vendor, **self.adapter_settings(brokerage), **(changes or {})}
        given = {name.lower(): value for name, value in named.items() if value is not None}
        (vendor,) = make_vendors(load_settings(env_file=None, **given), simulated=True, cache_folder=folder)
        return vendor

    def adapter_settings(self, brokerage: SimulatedBrokerage) -> dict[str, str]:
        """Of an adapter beside the worker."""
        return {**brokerage.settings(), **brokerage.live_settings()}

    def calm(self, brokerage: SimulatedBrokerage) -> None:
        """Let nothing be wrong any more."""
        brokerage.calm()

    @abstractmethod
    def prices_asked(self, brokerage: SimulatedBrokerage) -> int:
        """How often the vendor was asked for a price."""

    @abstractmethod
    def orders_sent(self, brokerage: SimulatedBrokerage) -> int:
        """How many orders to buy reached the vendor, taken or not."""

    def pages_asked(self, brokerage: SimulatedBrokerage, before: int) -> int:
        """How many calls the vendor was asked since then."""
        return brokerage.calls() - before

    @abstractmethod
    def unreachable(self, brokerage: SimulatedBrokerage) -> AbstractContextManager[dict[str, str | None]]:
        """Settings of an adapter whose vendor does not answer, while the block lasts."""

    @abstractmethod
    def refuse_price(self, brokerage: SimulatedBrokerage) -> tuple[str | None, str]:
        """The next price is refused; the vendor's code, if it has one, and its text."""

    @abstractmethod
    def hang_prices(self, brokerage: SimulatedBrokerage, count: int) -> None:
        """The next prices take long, if they are answered at all."""

    def garble_prices(self, brokerage: SimulatedBrokerage) -> None:
        """No price can be read."""
        raise NotImplementedError

    @abstractmethod
    def overload_prices(self, brokerage: SimulatedBrokerage) -> None:
        """The next price is refused for too many calls."""

    def set_published_limit(self, brokerage: SimulatedBrokerage) -> None:
        """Let the vendor's published limit be in force."""
        brokerage.control("POST", "/faults", {"limits": "published"})

    @abstractmethod
    def refused_for_pace(self, brokerage: SimulatedBrokerage) -> int:
        """How many calls the vendor has refused for too many."""

    def lose_order(self, brokerage: SimulatedBrokerage, *, booked: bool) -> None:
        """The next order to buy is not answered, and booked or not."""
        raise NotImplementedError

    def refuse_order(self, brokerage: SimulatedBrokerage) -> tuple[str | None, str]:
        """The next order to buy is refused; the vendor's code, if it has one, and its text."""
        raise NotImplementedError

    def overload_order(self, brokerage: SimulatedBrokerage) -> None:
        """The next order to buy is not taken, and may be repeated."""
        raise NotImplementedError


class RestBackend(Backend):
    """A backend of REST calls, each named by its TR."""

    price: ClassVar[str]
    """The TR of a price."""
    order: ClassVar[str] = ""
    """That of a purchase."""
    refusal: ClassVar[str]
    """A code that means a refusal and nothing else."""
    too_many: ClassVar[tuple[str, ...]] = ()
    """The codes of a refusal for too many calls."""
    tokens: ClassVar[str] = ""
    """The call that issues a token, as `SimulatedBrokerage.calls` counts it."""

    def prices_asked(self, brokerage: SimulatedBrokerage) -> int:
        return brokerage.calls(self.price)

    def orders_sent(self, brokerage: SimulatedBrokerage) -> int:
        return brokerage.calls(self.order)

    def worded(self) -> str:
        """How the vendor writes the text of a refusal."""
        return REFUSAL

    def lose_price(self, brokerage: SimulatedBrokerage) -> None:
        """The connection breaks before the next price is answered."""
        brokerage.fault("reset", when="after", tr=self.price)

    def refuse_price(self, brokerage: SimulatedBrokerage) -> tuple[str | None, str]:
        brokerage.fault("business_error", code=self.refusal, message=REFUSAL, tr=self.price)
        return self.refusal, self.worded()

    def hang_prices(self, brokerage: SimulatedBrokerage, count: int) -> None:
        brokerage.fault("latency", tr=self.price, count=count, seconds=2)

    def unreachable(self, brokerage: SimulatedBrokerage) -> AbstractContextManager[dict[str, str | None]]:
        return nullcontext({f"{self.vendor.upper()}_REST_URL": "http://127.0.0.1:1"})

    def garble_prices(self, brokerage: SimulatedBrokerage) -> None:
        brokerage.fault("malformed_body", tr=self.price, count=None)

    def overload_prices(self, brokerage: SimulatedBrokerage) -> None:
        brokerage.fault("rate_limit", tr=self.price)

    def refused_for_pace(self, brokerage: SimulatedBrokerage) -> int:
        errors: dict[str, Any] = brokerage.control("GET", "/calls")["errors"]
        return sum(errors.get(code, 0) for code in self.too_many)

    def lose_order(self, brokerage: SimulatedBrokerage, *, booked: bool) -> None:
        brokerage.fault("blackhole", when="after" if booked else "before", tr=self.order)

    def refuse_order(self, brokerage: SimulatedBrokerage) -> tuple[str | None, str]:
        brokerage.fault("business_error", code=self.refusal, message=REFUSAL, tr=self.order)
        return self.refusal, self.worded()

    def overload_order(self, brokerage: SimulatedBrokerage) -> None:
        brokerage.fault("rate_limit", tr=self.order)

    def end_token(self, brokerage: SimulatedBrokerage) -> None:
        """The token that the next price is asked with ends at that moment."""
        brokerage.fault("expired_token", tr=self.price)

    def tokens_issued(self, brokerage: SimulatedBrokerage) -> int:
        """How often a token was asked for."""
        paths: dict[str, int] = brokerage.control("GET", "/calls")["paths"]
        return paths.get(self.tokens, 0)
