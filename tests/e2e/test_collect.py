"""``broker-server collect`` against a simulated worker."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import CommandProcess, start_server
from tests.support.waiting import wait_until

SINCE = ("--since", "2020-01-02")
"""Where the simulated market begins."""
TICKERS = "005930,000660,035720,293490,058470"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("collect")


@pytest.fixture(scope="module")
def broker(_test_broker: Any, folder: Path) -> Iterator[str]:
    """A broker with a worker of both vendors."""
    environment = {
        "BROKER_URL": _test_broker.url,
        "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}",
        "XDG_DATA_HOME": str(folder),
    }
    with start_server(
        "run", "--simulate", "--vendors", "kis,kiwoom,koscom", environment=environment
    ) as worker:
        worker.wait_ready()
        yield _test_broker.url
        assert worker.terminate() == 0, worker.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prices.sqlite3"


def start(broker: str, file: Path, *arguments: str) -> CommandProcess:
    settings = {"BROKER_URL": broker, "PRICES_URL": f"sqlite:///{file}"}
    return start_server("collect", *arguments, environment=settings)


def collect(broker: str, file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with start(broker, file, "--simulate", *arguments) as command:
        code = command.wait()
    return subprocess.CompletedProcess(
        arguments, code, "\n".join(command.stdout_lines), "\n".join(command.stderr_lines)
    )


def query(file: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(file, timeout=20)) as connection:
        return connection.execute(statement).fetchall()


def count(file: Path) -> int:
    if not query(file, "SELECT name FROM sqlite_master WHERE name = 'daily_candles'"):
        return 0
    return int(query(file, "SELECT count(*) FROM daily_candles")[0][0])


def test_a_run_that_is_killed_is_gone_on_with(broker: str, file: Path) -> None:
    file.touch()
    with start(broker, file, "--simulate", "--tickers", TICKERS, *SINCE) as command:
        wait_until(lambda: count(file) > 400, what="the first candles")
        command.kill()
    before = count(file)
    done = collect(broker, file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("5 of 5 tickers are up to date")
    rows = query(file, "SELECT ticker, count(*), min(day) FROM daily_candles GROUP BY ticker")
    assert {ticker for ticker, *_ in rows} == set(TICKERS.split(","))
    assert len({number for _, number, _ in rows}) == 1, "no day of any is lost"
    assert {oldest for *_, oldest in rows} == {SINCE[1]}
    read = int(done.stdout.partition("; ")[2].split()[0].replace(",", ""))
    assert read < count(file) - before + 1000, "what was stored before is not read again"
    again = collect(broker, file)
    assert again.stdout == "5 of 5 tickers are up to date; 0 candles were read"


def test_an_adjusted_history_is_read_again(broker: str, file: Path) -> None:
    """Yesterday's store, before a split of ten to one."""
    assert collect(broker, file, "--tickers", "005930,000660", "--since", "2026-01-02").returncode == 0
    whole = query(file, "SELECT ticker, day, close FROM daily_candles ORDER BY ticker, day")
    newest = max(day for _, day, _ in whole)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM daily_candles WHERE day = ?", (newest,))
        connection.execute("UPDATE collected_tickers SET covered_until = date(covered_until, '-1 day')")
        connection.execute("UPDATE daily_candles SET close = close * 10 WHERE ticker = '000660'")
    done = collect(broker, file)
    assert done.returncode == 0, done.stderr
    assert "1 were adjusted since, and read again as a whole: 000660" in done.stdout
    assert query(file, "SELECT ticker, day, close FROM daily_candles ORDER BY ticker, day") == whole


def test_an_unknown_ticker_is_reported_once(broker: str, file: Path, tmp_path: Path) -> None:
    watch_list = tmp_path / "list.txt"
    watch_list.write_text("005930 삼성전자\n999999 없는 종목\n", encoding="utf-8")
    done = collect(broker, file, "--watch-list", str(watch_list), "--since", "2026-10-01")
    assert done.returncode == 1
    assert "1 are unknown to kis" in done.stdout
    assert query(file, "SELECT name FROM collected_tickers WHERE ticker = '005930'") == [("삼성전자",)]
    again = collect(broker, file, "--watch-list", str(watch_list))
    assert (again.returncode, again.stdout.splitlines()[1:]) == (
        0,
        ["1 were skipped, which no vendor knew before"],
    )
    assert collect(broker, file, "--tickers", "999999").returncode == 1


