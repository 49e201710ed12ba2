from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.vendors.kiwoom.openapi_plus.host import (
    SUPERVISED,
    ChildProcess,
    supervise,
    tell_supervisor,
    watch_supervisor,
)
from broker_server.vendors.kiwoom.openapi_plus.maintenance import Maintenance, read_maintenance
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice, notice_line, read_notice
from broker_server.vendors.kiwoom.openapi_plus.supervisor import Policy, Supervisor
from tests.support.waiting import wait_until

KST = ZoneInfo("Asia/Seoul")
MORNING = datetime(2026, 11, 20, 10, 0, tzinfo=KST)
LOST = Notice(HostState.CONNECTION_LOST, "gone", "-106", restart=True)


class FakeHost:
    """A host that ends when it is told to, unless it is stubborn."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.code: int | None = None
        self.asked = False
        self.stubborn = stubborn
        self.killed = False

    def poll(self) -> int | None:
        return self.code

    def ask_to_end(self) -> None:
        self.asked = True
        if not self.stubborn:
            self.code = 0

    def kill(self) -> None:
        self.killed, self.code = True, -9


class Night:
    """A supervisor, its hosts, and time that a test moves."""

    def __init__(self, start: datetime = MORNING, maintenance: Maintenance | None = None) -> None:
        self.now = start
        self.seconds = 0.0
        self.hosts: list[FakeHost] = []
        self.started_at: list[datetime] = []
        self.notices: list[Notice] = []
        self.stubborn = False
        self.fails = False
        self.supervisor = Supervisor(
            self._start,
            maintenance or read_maintenance(),
            now=lambda: self.now,
            monotonic=lambda: self.seconds,
            on_notice=self.notices.append,
        )

    def _start(self) -> FakeHost:
        if self.fails:
            raise OSError("no memory")
        self.hosts.append(FakeHost(stubborn=self.stubborn))
        self.started_at.append(self.now)
        return self.hosts[-1]

    def run(self, seconds: float) -> Night:
        end = self.seconds + seconds
        while self.seconds < end:
            wait = min(self.supervisor.step(), end - self.seconds)
            assert wait >= 0
            self.seconds += max(wait, 0.01)
            self.now += timedelta(seconds=max(wait, 0.01))
        self.supervisor.step()
        return self


def test_a_host_that_runs_is_left_alone() -> None:
    night = Night().run(3600)
    assert len(night.hosts) == 1
    assert night.notices == []


def test_a_host_that_ends_is_started_again_with_growing_pauses() -> None:
    night = Night().run(1)
    pauses = []
    for _ in range(8):
        ended = night.now
        night.hosts[-1].code = 1
        known = len(night.hosts)
        while len(night.hosts) == known:
            night.run(1)
        pauses.append((night.started_at[-1] - ended).total_seconds())
    assert [round(each) for each in pauses] == pytest.approx([5, 10, 20, 40, 80, 160, 300, 300], abs=3)


def test_a_steady_host_has_not_failed_before() -> None:
    night = Night().run(1)
    for _ in range(3):
        night.hosts[-1].code = 1
        night.run(60)
    night.run(700)
    night.hosts[-1].code = 1
    night.run(8)
    assert len(night.hosts) == 5


def test_a_lost_connection_restarts_the_host() -> None:
    night = Night().run(1)
    night.supervisor.told(LOST)
    assert night.hosts[0].asked
    night.run(8)
    assert len(night.hosts) == 2
    assert night.notices[0] == LOST


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (HostState.READY, HostState.CONNECTION_LOST),
        (HostState.CONNECTING, HostState.CONNECTION_LOST),
        (HostState.UPDATE_PENDING, HostState.UPDATE_PENDING),
    ],
)
def test_a_host_that_has_died_is_not_said_to_be_ready(said: HostState, told: HostState) -> None:
    night = Night().run(1)
    night.supervisor.told(Notice(said, ""))
    night.hosts[0].code = -11
    night.run(1)
    assert night.notices[-1].state is told
    assert "exit code -11" in night.notices[-1].reason


def test_a_host_that_does_not_end_is_killed() -> None:
    night = Night()
    night.stubborn = True
    night.run(1)
    night.supervisor.told(LOST)
    night.run(20)
    assert not night.hosts[0].killed
    night.run(20)
    assert night.hosts[0].killed
    assert len(night.hosts) == 2


def test_a_login_that_waits_for_somebody_is_not_disturbed() -> None:
    night = Night().run(1)
    night.supervisor.told(Notice(HostState.LOGIN_REQUIRED, "the window waits"))
    night.run(3600)
    assert len(night.hosts) == 1


@pytest.mark.parametrize(
    ("state", "pause"), [(HostState.LOGIN_REQUIRED, 300), (HostState.UPDATE_PENDING, 60)]
)
def test_a_refused_login_and_an_update_have_their_own_pauses(state: HostState, pause: float) -> None:
    night = Night().run(1)
    night.supervisor.told(Notice(state, "", restart=True))
    night.run(pause - 5)
    assert len(night.hosts) == 1
    night.run(15)
    assert len(night.hosts) == 2


def test_the_host_is_down_during_the_maintenance_and_only_then() -> None:
    night = Night(datetime(2026, 11, 20, 4, 30, tzinfo=KST)).run(9 * 60)
    assert not night.hosts[0].asked
    night.run(3 * 60)
    assert night.hosts[0].asked
    assert (night.notices[-1].state, "07:00" in night.notices[-1].reason) == (HostState.STOPPED, True)
    night.run(2 * 3600)
    assert len(night.hosts) == 1
    night.run(20 * 60)
    assert len(night.hosts) == 2
    assert night.started_at[1].astimezone(KST).strftime("%H:%M") == "07:00"
    assert [notice.state for notice in night.notices].count(HostState.STOPPED) == 1


def test_on_sunday_the_maintenance_is_earlier_and_shorter() -> None:
    night = Night(datetime(2026, 11, 22, 3, 40, tzinfo=KST)).run(2 * 3600)
    assert [at.astimezone(KST).strftime("%H:%M") for at in night.started_at] == ["03:40", "04:40"]


def test_a_host_that_cannot_be_started_is_tried_again() -> None:
    night = Night()
    night.fails = True
    night.run(20)
    assert "could not be started" in night.notices[0].reason
    night.fails = False
    night.run(60)
    assert len(night.hosts) == 1


def test_the_end_is_the_end() -> None:
    night = Night().run(1)
    night.supervisor.end()
    night.run(600)
    assert not night.supervisor.is_running
    assert len(night.hosts) == 1
    assert night.notices[-1] == Notice(HostState.STOPPED, "the supervisor was ended")


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)))  # noqa: DTZ001 - the zone follows
def test_a_window_ends_where_it_says(moment: datetime) -> None:
    maintenance, now = read_maintenance(), moment.replace(tzinfo=UTC)
    until = maintenance.until(now)
    if until is not None:
        assert now < until <= now + timedelta(hours=3)
        assert maintenance.until(until) is None
        assert maintenance.until(until - timedelta(seconds=1)) == until


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    table = {"zone": "Asia/Seoul", "windows": [{"days": ["mon"], "from": "07:00", "to": "05:00"}]}
    with pytest.raises(ValueError, match="begins at 07:00"):
        read_maintenance(table)
    with pytest.raises(ValueError, match="monday"):
        read_maintenance({"zone": "Asia/Seoul", "windows": [{"days": ["monday"], "from": "1", "to": "2"}]})


@given(st.text())
def test_a_line_of_a_host_is_a_notice_only_if_it_is_one(text: str) -> None:
    assert read_notice(text) is None
    notice = Notice(HostState.READY, text, None)
    line = notice_line(notice)
    assert "\n" not in line
    assert read_notice(line + "\n") == notice
    assert read_notice(line[:-1]) is None


def test_real_children_are_supervised(capfd: pytest.CaptureFixture[str]) -> None:
    """A child that asks for a restart, twice, and passes its other lines on."""
    script = (
        "import os, time; print('started', os.environ['KIWOOM_SUPERVISED'], flush=True); "
        f"print({notice_line(LOST)!r}, flush=True); time.sleep(60)"
    )
    stop = threading.Event()
    notices: list[Notice] = []

    def told(notice: Notice) -> None:
        notices.append(notice)
        if notices.count(LOST) == 2:
            stop.set()

    code = supervise(
        [sys.executable, "-c", script],
        maintenance=Maintenance([], KST),
        policy=Policy(first=0.05),
        on_notice=told,
        stop=stop,
    )
    assert code == 0
    assert capfd.readouterr().out.count("started 1") == 2
    assert "started again" in notices[1].reason


def test_a_supervisor_that_breaks_leaves_no_host_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hosts with one ID would end each other's login."""
    started: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def start(*args: Any, **options: Any) -> subprocess.Popen[str]:
        started.append(popen(*args, **options))
        return started[-1]

    def told(notice: Notice) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(subprocess, "Popen", start)
    script = f"import time; print({notice_line(LOST)!r}, flush=True); time.sleep(60)"
    with pytest.raises(RuntimeError, match="broken"):
        supervise([sys.executable, "-c", script], maintenance=Maintenance([], KST), on_notice=told)
    assert started[0].wait(30) != 0


