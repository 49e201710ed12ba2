"""The programs of examples/, run by the lines of their README against one worker on the simulator."""

from __future__ import annotations

import ast
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pika
import pytest

from tests.support.broker_cleaning import clean
from tests.support.brokerage import Brokerage
from tests.support.example_programs import README, Example, commands, run_jupyter
from tests.support.live_data import BRISK, LiveFloor, Subscriber, open_live_floor
from tests.support.order_events import Listener
from tests.support.processes import ROOT
from tests.support.readme import load
from tests.support.task_wire import TaskWire
from tests.support.waiting import wait_until

PROGRAMS = ("notebook.ipynb", "recorder.py", "moving_average.py", "notifier.py", "original_client.py")
TICKER = "005930"
TOKEN = "8213:a-token-that-nobody-may-see"


class Both(Brokerage):
    """One simulator, as KIS and as Kiwoom."""

    def settings(self, environment: Any = "real") -> dict[str, str]:
        keys = self.simulator.credentials["kiwoom"]["real"]
        return {
            **super().settings(environment),
            "VENDORS": "kis,kiwoom",
            "KIWOOM_ENVIRONMENT": "real",
            "KIWOOM_REST_URL": self.simulator.kiwoom_rest_url,
            "KIWOOM_WS_URL": self.simulator.kiwoom_ws_url,
            "KIWOOM_APP_KEY": keys["app_key"],
            "KIWOOM_APP_SECRET": keys["app_secret"],
        }


@pytest.fixture(scope="module")
def shared(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFloor]:
    """A floor with one worker."""
    clean(_test_broker.url, _test_broker.management)
    folder = tmp_path_factory.mktemp("examples")
    with open_live_floor(_test_broker.url, folder, open_brokerage=Both) as floor:
        floor.exchange.change(tick_interval=0.05, burst_every=0)
        floor.start(program=BRISK)
        floor.wait_own()
        yield floor
        assert floor.worker.terminate() == 0, floor.logs()
        assert not [worker.output for worker in floor.workers if "Traceback" in worker.output]
    clean(_test_broker.url, _test_broker.management)


@pytest.fixture
def floor(shared: LiveFloor) -> Iterator[LiveFloor]:
    """The module's floor; no fault stays."""
    yield shared
    shared.brokerage.calm()


def test_the_readme_shows_every_example_and_nothing_else() -> None:
    lines = commands()
    assert [each for each in lines if not each.startswith(("python ", "jupyter "))] == []
    assert Counter(line.split("examples/")[1].split()[0] for line in lines) == {
        "notebook.ipynb": 1,
        "recorder.py": 2,
        "moving_average.py": 2,
        "notifier.py": 1,
        "original_client.py": 1,
    }
    files = {path.name for path in (ROOT / "examples").iterdir() if path.is_file()}
    assert files == {*PROGRAMS, "README.md"}
    places = [load(README).prose.index(f"`{name}`") for name in PROGRAMS]
    assert places == sorted(places)


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name.endswith(".py")])
def test_an_example_needs_no_server(name: str) -> None:
    tree = ast.parse((ROOT / "examples" / name).read_text(encoding="utf-8"))
    imported = [
        *(alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names),
        *(node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)),
    ]
    assert imported
    assert not [each for each in imported if each.startswith("broker_server")]


def test_the_original_client_gets_its_answer(floor: LiveFloor, tmp_path: Path) -> None:
    (line,) = commands("original_client.py")
    with Example(line, url=floor.url, folder=tmp_path) as client:
        assert client.wait() == 0, client.output
        assert "'한국전력'" in client.stdout_lines[-1]


# The strategy


