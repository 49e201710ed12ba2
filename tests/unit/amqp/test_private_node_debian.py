"""Installing a package of Debian: once, without its service, and with the reason when it fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from broker_server.amqp.private_node import debian
from broker_server.amqp.private_node.debian import NotInstalled, ensure_package
from tests.support.racing import race


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that stands for a machine whose ``apt-get`` makes ``program`` there."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian, "_POLICY", tmp_path / "policy-rc.d")
    put_apt_get(tmp_path, f"ls {tmp_path}/policy-rc.d >>{tmp_path}/policies && touch {tmp_path}/program")
    return tmp_path


def put_apt_get(machine: Path, installing: str) -> None:
    script = machine / "apt-get"
    script.write_text(
        f'#!/bin/sh\necho "$@" >>{machine}/calls\ncase $1 in update) ;; *) {installing} ;; esac\n'
    )
    script.chmod(0o755)


def ensure(machine: Path) -> Path:
    def find() -> Path | None:
        return machine / "program" if (machine / "program").exists() else None

    return ensure_package(find, title="Program", package="the-package", otherwise="do without")


def calls(machine: Path) -> list[str]:
    return (machine / "calls").read_text().splitlines()


def test_what_is_there_is_not_installed(machine: Path) -> None:
    (machine / "program").touch()
    assert ensure(machine) == machine / "program"
    assert not (machine / "calls").exists()


def test_those_who_miss_it_at_the_same_time_install_it_once(machine: Path) -> None:
    assert race(*([lambda: ensure(machine)] * 4)) == [machine / "program"] * 4
    update, install = calls(machine)
    assert update.startswith("update")
    assert install.endswith("the-package")


def test_its_service_is_not_started_meanwhile(machine: Path) -> None:
    ensure(machine)
    assert (machine / "policies").read_text().split() == [str(machine / "policy-rc.d")]
    assert not (machine / "policy-rc.d").exists()


def test_a_policy_of_the_machine_stays(machine: Path) -> None:
    (machine / "policy-rc.d").write_text("its own")
    ensure(machine)
    assert (machine / "policy-rc.d").read_text() == "its own"


def test_a_failed_installation_is_told_with_its_reason(machine: Path) -> None:
    put_apt_get(machine, "echo E: no network; exit 100")
    with pytest.raises(NotInstalled, match=r"E: no network.*install the package the-package, or do without"):
        ensure(machine)


def test_an_installation_without_the_program_is_told(machine: Path) -> None:
    put_apt_get(machine, "true")
    with pytest.raises(NotInstalled, match="was installed, but not where it is looked for"):
        ensure(machine)
