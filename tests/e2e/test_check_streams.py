"""``broker-server check --stream`` against the simulator: with the key, and through a worker that has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from broker_server.settings import load_settings
from broker_server.simulator.process import SimulatorProcess
from broker_server.stream_check.check import check_streams
from tests.support.processes import start_server

TRADES, BOOK = "kis:H0STCNT0:005930", "kis:HDFSASP0:DNASAAPL"


@pytest.fixture(scope="module")
def running_simulator() -> Iterator[SimulatorProcess]:
    """One approval key a second would keep the tests waiting."""
    with SimulatorProcess.start(seed=1) as running:
        order(running, "faults", limits={"approvals_per_second": 1000})
        yield running


@pytest.fixture
def simulator(running_simulator: SimulatorProcess) -> Iterator[SimulatorProcess]:
    """Behaving, and with its counts at zero."""
    yield running_simulator
    for what in ("faults", "stream", "sessions"):
        requests.delete(f"{running_simulator.control_url}/{what}", timeout=60).raise_for_status()


@pytest.fixture
def settings(simulator: SimulatorProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of a real key at the simulator; KRX trades, whatever the hour."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    today = datetime.now(UTC).date()
    all_day = {"reason": "a test", "markets": {"KRX": {"continuous": ["00:00", "23:59:59"]}}}
    sessions = tmp_path / "sessions.json"
    days = {str(today + timedelta(days=away)): all_day for away in (-1, 0, 1)}
    sessions.write_text(json.dumps({"days": days}), encoding="utf-8")
    key = simulator.credentials["kis"]["real"]
    return {
        "kis_environment": "real",
        "kis_rest_url": simulator.kis_rest_url,
        "kis_ws_url": simulator.kis_ws_url,
        "kis_app_key": key["app_key"],
        "kis_app_secret": key["app_secret"],
        "kis_account": key["account"],
        "kis_hts_id": key["hts_id"],
        "market_sessions_file": str(sessions),
    }


def as_environment(settings: dict[str, str], **more: str) -> dict[str, str]:
    return {name.upper(): value for name, value in (settings | more).items()} | {"COLUMNS": "300"}


def order(simulator: SimulatorProcess, path: str, **body: Any) -> None:
    requests.post(f"{simulator.control_url}/{path}", json=body, timeout=60).raise_for_status()


def ask(simulator: SimulatorProcess, path: str) -> Any:
    return requests.get(f"{simulator.control_url}/{path}", timeout=60).json()


def checked(settings: dict[str, str], *streams: str, seconds: float = 20) -> tuple[int, list[str]]:
    """Check in this process: the exit code, and the lines without their seconds."""
    lines: list[str] = []
    code = check_streams(load_settings(env_file=None, **settings), streams, seconds, lines.append)
    return code, [line.partition(" s  ")[2] or line for line in lines]


def test_data_flow_and_every_step_is_shown(settings: dict[str, str], clean_broker: str) -> None:
    environment = as_environment(settings, broker_url=clean_broker)
    with start_server("check", "--stream", BOOK, environment=environment) as check:
        assert check.wait() == 0, check.output
        steps = [line.partition(" s  ")[2] for line in check.stdout_lines[:-1]]
        assert steps[:7] == [
            "the kis key is used here: no worker holds it",
            "approval key: issued by KIS",
            f"connecting to {settings['kis_ws_url'].partition('//')[2]}",
            "connected",
            "registration asked for",
            "answered: OPSP0000 SUBSCRIBE SUCCESS",
            "registered",
        ]
        assert steps[7].startswith("data, 1 record: order book of AAPL at ")
        assert steps[7].endswith(", 10 + 10 levels")
        assert check.stdout_lines[-1].startswith(f"ok   {BOOK}: data after ")
        assert check.stderr_lines == []


def test_a_mute_feed_fails_while_the_market_trades(
    settings: dict[str, str], simulator: SimulatorProcess
) -> None:
    order(simulator, "faults", fault="mute")
    order(simulator, "stream", ping_interval=0.2)
    code, lines = checked(settings, TRADES, "kis:H0STCNI0:", seconds=1.5)
    assert code == 1
    assert "PINGPONG came, and was answered" in lines
    assert lines[-2].startswith(f"FAIL {TRADES}: connected and acknowledged, but mute for ")
    assert lines[-1].startswith("none kis:H0STCNI0: acknowledged; nothing came ")
    assert settings["kis_hts_id"] not in "\n".join(lines)


def test_records_that_cannot_be_decoded_are_told_from_silence(
    settings: dict[str, str], simulator: SimulatorProcess
) -> None:
    order(simulator, "faults", fault="short_records", columns=5)
    code, lines = checked(settings, TRADES, seconds=1)
    assert code == 1
    assert "data came, and none of it could be decoded (too_short " in lines[-1]


@pytest.mark.parametrize(
    ("stream", "words", "code"),
    [
        ("kis:HDFSASP0:RHKS00003", "not entitled to these data", "OPSP0009"),
        ("kis:H0STCNT0:999999", "nothing of that name", "OPSP8992"),
    ],
)
def test_what_kis_refuses_ends_the_check_with_its_code(
    settings: dict[str, str], stream: str, words: str, code: str
) -> None:
    ended, lines = checked(settings, stream)
    assert ended == 1
    assert lines[-2].startswith(f"answered: {code} ")
    assert lines[-1].startswith(f"FAIL {stream}: ")
    assert words in lines[-1]
    assert code in lines[-1]


def test_another_session_with_the_key_ends_the_check_at_once(
    settings: dict[str, str], simulator: SimulatorProcess
) -> None:
    order(simulator, "faults", fault="duplicate_session", seconds=60)
    code, lines = checked(settings, TRADES)
    assert code == 1
    assert lines[-2].startswith("the next one would be tried in ")
    assert lines[-1].startswith(f"FAIL {TRADES}: another session uses this app key (OPSP8996)")


def test_a_refused_approval_key_of_the_settings_is_shown_and_replaced(settings: dict[str, str]) -> None:
    code, lines = checked(settings | {"kis_ws_approval_key": "an-old-approval-key"}, TRADES)
    assert code == 0
    assert lines[1] == "approval key: that of KIS_WS_APPROVAL_KEY"
    assert any(line.startswith("answered: OPSP0011 ") for line in lines)
    assert "approval key: issued by KIS" in lines
    assert "an-old-approval-key" not in "\n".join(lines)


def test_a_running_worker_is_asked_and_no_second_session_is_opened(
    settings: dict[str, str], simulator: SimulatorProcess, clean_broker: str, tmp_path: Path
) -> None:
    journal = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    environment = as_environment(settings, broker_url=clean_broker, journal_url=journal)
    with start_server("run", environment=environment) as worker:
        worker.wait_ready()
        code, lines = checked(settings | {"broker_url": clean_broker}, BOOK)
        assert code == 0, lines
        assert lines[0].startswith("the worker ")
        assert lines[1:3] == ["kis.subscribe sent", "acknowledged by the worker, mode realtime"]
        assert lines[3].startswith("event: HDFSASP0 DNASAAPL: XHMS ")
        assert lines[-1].startswith(f"ok   {BOOK}: data after ")

        code, lines = checked(settings | {"broker_url": clean_broker}, "kis:HDFSASP0:RHKS00003")
        assert code == 1
        assert lines[-2] == "refused by way of the worker: VENDOR_REJECTED OPSP0009"
        assert "not entitled" in lines[-1]

        assert ask(simulator, "sessions")["connections"] == 1
        # What nobody wants any more the worker keeps for a while.
        assert {row["tr_id"] for row in ask(simulator, "subscriptions")} <= {
            "H0STCNI0",
            "H0GSCNI0",
            "HDFSASP0",
        }