def test_the_strategy_follows_each_crossing_and_its_summary_is_what_the_brokerage_has(
    floor: LiveFloor, tmp_path: Path
) -> None:
    line, _ = commands("moving_average.py")
    brokerage = floor.brokerage
    base = brokerage.price(TICKER)
    before = len(brokerage.orders(TICKER))
    with Example(line, url=floor.url, folder=tmp_path) as strategy:
        strategy.wait_for_line("warm: 20 of 20")
        brokerage.market(TICKER, price=int(base * 0.9) // 1000 * 1000)
        below = (
            "the fast average is below",
            "sell signal",
        )  # a crossing, if a trade came before the price fell
        wait_until(
            lambda: any(line.startswith(below) for line in strategy.stdout_lines),
            what="a fall of the averages",
        )
        brokerage.control("POST", "/clock", {"advance": 60})
        task_ids = []
        for factor, told, fault in (
            (1.15, "buy signal", None),
            (
                0.75,
                "sell signal",
                {"fault": "reset", "when": "after"},
            ),  # booked, and the answer is lost
            (1.25, "buy signal", {"fault": "business_error", "code": "APBK0656", "message": "refused"}),
            (0.75, "sell signal", None),  # nothing is held
            (1.25, "buy signal", None),
            (0.75, "sell signal", None),
        ):
            seen = len(strategy.stdout_lines)
            if fault:
                brokerage.fault(path="order-cash", **fault)
            brokerage.market(TICKER, price=int(base * factor) // 1000 * 1000)
            task_ids.append(wait_followed(strategy, seen, told))
            brokerage.control("POST", "/clock", {"advance": 60})
        lines = strategy.interrupt()
    brokerage.market(TICKER, price=None)
    counts = dict(word.split("=") for word in lines[-1].removeprefix("summary: ").split())
    counts.pop("gaps", None)
    wanted = {"ACCEPTED": "4", "UNKNOWN": "1", "VENDOR_REJECTED": "1", "buy": "20", "sell": "20"}
    assert counts == wanted, strategy.output
    orders = brokerage.orders(TICKER)[before:]
    assert [(each["side"], each["filled_quantity"]) for each in orders] == [("buy", 10), ("sell", 10)] * 2
    sent = [each for each in task_ids if each]
    assert len(set(sent)) == len(sent) == 5
    assert [floor.order(each)["state"] for each in sent] == [
        "ACCEPTED",
        "ACCEPTED",
        "REJECTED",
        "ACCEPTED",
        "ACCEPTED",
    ]


def wait_followed(strategy: Example, seen: int, told: str) -> str | None:
    """Wait until a signal is followed; the task_id of its order, if there was one."""

    def followed() -> tuple[str | None] | None:
        lines = strategy.stdout_lines[seen:]
        assert strategy.process.poll() is None, strategy.output
        (signal,) = [line for line in lines if " signal in " in line] or [""]
        if not signal.startswith(told):
            return None
        if signal.endswith("nothing to do"):
            return (None,)
        done = [line for line in lines if line.startswith("ma-") and "UNKNOWN, asking" not in line]
        return (done[0].rpartition(": ")[0].split(": ")[0],) if done else None

    (task_id,) = wait_until(followed, what=f"a {told}\n{strategy.output}") or (None,)
    return task_id


def test_the_strategy_refuses_another_environment_than_its_own(floor: LiveFloor, tmp_path: Path) -> None:
    _, line = commands("moving_average.py")
    with Example(line, url=floor.url, folder=tmp_path) as strategy:
        assert strategy.wait() == 1
    assert strategy.stderr_lines[-1].startswith("stopped: ORDER_GUARD"), strategy.output
    assert "Traceback" not in strategy.output
    with Example(line, "--environment", "real", url=floor.url, folder=tmp_path) as strategy:
        assert strategy.wait() == 2
    assert "invalid choice: 'real'" in strategy.output


# The recorder


def test_the_recorder_keeps_every_event_over_a_kill_and_shows_what_never_came(
    floor: LiveFloor, tmp_path: Path
) -> None:
    record, gaps = commands("recorder.py")
    with Publisher(floor.url) as exchange, Subscriber(floor.url) as tap:
        tap.channel.queue_bind(tap.queue, "broker.realtime", f"kis.trade.{TICKER}")
        with Example(record, "--rows", "400", url=floor.url, folder=tmp_path) as recorder:
            recorder.wait_for_line("recording")
            recorder.wait_for_line("subscribed to 000660")
            exchange.trades(range(1, 501))
            wait_until(lambda: len(list((tmp_path / "ticks").glob("*/*.parquet"))) > 0, what="a file")
            exchange.trades(range(501, 701))
            recorder.kill()
        exchange.trades(range(704, 801))  # three never came
        with Example(record, "--rows", "400", url=floor.url, folder=tmp_path) as recorder:
            recorder.wait_for_line("recording")
            exchange.trades(range(801, 1001))
            recorder.wait_for_line("subscribed to 000660")
            wait_until(lambda: '"volume":1000,' in unfinished(tmp_path), what="the last event")
            recorder.interrupt()
        sent = {
            (each["epoch"], each["sequence"]): each["result"][0] for each in tap.messages("broker.realtime")
        }
    rows = recorded(tmp_path, "000001", "sequence, missed, price")
    assert [sequence for sequence, _, _ in rows] == [*range(1, 701), *range(704, 1001)]
    assert {sequence: missed for sequence, missed, _ in rows if missed != 0} == {1: None, 704: 3}
    assert {price for _, _, price in rows} == {71_500}
    check_real(recorded(tmp_path, TICKER, "epoch, sequence, missed, event::VARCHAR"), sent)
    assert not list((tmp_path / "ticks").glob("*/*.ndjson"))
    with Example(gaps, url=floor.url, folder=tmp_path) as shown:
        assert shown.wait() == 0, shown.output
    found = [line.split("\t")[1:] for line in shown.stdout_lines]
    assert ["kis", "trade.000001", "e-1", "704", "3"] in found, found


def check_real(rows: list[tuple[Any, ...]], sent: dict[tuple[str, int], Any]) -> None:
    """Check that real events are there as they were sent, each once, and nothing is missing unnoticed.

    Some vanish before a busy test has taken them, too.
    """
    assert sent.keys() & {row[:2] for row in rows}
    assert len({row[:2] for row in rows}) == len(rows)
    last: dict[str, int] = defaultdict(int)
    for epoch, sequence, missed, event in sorted(rows, key=lambda row: row[:2]):
        if last[epoch]:
            assert missed == sequence - last[epoch] - 1
        last[epoch] = sequence
        if (epoch, sequence) in sent:
            assert json.loads(event) == sent[epoch, sequence]


def recorded(folder: Path, ticker: str, columns: str) -> list[tuple[Any, ...]]:
    """What the recorder has of an instrument."""
    query = f"SELECT {columns} FROM read_parquet($files) WHERE ticker = $ticker ORDER BY ALL"  # noqa: S608
    with duckdb.connect() as database:
        return database.execute(query, {"files": f"{folder}/ticks/*/*.parquet", "ticker": ticker}).fetchall()


def unfinished(folder: Path) -> str:
    """What is on the disk, and in no Parquet file yet."""
    return "".join(path.read_text(encoding="utf-8") for path in (folder / "ticks").glob("*/*.ndjson"))


class Publisher(TaskWire):
    """Publishes events as a worker does, and they do not vanish."""

    def trades(self, sequences: range) -> None:
        """Publish the trades of an invented stock with these numbers."""
        for sequence in sequences:
            trade = {"type": "trade", "vendor": "kis", "ticker": "000001", "venue": "KRX", "price": 71500}
            trade |= {"time": "2026-11-26T10:00:00+09:00", "quantity": 1, "volume": sequence}
            body = {"task_id": "broker.realtime", "result": [trade], "status": "TASK_SUCCEED"}
            body |= {"response_time": "2026-11-26T01:00:00.000Z"}
            body |= {"key": "trade.000001", "epoch": "e-1", "sequence": sequence}
            self.event("broker.realtime", "kis.trade.000001", body)

    def event(self, exchange: str, key: str, body: dict[str, Any], *, message_id: str | None = None) -> None:
        """Publish an event."""
        document = {"kind": "event", "environment": "simulated", **body}
        properties = pika.BasicProperties(message_id=message_id, delivery_mode=2)
        self.channel.basic_publish(exchange, key, json.dumps(document).encode(), properties)


# The notifier


class Telegram(BaseHTTPRequestHandler):
    """Takes messages; the first two requests fail."""

    requests: list[tuple[str, dict[str, Any]]]
    texts: list[str]

    @classmethod
    def wait(cls, part: str) -> None:
        """Wait for a message with this text."""
        wait_until(lambda: any(part in text for text in cls.texts), what=f"{part} in {cls.texts}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append((self.path, body))
        failure = {1: (500, b"{}"), 2: (429, b'{"parameters": {"retry_after": 0}}')}.get(len(self.requests))
        status, answer = failure or (200, b'{"ok": true}')
        if failure is None:
            self.texts.append(body["text"])
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def telegram() -> Iterator[tuple[str, type[Telegram]]]:
    """A server of messages: its address template, and what it got."""
    handler = type("Handler", (Telegram,), {"requests": [], "texts": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/bot{{token}}/sendMessage", handler
        finally:
            server.shutdown()
            thread.join()


def test_the_notifier_tells_each_outcome_once(floor: LiveFloor, tmp_path: Path) -> None:
    (line,) = commands("notifier.py")
    (tmp_path / "telegram.token").write_text(TOKEN + "\n", encoding="utf-8")
    environment = {"TELEGRAM_TOKEN_FILE": "telegram.token"}
    with telegram() as (address, phone), Listener(floor.url) as orders, Publisher(floor.url) as exchange:
        options = ("--url", address, "--interval", "0.01", "--ping", "2")
        with Example(line, *options, url=floor.url, folder=tmp_path, environment=environment) as notifier:
            notifier.wait_for_line("listening")
            floor.call("kis.buy-order", {"ticker": "000660", "quantity": 3, "order_type": "market"})
            floor.refusal("kis.buy-order", {"ticker": "000660", "quantity": 4, "price": 1000})
            floor.brokerage.fault("reset", when="after", path="order-cash")
            lost = floor.send("kis.buy-order", {"ticker": "000660", "quantity": 5, "order_type": "market"})
            floor.wait_order(lost, status="filled")
            for state in ("stale", "stale", "live", "live"):
                body = {"type": "stream", "state": state, "vendor": "kis", "key": "trade.000660"}
                exchange.event("broker.events", f"stream.kis.{state}", {**body, "worker": "w"})
            for _ in range(2):
                body = {"type": "host", "state": "LOGIN_REQUIRED", "vendor": "kiwoom", "worker": "pc-1"}
                exchange.event("broker.events", "host.kiwoom.login_required", body, message_id="pc-1-1")
            phone.wait("로그인")
            assert floor.worker.terminate() == 0
            phone.wait("응답하는 워커가 없")
            floor.start(program=BRISK)
            phone.wait("다시 응답")
            phone.wait(": 시작")  # in either order
            notifier.interrupt()
        told = [text.splitlines()[0] for text in phone.texts]
        assert Counter(text for text in told if "000660" in text) == {
            "✅ 접수: 000660 3주 매수": 1,
            f"✅ 체결 완료: 000660 3주 매수, 3주 체결, 평균 {average(orders, 3)}": 1,
            "⚠️ 거부: 000660 4주 매수": 1,
            "⚠️ 결과 불명: 000660 5주 매수. 확인 중이니 다시 주문하지 마세요.": 1,
            "✅ 접수: 000660 5주 매수": 1,
            f"✅ 체결 완료: 000660 5주 매수, 5주 체결, 평균 {average(orders, 5)}": 1,
            "⚠️ 실시간 시세 kis trade.000660: 갱신 멈춤": 1,
            "✅ 실시간 시세 kis trade.000660: 정상": 1,
        }
        assert len(orders.of()) == 6
        assert told.count("⚠️ Windows의 kiwoom: 로그인 필요") == 1
        workers = [text.rpartition(": ")[2] for text in told if text.split()[1] == "워커" and ": " in text]
        assert workers == ["종료", "시작"]
    assert {path for path, _ in phone.requests} == {f"/bot{TOKEN}/sendMessage"}
    assert {body["chat_id"] for _, body in phone.requests} == {"123456789"}
    assert TOKEN not in notifier.output
    assert "HTTP 500" in notifier.output
    assert "HTTP 429" in notifier.output


def average(orders: Listener, quantity: int) -> str:
    """The average price that the worker told of the filled order of so many shares."""
    (body,) = [body for _, body in orders.of(quantity=quantity, status="filled")]
    return str(body["average_price"])


# The notebook


def test_the_notebook_runs_and_plots(floor: LiveFloor, tmp_path: Path) -> None:
    (line,) = commands("notebook.ipynb")
    run_jupyter(line, floor.url, tmp_path)
    cells = json.loads((tmp_path / "examples/executed.ipynb").read_text(encoding="utf-8"))["cells"]
    assert cells
    data = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    assert any("삼성전자" in str(each.get("text/plain")) for each in data)
    (picture,) = [each["image/png"] for each in data if "image/png" in each]
    assert len(picture) > 20_000


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = json.loads((ROOT / "examples/notebook.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert [(cell["outputs"], cell["execution_count"]) for cell in cells] == [([], None)] * len(cells)