def test_a_whole_market_comes_from_the_vendor_that_lists_it(broker: str, file: Path) -> None:
    done = collect(broker, file, "--market", "kosdaq", "--vendor", "kiwoom", "--since", "2026-11-02")
    assert done.returncode == 0, done.stdout + done.stderr
    assert query(file, "SELECT DISTINCT vendor FROM daily_candles") == [("kiwoom",)]
    assert len(query(file, "SELECT ticker FROM collected_tickers")) > 5


def test_a_market_and_its_candles_come_from_koscom_etns_by_their_letter(broker: str, file: Path) -> None:
    done = collect(broker, file, "--market", "kospi", "--vendor", "koscom", "--since", "2026-11-02")
    assert done.returncode == 0, done.stdout + done.stderr
    assert query(file, "SELECT DISTINCT vendor FROM daily_candles") == [("koscom",)]
    assert query(file, "SELECT name FROM collected_tickers WHERE ticker = '005930'") == [("삼성전자",)]
    etns = "SELECT ticker FROM collected_tickers WHERE ticker LIKE '%500001'"
    assert query(file, etns) == [("Q500001",)]
    stored = count(file)
    again = collect(broker, file, "--vendor", "kiwoom")  # the same instruments, as another vendor writes them
    assert again.returncode == 0, again.stdout + again.stderr
    assert count(file) == stored


def test_an_interrupt_ends_it_with_a_summary(broker: str, file: Path) -> None:
    file.touch()
    with start(broker, file, "--simulate", "--tickers", TICKERS, *SINCE) as command:
        wait_until(lambda: count(file) > 400, what="the first candles")
        assert command.terminate() == 130, command.output
    assert command.stderr_lines == ["broker-server: interrupted; run it again to go on"]
    assert "of 5 tickers are up to date" in command.stdout_lines[0]


def test_simulated_candles_do_not_get_among_real_ones(broker: str, file: Path) -> None:
    with start(broker, file, "--tickers", "005930") as command:
        assert command.wait() == 2
    assert len(command.stderr_lines) == 1
    assert "say collect --simulate" in command.stderr_lines[0]
    assert count(file) == 0


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "says"),
    [
        ((), {}, 2, "there is nothing to collect yet: name tickers by --tickers"),
        (("--tickers", "5930"), {}, 2, "'5930' is no ticker"),
        (("--watch-list", "/nowhere"), {}, 2, "/nowhere cannot be read: No such file"),
        (("--tickers", "005930"), {"BROKER_URL": ""}, 2, "BROKER_URL: not set"),
        (("--tickers", "005930"), {"BROKER_URL": "http://x"}, 2, "BROKER_URL: "),
        (("--tickers", "005930"), {"BROKER_URL": "amqp://127.0.0.1:1/"}, 3, "127.0.0.1:1"),
        (("--tickers", "005930"), {"PRICES_URL": "mysql://h/d"}, 2, "PRICES_URL: mysql is not supported"),
    ],
)
def test_each_kind_of_trouble_is_one_line(
    broker: str, file: Path, arguments: tuple[str, ...], settings: dict[str, str], code: int, says: str
) -> None:
    environment = {"BROKER_URL": broker, "PRICES_URL": f"sqlite:///{file}", **settings}
    with start_server("collect", "--simulate", *arguments, environment=environment) as command:
        assert command.wait() == code, command.output
    assert len(command.stderr_lines) == 1, command.output
    assert command.stderr_lines[0].startswith("broker-server: ")
    assert says in command.stderr_lines[0]


def test_the_newest_day_is_one_that_is_over(broker: str, file: Path) -> None:
    assert collect(broker, file, "--tickers", "005930", "--since", "2026-10-01").returncode == 0
    newest = date.fromisoformat(query(file, "SELECT max(day) FROM daily_candles")[0][0])
    assert newest.weekday() < 5
