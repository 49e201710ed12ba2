"""``broker-server check`` beside a worker that runs, and beside one of another environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from broker_server.simulator.process import SimulatorProcess
from tests.support.processes import start_server


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    """One of each test's own: a key gets one token a minute, which the next check would wait for."""
    with SimulatorProcess.start(seed=1) as running:
        yield running


@pytest.fixture
def environment(clean_broker: str, simulator: SimulatorProcess, tmp_path: Path) -> dict[str, str]:
    """The settings of a worker with a real key, at the simulator."""
    key = simulator.credentials["kis"]["real"]
    return {
        "BROKER_URL": clean_broker,
        "KIS_ENVIRONMENT": "real",
        "KIS_REST_URL": simulator.kis_rest_url,
        "KIS_WS_URL": simulator.kis_ws_url,
        "KIS_APP_KEY": key["app_key"],
        "KIS_APP_SECRET": key["app_secret"],
        "KIS_ACCOUNT": key["account"],
        "JOURNAL_URL": f"sqlite:///{tmp_path / 'journal.sqlite3'}",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "COLUMNS": "300",
    }


def calls(simulator: SimulatorProcess) -> int:
    return int(requests.get(f"{simulator.control_url}/calls", timeout=60).json()["total"])


def checked(environment: dict[str, str]) -> tuple[int, list[str]]:
    with start_server("check", environment=environment) as check:
        code = check.wait()
        return code, check.stdout_lines


def test_a_running_worker_is_asked_instead_of_a_second_session(
    environment: dict[str, str], simulator: SimulatorProcess, tmp_path: Path
) -> None:
    with start_server("run", environment=environment) as worker:
        worker.wait_ready()
        before = calls(simulator)
        code, lines = checked(environment | {"XDG_DATA_HOME": str(tmp_path / "of the check")})
        assert code == 0, lines
        assert [line.split(":")[0] for line in lines[:-1]] == [
            "ok   RabbitMQ",
            "ok   journal",
            "ok   kis worker",
            "ok   kis quote",
            "ok   kis account",
            "ok   kis live data",
        ]
        assert all("asked the worker " in line for line in lines[2:-1])
        assert lines[-1] == "all 6 checks passed: the worker is running"
        # The token, the price and the balance of the worker: the check itself called nobody.
        assert calls(simulator) - before == 3
        assert not (tmp_path / "of the check" / "sapi-broker" / "kis").exists()


def test_without_a_worker_the_key_is_tried_itself(
    environment: dict[str, str], simulator: SimulatorProcess
) -> None:
    code, lines = checked(environment)
    assert code == 0, lines
    assert any(line.startswith("ok   kis token: ") for line in lines)
    assert lines[-2] == "ok   kis live data: got an approval key; the server of live data takes connections"
    assert lines[-1].endswith("start the worker with broker-server run")
    sessions = requests.get(f"{simulator.control_url}/sessions", timeout=60).json()
    assert (sessions["connections"], sessions["open"]) == (1, 0)


def test_every_account_of_the_file_is_tried(
    environment: dict[str, str], simulator: SimulatorProcess, tmp_path: Path
) -> None:
    kis, kiwoom = simulator.credentials["kis"]["real-2"], simulator.credentials["kiwoom"]["real"]
    file = tmp_path / "accounts.toml"
    file.touch(mode=0o600)
    file.write_text(
        f'[second]\nvendor = "kis"\nenvironment = "real"\naccount = "{kis["account"]}"\n'
        f'app_key = "{kis["app_key"]}"\napp_secret = "{kis["app_secret"]}"\n'
        f'rest_url = "{simulator.kis_rest_url}"\nws_url = "{simulator.kis_ws_url}"\n'
        f'[main]\nvendor = "kiwoom"\nenvironment = "real"\nrest_url = "{simulator.kiwoom_rest_url}"\n'
        f'account = "{kiwoom["account"]}"\napp_key = "{kiwoom["app_key"]}"\napp_secret = "no-such-secret"\n',
        encoding="utf-8",
    )
    code, lines = checked(environment | {"ACCOUNTS_FILE": str(file), "VENDORS": "kis,kiwoom"})
    assert code == 1, lines
    proved = {line[5:].partition(":")[0] for line in lines if line.startswith("ok ")}
    assert {"kis token", "kis account", "kis/second token", "kis/second account"} <= proved, lines
    (failed,) = [line for line in lines if line.startswith("FAIL")]
    assert failed.startswith("FAIL kiwoom/main token: "), failed
    assert "no-such-secret" not in "".join(lines)


def test_workers_of_another_environment_fail_the_check_in_the_words_of_run(
    environment: dict[str, str], clean_broker: str
) -> None:
    with start_server("run", "--simulate", environment={"BROKER_URL": clean_broker}) as worker:
        worker.wait_ready()
        code, lines = checked(environment)
        assert code == 1
        assert lines[0].startswith(
            "FAIL RabbitMQ: this worker is real, but simulated workers serve the same vhost; stop them"
        )
