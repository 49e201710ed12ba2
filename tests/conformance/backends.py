"""The backends, and what each of them cannot have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tests.conformance.backend import REFUSAL, Backend, RestBackend
from tests.support.brokerage import BUY, PRICE
from tests.support.kiwoom_hosts import ControlBrokerage
from tests.support.live_data import Exchange
from tests.support.simulated_brokerage import SimulatedBrokerage
from tests.support.waiting import wait_until

LIVE = "live"
"""How the tests call a registration of the control."""
_UNIT = "tests/unit/vendors"
_NO_ORDERS = "KOSCOM takes no orders and has no accounts"
_ONE_ACCOUNT = "the key or login itself says which account; none need be named"


class Kis(RestBackend):
    """A real key with its account."""

    id = "kis"
    title = "KIS REST"
    vendor = "kis"
    price = PRICE
    order = BUY
    refusal = "APBK9999"
    too_many = ("EGW00201",)
    tokens = "/oauth2/tokenP"
    wrong_key = MappingProxyType({"KIS_APP_SECRET": "x" * 180})
    without_account = MappingProxyType({"KIS_ACCOUNT": None})
    # Of a key of its own: the account's one is the worker's, and each key has its own second.
    pace = MappingProxyType(
        {
            "KIS_APP_KEY": "PSconformance-0123456789-conformance",
            "KIS_APP_SECRET": "s" * 180,
            "KIS_ACCOUNT": None,
            "KIS_RATE_LIMIT": None,
        }
    )
    proofs = MappingProxyType(
        {"S10": f"{_UNIT}/kis/test_realtime.py::test_odd_frames_are_counted_logged_once_and_harmless"}
    )


class KiwoomRest(RestBackend):
    """A real key, which belongs to one account."""

    id = "kiwoom-rest"
    title = "Kiwoom REST"
    vendor = "kiwoom"
    price = "ka10001"
    order = "kt10000"
    refusal = "RC9999"
    too_many = ("1700",)
    tokens = "/oauth2/token"
    wrong_key = MappingProxyType({"KIWOOM_APP_SECRET": "x" * 43})
    pace = MappingProxyType({"KIWOOM_RATE_LIMIT": None, "KIWOOM_API_RATE_LIMIT": None})
    not_offered = MappingProxyType({"O14": _ONE_ACCOUNT})
    proofs = MappingProxyType(
        {"S10": f"{_UNIT}/kiwoom/rest/test_feed.py::test_odd_frames_are_counted_and_harmless"}
    )

    def worded(self) -> str:
        return f"[2000]({self.refusal}:{REFUSAL})"


class Koscom(RestBackend):
    """A company's key."""

    id = "koscom"
    title = "KOSCOM"
    vendor = "koscom"
    price = "price"
    refusal = "29999"
    wrong_key = MappingProxyType({"KOSCOM_API_KEY": "l7xx" + "0" * 34})
    not_offered = MappingProxyType(
        {
            **{f"O{number}": _NO_ORDERS for number in range(1, 16)},
            "T1": "KOSCOM's key goes with each call; there is no token",
            "Q11": "KOSCOM's limit is of a day, not of a second; Q12 has its refusal",
        }
    )
    proofs = MappingProxyType(
        {"S10": f"{_UNIT}/koscom/test_messages.py::test_a_broken_record_of_a_market_costs_no_other"}
    )


class ControlFloorBrokerage(ControlBrokerage):
    """A simulated Kiwoom whose customer has OpenAPI+."""

    own_streams = frozenset()
    """The account's news come with the login."""

    def __init__(self, start: datetime | None = None) -> None:
        super().__init__(start)

    def settings(self, environment: Any = "real") -> dict[str, str]:
        with_key = super().settings(environment)
        of_key = ("KIWOOM_APP_KEY", "KIWOOM_APP_SECRET", "KIWOOM_ACCOUNT")
        rest = {name: value for name, value in with_key.items() if name not in of_key}
        return {**rest, "KIWOOM_BACKEND": "openapi-plus"}

    def live_settings(self) -> dict[str, str]:
        return {}

    def calls(self, *trs: str) -> int:
        """How many queries of these TRs all controls were sent, of all together when none is named."""
        asked: list[Mapping[str, int]] = [each["queries"] for each in self.controls()]
        return sum(sum(each.get(tr, 0) for tr in trs or each) for each in asked)


