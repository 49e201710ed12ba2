"""Finding RabbitMQ, and what is said where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from broker_client.errors import BrokerUnreachable
from broker_server.amqp.private_node import install


def put_script(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _no_rabbitmq_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RABBITMQ_HOME", raising=False)
    monkeypatch.delenv("YES", raising=False)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of programs that is the whole search path, and no RabbitMQ anywhere."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(install, "_PLACES", ())
    return programs


def test_debian_place_is_found(tmp_path: Path) -> None:
    script = put_script(tmp_path / "usr/lib/rabbitmq/bin/rabbitmq-server")
    assert install.find_rabbitmq_server(tmp_path) == script


def test_system_wrapper_is_never_taken(tmp_path: Path) -> None:
    put_script(tmp_path / "usr/sbin/rabbitmq-server")
    assert install.find_rabbitmq_server(tmp_path) is None


def test_newest_of_several_versions_is_taken(tmp_path: Path) -> None:
    put_script(tmp_path / "opt/rabbitmq_server-3.9.29/sbin/rabbitmq-server")
    newest = put_script(tmp_path / "opt/rabbitmq_server-3.13.7/sbin/rabbitmq-server")
    assert install.find_rabbitmq_server(tmp_path) == newest


def test_rabbitmq_home_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_script(tmp_path / "usr/lib/rabbitmq/bin/rabbitmq-server")
    own = put_script(tmp_path / "mine/sbin/rabbitmq-server")
    monkeypatch.setenv("RABBITMQ_HOME", str(tmp_path / "mine"))
    assert install.find_rabbitmq_server(tmp_path) == own


def test_script_that_cannot_be_run_is_passed_over(tmp_path: Path) -> None:
    put_script(tmp_path / "usr/lib/rabbitmq/bin/rabbitmq-server").chmod(0o644)
    assert install.find_rabbitmq_server(tmp_path) is None


def test_without_apt_the_advice_names_both_ways_out(machine: Path) -> None:
    with pytest.raises(BrokerUnreachable, match=r"install the package rabbitmq-server, or set BROKER_URL"):
        install.ensure_rabbitmq()


def test_without_root_or_sudo_the_advice_names_both_ways_out(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_script(machine / "x" / "apt-get").rename(machine / "apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(BrokerUnreachable, match=r"no root rights.*BROKER_URL"):
        install.ensure_rabbitmq()


def test_sudo_is_asked_for_with_the_command_and_no_means_no(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_script(machine / "x" / "apt-get").rename(machine / "apt-get")
    (machine / "sudo").write_text(f"#!/bin/sh\ntouch {machine}/ran\n")
    (machine / "sudo").chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    questions: list[str] = []

    def no(question: str) -> bool:
        questions.append(question)
        return False

    with pytest.raises(BrokerUnreachable, match="YES=1"):
        install.ensure_rabbitmq(no)
    assert len(questions) == 1
    printed = capsys.readouterr().err
    assert "sudo apt-get" in printed
    assert "rabbitmq-server" in printed
    assert not (machine / "ran").exists()


def test_yes_skips_the_question_and_a_failed_installation_is_told(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_script(machine / "x" / "apt-get").rename(machine / "apt-get")
    (machine / "sudo").write_text("#!/bin/sh\necho E: no network\nexit 100\n")
    (machine / "sudo").chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("YES", "1")
    with pytest.raises(BrokerUnreachable, match=r"E: no network.*BROKER_URL"):
        install.ensure_rabbitmq(lambda _: pytest.fail("asked although YES=1"))
    assert "sudo" in capsys.readouterr().err
