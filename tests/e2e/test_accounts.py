"""Two accounts of one brokerage: on two workers, on one, and after the end of the owner of one of them.

What an account has is the simulator's own record of it (``GET /orders``), not what a worker says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker_server.simulator.kis.keys import make_credentials
from tests.support.brokerage import BUY
from tests.support.order_floor import Floor, open_floor
from tests.support.processes import CommandProcess
from tests.support.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.same_on_every_journal
TICKER = "005930"
SECOND = "second"


@pytest.fixture
def floor(clean_broker: str, journal_url: str, tmp_path: Path) -> Iterator[Floor]:
    """Where each worker may serve both accounts, unless it is told otherwise."""
    keys = make_credentials(0)["real-2"]
    file = tmp_path / "accounts.toml"
    file.touch(mode=0o600)
    file.write_text(
        f'[{SECOND}]\nvendor = "kis"\nenvironment = "real"\napp_key = "{keys.app_key}"\n'
        f'app_secret = "{keys.app_secret}"\naccount = "{keys.account}"\nrate_limit = 200\n'
        f'hts_id = "{keys.hts_id}"\norder_max_quantity = 50\n',
        encoding="utf-8",
    )
    settings = {"ACCOUNTS_FILE": str(file), "LEASE_HEARTBEAT": "2"}
    with open_floor(clean_broker, tmp_path, journal_url, settings=settings) as opened:
        yield opened


@pytest.fixture
def limit(floor: Floor) -> Callable[..., dict[str, Any]]:
    """The parameters of an order that rests."""
    price = floor.low_price(TICKER)

    def parameters(quantity: int, account: str | None = None) -> dict[str, Any]:
        named = {} if account is None else {"account": account}
        return {"ticker": TICKER, "quantity": quantity, "price": price, **named}

    return parameters


def start(floor: Floor, accounts: str, *, ready: bool = True) -> CommandProcess:
    return floor.start(ready=ready, settings={"ACCOUNTS": accounts})


def booked(floor: Floor) -> dict[str, list[int]]:
    """The quantities that each account has at the brokerage."""
    keys = floor.brokerage.simulator.credentials["kis"]
    aliases = {keys["real"]["account"]: "default", keys["real-2"]["account"]: SECOND}
    found: dict[str, list[int]] = {"default": [], SECOND: []}
    for each in floor.brokerage.orders(TICKER):
        found[aliases[each["account"]]].append(each["quantity"])
    return found


def owners(floor: Floor) -> dict[str, str]:
    """Which worker says that it owns which account."""
    rows = floor.wire.call("broker.get-status")["result"]
    return {
        each["account"]: row["worker"] for row in rows for each in row.get("accounts") or () if each["owned"]
    }


def placed(floor: Floor, parameters: dict[str, Any], **options: Any) -> dict[str, Any]:
    reply = floor.wire.call("kis.buy-order", parameters, to="tasks.orders", **options)
    assert reply["status"] == "TASK_SUCCEED", reply
    row: dict[str, Any] = reply["result"][0]
    return row


@pytest.mark.timeout(400)
def test_each_order_lands_on_its_own_account_and_a_standby_takes_over_one_alone(
    floor: Floor, limit: Callable[..., dict[str, Any]]
) -> None:
    wire, brokerage = floor.wire, floor.brokerage
    first, second = start(floor, "default"), start(floor, SECOND)
    standby = start(floor, f"default,{SECOND}", ready=False)
    standby.wait_for_line("standby")
    names = owners(floor)
    assert names.keys() == {"default", SECOND}
    assert str(first.process.pid) in names["default"]
    assert str(second.process.pid) in names[SECOND]

    # Whichever worker takes a task, it is the owner of its account that runs it.
    wanted: dict[str, list[int]] = {"default": [], SECOND: []}
    for number in range(1, 9):
        alias = SECOND if number % 2 else None
        receipt = placed(floor, limit(number, alias), task_id=f"order-{number}")
        assert receipt["account"] == (alias or "default")
        wanted[receipt["account"]].append(number)
    assert booked(floor) == wanted
    counts = {row["worker"]: row["tasks"]["forwarded"] for row in wire.call("broker.get-status")["result"]}
    assert sum(counts.values()) > 0, "some went to the wrong worker first"
    for alias, quantities in wanted.items():
        rows = wire.call("kis.get-open-orders", {"account": alias})["result"]
        assert sorted(row["quantity"] for row in rows) == quantities
        assert {row["account"] for row in rows} == {alias}
        listed = wire.call("broker.list-orders", {"account": alias})["result"]
        assert {row["task_id"] for row in listed} == {f"order-{number}" for number in quantities}

    # Nobody's account, a number, another account's order: nothing is sent, and the answer says why.
    error = wire.error("kis.buy-order", limit(9, "third"), to="tasks.orders")
    assert error["code"] == "INVALID_PARAMETERS"
    assert "known: default, second" in error["message"]
    assert "known: default, second" in wire.error("kis.get-balance", {"account": "third"})["message"]
    number = brokerage.simulator.credentials["kis"]["real-2"]["account"]
    for method, parameters, to in (
        ("kis.buy-order", limit(9, number), "tasks.orders"),
        ("kis.get-balance", {"account": number}, "tasks"),
    ):
        error = wire.error(method, parameters, to=to)
        assert (error["code"], "alias" in error["message"]) == ("INVALID_PARAMETERS", True)
        assert number not in str(error)
    of_second = wire.call("broker.get-order", {"task_id": "order-1"})["result"][0]
    for name in ({"order_task_id": "order-1"}, {"order_no": of_second["order_no"]}):
        assert wire.error("kis.cancel-order", name, to="tasks.orders")["code"] == "INVALID_PARAMETERS"
    wire.send("kis.buy-order", limit(1), to="tasks.orders", task_id="order-1")
    error = wire.wait("order-1", count=2).json["error"]
    assert error["code"] == "DUPLICATE_TASK_CONFLICT", "the same task_id for another account"
    assert booked(floor) == wanted

    # The owner of one dies with an order of unknown outcome; its standby asks that account alone.
    brokerage.fault("blackhole", when="after", tr=BUY)
    lost = floor.send("kis.buy-order", limit(33, SECOND))
    wait_until(lambda: 33 in booked(floor)[SECOND], what="the order at the brokerage")
    second.kill()
    standby.wait_ready()
    wait_until(lambda: owners(floor).get(SECOND) not in (None, names[SECOND]), 4 * PATIENCE)
    now = owners(floor)
    assert str(standby.process.pid) in now[SECOND]
    assert now["default"] == names["default"], "the other account stays where it is"
    brokerage.calm()

    def settled() -> bool:
        order = floor.record(lost).order
        return order.state == "ACCEPTED" and order.account == SECOND

    wait_until(settled, 4 * PATIENCE, "the settled order")
    held = [each["order_no"] for each in brokerage.orders(TICKER, 33)]
    assert [floor.record(lost).order.order_no] == held
    placed(floor, limit(34, SECOND))
    placed(floor, limit(35))
    wanted[SECOND] += [33, 34]
    wanted["default"].append(35)
    assert booked(floor) == wanted

    # Everything is taken back, of both owners.
    reply = wire.call("broker.cancel-all-orders", to="tasks.orders")
    assert reply["status"] == "TASK_SUCCEED", reply
    assert "truncated" not in reply, reply
    taken_back = {alias: len([r for r in reply["result"] if r["account"] == alias]) for alias in wanted}
    assert taken_back == {alias: len(quantities) for alias, quantities in wanted.items()}
    assert all(row["cancelled"] for row in reply["result"]), reply


@pytest.mark.timeout(300)
def test_one_worker_with_two_accounts(floor: Floor, limit: Callable[..., dict[str, Any]]) -> None:
    wire = floor.wire
    start(floor, f"default,{SECOND}")
    wait_until(lambda: len(owners(floor)) == 2, what="both leases")
    placed(floor, limit(3))
    placed(floor, limit(4, SECOND))
    assert booked(floor) == {"default": [3], SECOND: [4]}
    status = wire.call("broker.get-status")["result"][0]
    assert {"kis", "kis/second"} <= status["vendors"].keys()
    assert status["vendors"]["kis/second"]["account"] == SECOND

    # Limits are each account's own.
    guarded = wire.error("kis.buy-order", limit(51, SECOND), to="tasks.orders")
    assert (guarded["code"], "50" in guarded["message"]) == ("ORDER_GUARD", True)
    placed(floor, limit(51))
    assert booked(floor) == {"default": [3, 51], SECOND: [4]}

    rows = wire.call("broker.cancel-all-orders", {"account": SECOND}, to="tasks.orders")["result"]
    assert [(row["account"], row["cancelled"]) for row in rows] == [(SECOND, True)]
    assert len(wire.call("kis.get-open-orders")["result"]) == 2
    assert wire.call("kis.get-open-orders", {"account": SECOND})["result"] == []
