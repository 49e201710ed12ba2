"""An order whose answer is lost, as its user meets it: the client, the commands, a worker, the simulator."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote, urlsplit

import pytest
import requests

from broker_client import Client, OrderGuard, OrderOutcomeIsUnknown, OrdersDisabled
from tests.support.processes import run_client, start_server


def test_what_became_of_an_order_is_found_out_and_shown(clean_broker: str) -> None:
    login = unquote(urlsplit(clean_broker).username or "guest")
    settings = {"BROKER_URL": clean_broker, "ORDER_USERS": login, "ORDER_MAX_QUANTITY": "100"}
    with start_server("run", "--simulate", environment=settings) as worker:
        control = re.search(r"control=(\S+)", worker.wait_ready())
        assert control is not None
        with Client(clean_broker, expected_environment="simulated", timeout=60) as client:
            meet(client, clean_broker, f"{control[1]}/faults", login)


def meet(client: Client, broker_url: str, faults: str, login: str) -> None:
    client.call("kis.buy-order", task_id="plain", ticker="005930", quantity=10, order_type="market")

    fault = {"fault": "reset", "when": "after", "path": "order-cash"}
    requests.post(faults, json=fault, timeout=60).raise_for_status()
    with pytest.raises(OrderOutcomeIsUnknown):
        client.call("kis.buy-order", task_id="lost", ticker="035420", quantity=1, order_type="market")
    found = client.wait_settled("lost")
    assert (found.state, found.user) == ("ACCEPTED", login)
    assert client.resume("lost").first["order_no"] == found.order_no

    with pytest.raises(OrderGuard, match="ORDER_MAX_QUANTITY"):
        client.call("kis.buy-order", task_id="large", ticker="005930", quantity=101, order_type="market")
    assert client.order("large").state == "REFUSED"

    environment = {"BROKER_URL": broker_url}
    listed = run_client("orders", environment=environment)
    rows = {row["task_id"]: row for row in map(json.loads, listed.stdout.splitlines())}
    assert list(rows) == ["large", "lost", "plain"]
    one = run_client("orders", "lost", environment=environment)
    (row,) = map(json.loads, one.stdout.splitlines())
    assert "Lost" in [step["event"] for step in row["history"]]

    assert run_client("halt", "a test", environment=environment).returncode == 0
    with pytest.raises(OrdersDisabled, match="a test"):
        client.call("kis.sell-order", ticker="005930", quantity=1, order_type="market")
    assert run_client("resume", environment=environment).returncode == 0
    assert client.call("kis.sell-order", ticker="005930", quantity=1, order_type="market").first
