"""The typed methods of the clients are those of the registry, and a type checker holds callers to them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from broker_client.vendor_methods import BrokerMethods, KisMethods, KiwoomMethods, KoscomMethods
from broker_client.verbs import VerbsClient, takes_task_id
from broker_server.core.methods import MethodRegistry
from broker_server.wiring.catalogue import catalogue
from scripts.typed_methods import VENDORS, module, stub

ROOT = Path(__file__).parents[2]
PROGRAM = """
from decimal import Decimal
from broker_client import AsyncClient, Client

def blocking(client: Client) -> None:
    client.kis.get_current_price(ticker="005930", timeout=3).first
    client.kis.buy_order(ticker="005930", quantity=1, price=70_000, task_id="o-1").rows
    client.kis.buy_overseas_order(ticker="AAPL", exchange="NASD", quantity=1, price=Decimal("1.5"))
    client.broker.get_order(task_id="o-1")
    client.kiwoom.request_day_candle(stock_code="005930", from_="20260101", to="20260102", is_adjusted="1")
    with client.kis.subscribe_realtime_price(ticker="005930") as stream:
        for event in stream:
            event.data["price"]
    client.kis.get_current_price(tikcer="005930")  # wrong
    client.kis.get_current_price()  # wrong
    client.kis.get_current_price("005930")  # wrong
    client.kis.get_current_price(ticker=5930)  # wrong
    client.kis.get_current_price(ticker="005930", exchange="NYSE")  # wrong
    client.kis.get_curent_price(ticker="005930")  # wrong
    client.kis.get_current_price(ticker="005930", task_id="t-1")  # wrong

async def asynchronous(client: AsyncClient) -> None:
    (await client.kis.get_current_price(ticker="005930")).first
    async with client.koscom.subscribe(preset="tick", ticker="005930") as stream:
        async for event in stream:
            event.data["price"]
    await client.kis.get_current_price(tikcer="005930")  # wrong
    client.kis.get_current_price(ticker="005930").first  # wrong
    await client.kis.subscribe_realtime_price(ticker="005930")  # wrong
"""


@pytest.fixture(scope="module")
def registry() -> MethodRegistry:
    return catalogue()


class Recorder(VerbsClient[Any, Any]):
    """Keeps what it is asked to run."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def _run(self, method: str, parameters: dict[str, Any], **options: Any) -> None:
        self.asked.append((method, parameters, options))

    def stream_parameters(self, method: str, parameters: dict[str, Any], **options: Any) -> None:
        self.asked.append((method, parameters, options))


@pytest.mark.parametrize(("name", "make"), [("vendor_methods.py", module), ("vendor_methods.pyi", stub)])
def test_the_committed_file_is_the_one_of_this_code(registry: MethodRegistry, name: str, make: Any) -> None:
    assert (ROOT / "broker_client" / name).read_text(encoding="utf-8") == make(registry), "run make generated"


def test_every_method_has_one_name(registry: MethodRegistry) -> None:
    classes = (BrokerMethods, KisMethods, KiwoomMethods, KoscomMethods)
    assert [made.__name__ for made in classes] == list(VENDORS.values())
    named = [method for made in classes for method in made._methods.values()]
    assert sorted(named) == [method.name for method in registry]


def test_the_id_of_a_task_is_an_option_where_one_is_of_use(registry: MethodRegistry) -> None:
    for method in registry:
        assert takes_task_id(method.name) == (method.kind in ("order", "stream")), method.name


def test_a_mypy_run_finds_every_wrong_call_and_no_other(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    cache = str(ROOT / ".mypy_cache/typed_methods")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", cache]
    run = subprocess.run(
        [*command, "--hide-error-context", program.name],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found = {int(line) for line in re.findall(r"^program\.py:(\d+): error", run.stdout, re.M)}
    lines = PROGRAM.splitlines()
    assert found == {number for number, line in enumerate(lines, 1) if "# wrong" in line}, run.stdout
    assert 'did you mean "ticker"' in run.stdout


def test_a_call_passes_on_what_it_was_given() -> None:
    client = Recorder()
    client.kis.get_current_price(ticker="005930")
    client.kiwoom.request_day_candle(stock_code="005930", from_="20260101", to="20260102", timeout=5)
    client.broker.drop_subscription(task_id="s-1")
    client.kis.unsubscribe_realtime_price(task_id="s-1")
    assert client.asked == [
        ("kis.get-current-price", {"ticker": "005930"}, {"timeout": None, "task_id": None}),
        (
            "request-day-candle",
            {"stock_code": "005930", "from": "20260101", "to": "20260102"},
            {"timeout": 5, "task_id": None},
        ),
        ("broker.drop-subscription", {"task_id": "s-1"}, {"timeout": None, "task_id": None}),
        ("kis.unsubscribe-realtime-price", {}, {"timeout": None, "task_id": "s-1"}),
    ]


def test_its_names_can_be_listed_and_a_wrong_one_is_told() -> None:
    client = Recorder()
    assert "get_current_price" in dir(client.kis)
    assert not hasattr(client.koscom, "buy_order")
    with pytest.raises(AttributeError, match="did you mean get_balance"):
        _ = client.kis.get_balanse  # type: ignore[attr-defined]


def test_a_client_that_does_not_use_them_does_not_load_them() -> None:
    program = "import sys, broker_client.client; sys.exit('broker_client.vendor_methods' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=60).returncode == 0
