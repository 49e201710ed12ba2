"""Which worker a task belongs to, by the account that it names."""

from __future__ import annotations

from typing import Any

import pytest

from broker_client.errors import UnknownMethod
from broker_client.protocol import TaskRequest
from broker_server.amqp.forwarding import forward_queue
from broker_server.amqp.neighbours import Neighbours
from broker_server.amqp.routing import Destination, Router
from broker_server.core.accounts import AccountKey
from broker_server.core.methods import Method, MethodRegistry
from broker_server.wiring.catalogue import catalogue

DEFAULT, SECOND, THIRD = (AccountKey("kis", alias) for alias in ("default", "second", "third"))
REGISTRY = catalogue()


class House:
    """A worker that may serve some accounts and owns some of those."""

    def __init__(self, *owned: AccountKey, may: tuple[AccountKey, ...] = (DEFAULT, SECOND)) -> None:
        self.neighbours = Neighbours([], own=may)
        registry = MethodRegistry(each for each in REGISTRY if each.vendor in ("kis", "broker"))
        self.router = Router(registry, may, owned.__contains__, self.neighbours)

    def queue(self, method: str, **parameters: Any) -> str | None:
        """Where a task goes; ``None`` for here."""
        request = TaskRequest(task_id="t", method=method, parameters=parameters)
        route = self.router.route(request)
        if isinstance(route, Method):
            assert route.name == method
            return None
        return forward_queue(request, route.vendor, route.alias)


@pytest.mark.parametrize(
    ("method", "of_second", "of_default"),
    [
        ("kis.buy-order", "tasks.kis.second.orders", "tasks.kis.default.orders"),
        ("kis.cancel-order", "tasks.kis.second.orders", "tasks.kis.default.orders"),
        ("kis.call-order", "tasks.kis.second.orders", "tasks.kis.default.orders"),
        ("kis.get-balance", "tasks.kis.second", "tasks.kis.default"),
        ("kis.get-buyable-amount", "tasks.kis.second", "tasks.kis.default"),
        ("kis.call", "tasks.kis.second", "tasks.kis.default"),
        ("kis.subscribe-executions", "tasks.kis.second", "tasks.kis.default"),
        ("broker.cancel-all-orders", "tasks.kis.second.orders", "tasks.kis.default.orders"),
    ],
)
def test_what_is_of_an_account_goes_to_its_owner(method: str, of_second: str, of_default: str) -> None:
    first, second = House(DEFAULT), House(SECOND)
    assert first.queue(method, account="second") == of_second
    assert second.queue(method, account="second") is None
    assert second.queue(method, account="default") == of_default
    assert first.queue(method) is None, "the default account"
    if method != "broker.cancel-all-orders":  # which is about all of them then
        assert second.queue(method) == of_default
    assert House(DEFAULT, SECOND).queue(method, account="second") is None


@pytest.mark.parametrize("method", [each.name for each in REGISTRY if each.kind == "order"])
def test_no_order_is_run_by_a_worker_that_does_not_own_its_account(method: str) -> None:
    vendor = "kis" if method.startswith("broker.") else method.partition(".")[0]
    may = (AccountKey(vendor, "second"), AccountKey(vendor, "third"))
    house = House(may[0], may=may)
    house.router = Router(REGISTRY, may, may[:1].__contains__, house.neighbours)
    named = {"vendor": vendor} if method.startswith("broker.") else {}
    assert house.queue(method, account="third", **named) == f"tasks.{vendor}.third.orders"
    assert house.queue(method, account="elsewhere", **named) == f"tasks.{vendor}.elsewhere.orders"
    if not named:
        assert house.queue(method) == f"tasks.{vendor}.default.orders"


def test_what_is_of_no_account_is_done_with_any_of_the_vendor() -> None:
    assert House(SECOND).queue("kis.get-current-price", ticker="005930") is None
    assert House().queue("kis.get-current-price", ticker="005930") == "tasks.kis"
    assert House().queue("broker.get-order", task_id="t") is None
    assert House(SECOND).queue("kis.subscribe-realtime-price", ticker="005930") == "tasks.kis.default"


@pytest.mark.parametrize(
    "account", ["12345678-01", "1234567801", "", "Second", "a.b", "#", 5, None, ["second"]]
)
@pytest.mark.parametrize("method", ["kis.buy-order", "kis.get-balance"])
def test_what_can_be_no_alias_is_in_no_queue_s_name(method: str, account: object) -> None:
    assert House(SECOND).queue(method, account=account) is None, "the check of the arguments refuses it"
    elsewhere = House(AccountKey("koscom"), may=(AccountKey("koscom"),))
    elsewhere.router = Router(MethodRegistry(), [AccountKey("koscom")], lambda _: True, elsewhere.neighbours)
    assert elsewhere.queue(method, account=account) in ("tasks.kis", "tasks.kis.default.orders")


def test_all_orders_are_taken_back_by_whoever_owns_one_of_the_accounts() -> None:
    assert House(SECOND).queue("broker.cancel-all-orders") is None
    assert House().queue("broker.cancel-all-orders") == "tasks.kis.default.orders"
    other = House(may=(AccountKey("kiwoom"),))
    assert other.queue("broker.cancel-all-orders") == "tasks.kis.default.orders"
    other.neighbours.learn([THIRD])
    assert other.queue("broker.cancel-all-orders") == "tasks.kis.third.orders"


def test_an_account_that_nobody_serves_is_told_with_those_that_there_are() -> None:
    house = House(DEFAULT)
    house.neighbours.learn([THIRD, AccountKey("kiwoom", "isa")])
    error = house.router.nobody_serves(Destination("kis", "nobody"))
    assert (error.code, "known: default, second, third" in error.message) == ("INVALID_PARAMETERS", True)
    assert house.router.nobody_serves(Destination("koscom", None)).code == "VENDOR_NOT_CONFIGURED"


def test_a_method_that_nobody_has_is_unknown() -> None:
    with pytest.raises(UnknownMethod, match=r"did you mean .*kis\.get-balance"):
        House(DEFAULT).queue("kis.get-balence")
