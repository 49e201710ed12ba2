"""RabbitMQ's rights as code: the file in the tree, and the names that each role may use."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from broker_client.address import reply_prefix
from broker_server.amqp import topology
from broker_server.amqp.environment import marker_queue
from broker_server.amqp.pin_queue import pin_queue
from broker_server.cli import app
from broker_server.core.accounts import AccountKey
from broker_server.definitions import Roles, client_rights, definitions, password_hash, worker_rights
from broker_server.settings import SERVED_VENDORS

CHECKED_IN = Path(__file__).resolve().parents[2] / "docker" / "rabbitmq" / "definitions.json"


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["definitions", *words])
    return result.exit_code, result.stdout, result.stderr


def test_the_file_in_the_tree_is_what_the_command_prints_and_lets_nobody_in() -> None:
    code, printed, told = run()
    assert code == 0
    assert printed == CHECKED_IN.read_text(encoding="utf-8")
    assert {user["password_hash"] for user in json.loads(printed)["users"]} == {""}
    assert told.strip().endswith("worker, gateway, monitoring, client")


def test_passwords_come_from_a_folder_and_only_their_hashes_are_printed(tmp_path: Path) -> None:
    (tmp_path / "worker").write_text("a long secret\n")
    (tmp_path / "a.b").write_text("비밀번호")
    code, printed, _ = run("--client", "a.b", "--vhost", "paper", "--passwords", str(tmp_path))
    assert code == 0
    assert "secret" not in printed
    document = json.loads(printed)
    hashes = {user["name"]: user["password_hash"] for user in document["users"]}
    for name, password in (("worker", "a long secret"), ("a.b", "비밀번호")):
        raw = base64.b64decode(hashes[name])
        assert raw[4:] == hashlib.sha256(raw[:4] + password.encode()).digest()
    assert hashes["gateway"] == ""
    assert {each["vhost"] for each in document["permissions"]} == {"paper"}
    assert document["vhosts"] == [{"name": "paper"}]
    # The worked example of RabbitMQ's documentation.
    salt = bytes.fromhex("908DC60A")
    assert password_hash("test12", lambda _: salt) == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--client", "worker"], "the user 'worker' has two roles"),
        (["--client", ""], "a user needs a name"),
        (["--client", "x\ny"], "'x\\ny' cannot be the name of a user"),
        (["--vhost", ""], "the virtual host needs a name"),
        (["--passwords", "/missing"], "--passwords: /missing is no folder"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(words: list[str], expected: str) -> None:
    code, printed, told = run(*words)
    assert (code, printed) == (2, "")
    assert expected in told
    assert len(told.splitlines()) == 1


def test_an_empty_file_is_no_password(tmp_path: Path) -> None:
    (tmp_path / "client").write_text("\n")
    assert "the file of the user 'client' is empty" in run("--passwords", str(tmp_path))[2]


ACCOUNTS = [AccountKey(vendor, account) for vendor in SERVED_VENDORS for account in ("default", "second")]
WORKERS_OWN = [
    *(marker_queue(environment) for environment in ("simulated", "paper", "real")),
    *(topology.owner_queue(*key) for key in ACCOUNTS),
    *(topology.host_queue(vendor) for vendor in SERVED_VENDORS),
    *(pin_queue("real", *key).name for key in ACCOUNTS),
    *(spec.name for spec in topology.queues(ACCOUNTS, legacy=False)),
]


def test_a_worker_may_declare_whatever_it_declares() -> None:
    rights = worker_rights("worker")
    for name in (*WORKERS_OWN, *topology.EXCHANGES, "tasks.kis.second.orders", "amq.gen-JzTY20BRgKO"):
        assert re.search(rights.configure, name), name
    for name in ("amq.default", *topology.EXCHANGES):
        assert re.search(rights.write, name), name
    read = ["tasks", "tasks.orders", "tasks.expired", "tasks.kis", "broker.control", "broker.host.kiwoom"]
    own = f"{reply_prefix('worker')}1"  # of the health check, the check and the gateway beside it
    assert all(re.search(each, own) for each in (rights.configure, rights.write, rights.read))
    read += topology.EXCHANGES
    for name in read:
        assert re.search(rights.read, name), name
    for name in ("tasks.rejected", "replies.unroutable", f"{reply_prefix('client')}1", "sapi-kiwoom"):
        assert not re.search(rights.read, name), name


def test_a_client_may_do_nothing_to_what_is_the_workers() -> None:
    rights = client_rights("a")
    for name in (*WORKERS_OWN, *topology.EXCHANGES, f"{reply_prefix('b')}1", f"{reply_prefix('a.b')}1"):
        assert not re.search(rights.configure, name), name
        assert not re.search(rights.write, name), name
        assert name in ("broker.events", "broker.realtime") or not re.search(rights.read, name), name
    own = f"{reply_prefix('a')}0d1c"
    assert all(re.search(each, own) for each in (rights.configure, rights.write, rights.read))
    assert re.search(client_rights("a", original=True).read, "sapi-kiwoom")


def test_a_name_cannot_widen_a_right() -> None:
    for name in (".*", "a|broker", "a.b", "(", "트레이더"):
        rights = client_rights(name)
        assert re.search(rights.configure, f"{reply_prefix(name)}1")
        for foreign in ("tasks", "broker.client.x.1", "broker.owner.kis.default", "broker.client.aXb.1"):
            assert not re.search(rights.configure, foreign)


def test_each_user_has_one_role() -> None:
    document = definitions(Roles(clients=("x", "y"), original_clients=("z",)), "/", {}, lambda n: b"s" * n)
    names = [user["name"] for user in document["users"]]
    assert names == ["worker", "gateway", "monitoring", "x", "y", "z"]
    assert [each["user"] for each in document["permissions"]] == names
    tags = {user["name"]: user["tags"] for user in document["users"]}
    assert tags["monitoring"] == "monitoring"
    assert {tags[name] for name in names if name != "monitoring"} == {""}
