"""The simulators as a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from broker_server.simulator.process import STOP_SECONDS, SimulatorProcess

DEADLINE = 60.0

PARENT = """
import sys, time
from broker_server.simulator.process import SimulatorProcess
simulator = SimulatorProcess.start()
print(simulator.pid, flush=True)
time.sleep(600)
"""

INTERRUPTED_PARENT = """
import sys
from broker_server.simulator.process import SimulatorProcess
try:
    SimulatorProcess.start()
except KeyboardInterrupt:
    sys.exit(130)
"""


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> None:
    end = time.monotonic() + DEADLINE
    while is_alive(pid):
        assert time.monotonic() < end, f"process {pid} still runs"
        time.sleep(0.02)


def test_starts_answers_and_stops():
    with SimulatorProcess.start(seed=3) as simulator:
        key = simulator.credentials["kis"]["real"]
        assert (len(key["app_key"]), len(key["app_secret"]), key["account"]) == (36, 180, "12345678-01")
        body = {
            "grant_type": "client_credentials",
            "appkey": key["app_key"],
            "appsecret": key["app_secret"],
        }
        response = requests.post(simulator.kis_rest_url + "/oauth2/tokenP", json=body, timeout=DEADLINE)
        assert response.json()["token_type"] == "Bearer"
        assert simulator.kis_ws_url.startswith("ws://127.0.0.1:")
        assert requests.get(simulator.control_url, timeout=DEADLINE).ok
    assert not simulator.is_running()
    simulator.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_child_dies_with_a_killed_parent():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(DEADLINE)
        wait_until_gone(child)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_while_it_starts_is_the_parents_alone():
    parent = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED_PARENT], stderr=subprocess.PIPE, start_new_session=True
    )
    child: list[int] = []
    try:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        end = time.monotonic() + DEADLINE
        # Once the child is the simulator, not its parent's copy on the way there.
        command = b"\0broker_server.simulator\0"
        while not child or command not in Path(f"/proc/{child[0]}/cmdline").read_bytes():
            assert time.monotonic() < end, "no child was started"
            time.sleep(0.005)
            child = [int(pid) for pid in children.read_text().split()]
        os.killpg(parent.pid, signal.SIGINT)
        _, said = parent.communicate(timeout=DEADLINE)
        assert (parent.returncode, said) == (130, b"")
        wait_until_gone(child[0])
    finally:
        parent.kill()
        parent.wait()
        assert parent.stderr is not None
        parent.stderr.close()


def test_a_closed_pipe_ends_it_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "broker_server.simulator", "--json"]
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_ends_cleanly_on_a_signal(number):
    command = [sys.executable, "-m", "broker_server.simulator", "--json"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        announcement = orjson.loads(process.stdout.readline())
        assert set(announcement) == {"kis", "kiwoom", "koscom", "control", "credentials"}
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0


def test_signal_ends_it_while_a_call_hangs():
    with SimulatorProcess.start() as simulator:
        fault = {"fault": "blackhole", "path": "/oauth2/tokenP", "count": None}
        requests.post(simulator.control_url + "/faults", json=fault, timeout=DEADLINE)
        with pytest.raises(requests.Timeout):
            requests.post(simulator.kis_rest_url + "/oauth2/tokenP", json={}, timeout=0.3)
        simulator.stop()
        assert not simulator.is_running()


def test_a_session_does_not_hold_up_the_end():
    with SimulatorProcess.start() as simulator, connect(simulator.kis_ws_url) as socket:
        socket.send("{}")
        assert "OPSP9998" in str(socket.recv(DEADLINE))
        began = time.monotonic()
        simulator.stop()
        assert time.monotonic() - began < STOP_SECONDS
        with pytest.raises(ConnectionClosed):
            socket.recv(DEADLINE)


def test_equal_seeds_publish_equal_keys():
    found = []
    for _ in range(2):
        with SimulatorProcess.start(seed=5) as simulator:
            found.append(simulator.credentials)
    assert found[0] == found[1]


def test_bad_start_is_refused():
    command = [sys.executable, "-m", "broker_server.simulator", "--start", "1999-01-01T00:00:00+09:00"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 2
    assert "2021" in done.stderr