class ControlExchange(Exchange):
    """Live data as the control that is logged in has them."""

    def __init__(self, brokerage: ControlBrokerage) -> None:
        super().__init__(brokerage)
        self._controls = brokerage.controls

    def registrations(self, *, own: bool = False) -> list[tuple[str, str]]:
        """Every code that is asked for."""
        return [
            (LIVE, ticker)
            for control in self._controls()
            if control["connected"] and control["server"] == "real"
            for screen in control["live_data"].values()
            for ticker in screen["asked"]
        ]

    def counts(self) -> dict[str, Any]:
        """What there is now: a control does not count what it was asked before."""
        controls = [each for each in self._controls() if each["server"] == "real"]
        opened = sum(each["connected"] for each in controls)
        there = len(self.registrations())
        return {"opened": opened, "registrations": there, "unregistrations": 0, "rejected": 0}

    def clear_counts(self) -> None:
        """There are none."""

    def change(self, **settings: Any) -> None:
        """Nothing of a control's live data can be changed."""
        assert not settings


class KiwoomOpenApiPlus(Backend):
    """The Windows control, simulated; its adapter is the real one."""

    id = "kiwoom-openapi-plus"
    title = "Kiwoom OpenAPI+ (simulated control)"
    vendor = "kiwoom"
    price = "OPT10001"
    counts_overloaded_orders = False
    pace = MappingProxyType({"KIWOOM_RATE_LIMIT": "5"})
    not_offered = MappingProxyType(
        {
            "Q8": "the control does not tell that an answer is lost; such a query ends at its deadline (Q10)",
            "O14": _ONE_ACCOUNT,
            "T1": "a login of the control has no token",
            "T2": "a person types the password into Kiwoom's own window; the adapter has no key",
            "S4": "130 screens of 90 codes: more than there are stocks, so no limit is reached",
            "S5": "130 screens of 90 codes: more than there are stocks, so no limit is reached",
        }
    )
    proofs = MappingProxyType(
        {
            "Q9": f"{_UNIT}/kiwoom/test_reads.py::test_what_cannot_be_read_is_told",
            "S7": f"{_UNIT}/kiwoom/openapi_plus/test_registrar.py::test_a_renewed_registration_is_made_anew",
            "S10": f"{_UNIT}/kiwoom/test_streams.py::test_a_trade_that_cannot_be_read_is_published_as_it_is",
        }
    )

    def adapter_settings(self, brokerage: SimulatedBrokerage) -> dict[str, str]:
        """Of mock trading: a login of the worker's own server would end the worker's."""
        return _control(brokerage).settings("mock")

    def calm(self, brokerage: SimulatedBrokerage) -> None:
        brokerage.calm()
        _control(brokerage).calm_controls()

    def prices_asked(self, brokerage: SimulatedBrokerage) -> int:
        return brokerage.calls(self.price)

    def orders_sent(self, brokerage: SimulatedBrokerage) -> int:
        return sum(each["orders"] for each in _control(brokerage).controls())

    def refuse_price(self, brokerage: SimulatedBrokerage) -> tuple[str | None, str]:
        _control(brokerage).controls(refused={self.price: f"[999999] {REFUSAL}"})
        return "999999", f"[999999] {REFUSAL}"

    def hang_prices(self, brokerage: SimulatedBrokerage, count: int) -> None:
        _control(brokerage).controls(silent=[self.price])

    def overload_prices(self, brokerage: SimulatedBrokerage) -> None:
        _control(brokerage).controls(overloads=1)

    def set_published_limit(self, brokerage: SimulatedBrokerage) -> None:
        _control(brokerage).controls(query_windows=[[5, 1]])

    def refused_for_pace(self, brokerage: SimulatedBrokerage) -> int:
        """Each refusal fails its task, so there is nothing to count."""
        return 0

    @contextmanager
    def unreachable(self, brokerage: SimulatedBrokerage) -> Iterator[dict[str, str | None]]:
        controls = _control(brokerage).controls
        wait_until(lambda: [each for each in controls() if each["connected"]], what="the worker's own login")
        controls(login_code=-101)
        yield {}
        controls(login_code=0)

    def lose_order(self, brokerage: SimulatedBrokerage, *, booked: bool) -> None:
        refused = {} if booked else {"order": "[999999] 잃어버린 주문"}
        _control(brokerage).controls(silent=["order"], refused=refused)

    def refuse_order(self, brokerage: SimulatedBrokerage) -> tuple[str | None, str]:
        _control(brokerage).controls(refused={"order": f"[571489] {REFUSAL}"})
        return "571489", f"[571489] {REFUSAL}"

    def overload_order(self, brokerage: SimulatedBrokerage) -> None:
        _control(brokerage).controls(order_overloads=1)


def _control(brokerage: SimulatedBrokerage) -> ControlBrokerage:
    assert isinstance(brokerage, ControlBrokerage)
    return brokerage


BACKENDS: tuple[Backend, ...] = (Kis(), KiwoomRest(), KiwoomOpenApiPlus(), Koscom())