_WORKER = """
import sys, threading
from pathlib import Path
from broker_server.vendors.kiwoom.openapi_plus.host import watch_supervisor
gone = threading.Event()
watch_supervisor(gone.set)
Path({state!r}).write_text("up")
gone.wait(60)
Path({state!r}).write_text("ended alone" if gone.is_set() else "still there")
"""
_SUPERVISOR = """
import sys
from zoneinfo import ZoneInfo
from broker_server.vendors.kiwoom.openapi_plus.host import supervise
from broker_server.vendors.kiwoom.openapi_plus.maintenance import Maintenance
supervise([sys.executable, "-c", {worker!r}], maintenance=Maintenance([], ZoneInfo("Asia/Seoul")))
"""


def test_a_worker_ends_when_its_supervisor_was_killed(tmp_path: Path) -> None:
    """Task Manager, or Windows itself, ends a process without asking it."""
    state = tmp_path / "state"
    program = _SUPERVISOR.format(worker=_WORKER.format(state=str(state)))
    with subprocess.Popen([sys.executable, "-c", program]) as supervisor:
        wait_until(lambda: state.exists() and state.read_text() == "up")
        supervisor.kill()
    wait_until(lambda: state.read_text() == "ended alone")


def test_who_has_no_supervisor_watches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.delenv(SUPERVISED, raising=False)
    watch_supervisor(lambda: told.append("without one"))
    monkeypatch.setenv(SUPERVISED, "1")
    nothing = os.stat(os.devnull)
    with monkeypatch.context() as without_a_pipe:
        without_a_pipe.setattr(os, "fstat", lambda number: nothing)
        watch_supervisor(lambda: told.append("another input"))
    assert not told
    assert "kiwoom-supervisor" not in [each.name for each in threading.enumerate()]


def test_a_host_that_cannot_be_asked_is_killed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a console Windows has no way to ask."""

    def send_signal(self: subprocess.Popen[str], number: int) -> None:
        raise OSError("the handle is invalid")

    def nobody(told: object) -> None:
        raise AssertionError(told)

    child = ChildProcess([sys.executable, "-c", "import time; time.sleep(60)"], nobody, nobody)
    with monkeypatch.context() as without_a_console:
        without_a_console.setattr(subprocess.Popen, "send_signal", send_signal)
        child.ask_to_end()
    assert child.poll() is None
    child.kill()
    wait_until(lambda: child.poll() is not None)


def test_lines_that_nobody_reads_stop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    nobody = os.fdopen(write, "w")
    monkeypatch.setattr(sys, "stdout", nobody)
    monkeypatch.setenv(SUPERVISED, "1")
    tell_supervisor(LOST)
    with contextlib.suppress(BrokenPipeError):
        nobody.close()
