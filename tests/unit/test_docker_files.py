"""The image and the compose file: their shape, `config` with a client, a build with an engine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker_client.cli import app as client_app
from broker_server.amqp.private_node.layout import LARGEST_LOG
from broker_server.gateway_settings import GatewaySettings
from broker_server.settings import Settings, SettingsError, load_group
from tests.support import docker_broker
from tests.support.docker_broker import docker_answers

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
COMPOSE = ROOT / "docker" / "compose.yaml"
CLUSTER = ROOT / "docker" / "compose.cluster.yaml"


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def compose_client() -> list[str] | None:
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


def test_image_runs_as_an_ordinary_user() -> None:
    last_stage = instructions()[max(i for i, (name, _) in enumerate(instructions()) if name == "FROM") :]
    users = [value for name, value in last_stage if name == "USER"]
    assert users
    assert users[-1] not in ("root", "0")


def test_image_installs_pinned_packages_only() -> None:
    installs = [
        command.strip()
        for name, value in instructions()
        if name == "RUN"
        for command in value.split("&&")
        if "pip install" in command
    ]
    assert len(installs) == 3
    for command in installs:
        words = shlex.split(command)
        assert "--require-hashes" in words or {"--no-deps", "--no-index"} <= set(words), command


def test_image_is_built_from_files_that_exist_and_are_not_ignored() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        source
        for name, value in instructions()
        if name == "COPY" and "--from" not in value
        for source in value.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, source


def test_healthcheck_is_a_command_that_the_client_has() -> None:
    check = next(value for name, value in instructions() if name == "HEALTHCHECK")
    words = yaml.safe_load(check[check.index("CMD ") + 4 :])
    assert words[0] == "broker-client"
    names = [command.name or command.callback.__name__ for command in client_app.registered_commands]
    assert words[1] in names


def test_compose_starts_the_worker_after_the_broker_accepts() -> None:
    services = compose()["services"]
    assert services["rabbitmq"]["image"] == "rabbitmq:4-management"
    assert "check_port_connectivity" in services["rabbitmq"]["healthcheck"]["test"]
    worker = services["worker"]
    assert worker["command"] == ["run", "--simulate"]
    assert worker["depends_on"]["rabbitmq"]["condition"] == "service_healthy"
    assert worker["environment"]["BROKER_URL"].startswith("amqp://")
    assert (
        COMPOSE.parent / worker["build"]["context"] / worker["build"]["dockerfile"]
    ).resolve() == DOCKERFILE


def test_compose_publishes_ports_on_loopback_only() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_file_is_accepted_by_the_client() -> None:
    client = compose_client()
    if client is None:
        pytest.skip("neither `docker compose` nor `docker-compose` is installed; the shape is tested above")
    done = subprocess.run(
        [*client, "-f", str(COMPOSE), "config"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == {"rabbitmq", "worker"}


def test_compose_has_a_gateway_behind_nginx_for_who_asks_for_it() -> None:
    services = compose()["services"]
    gateway, nginx = services["gateway"], services["nginx"]
    assert gateway["profiles"] == nginx["profiles"] == ["gateway"]
    assert gateway["command"] == ["gateway", "--simulate"]
    assert "ports" not in gateway
    settings = gateway["environment"]
    assert settings["GATEWAY_API_KEYS"] == "${GATEWAY_API_KEYS:-}"
    with pytest.raises(SettingsError, match="GATEWAY_API_KEYS"):
        load_group(GatewaySettings, env_file=None, gateway_host=settings["GATEWAY_HOST"])
    loaded = load_group(
        GatewaySettings,
        env_file=None,
        gateway_host=settings["GATEWAY_HOST"],
        gateway_api_keys="k" * 16,
        gateway_proxies=settings["GATEWAY_PROXIES"],
        gateway_trusted_networks=settings["GATEWAY_TRUSTED_NETWORKS"],
    )
    assert (COMPOSE.parent / "nginx.conf").read_text().count(f"server gateway:{loaded.gateway_port};") == 1
    assert nginx["volumes"] == ["./nginx.conf:/etc/nginx/conf.d/default.conf:ro"]
    assert nginx["depends_on"]["gateway"]["condition"] == "service_healthy"
    assert f":{loaded.gateway_port}/healthz" in gateway["healthcheck"]["test"][-1]


def test_the_image_has_what_gateway_traces_and_a_journal_in_postgresql_need() -> None:
    pinned = {line.split("==")[0] for line in (ROOT / "requirements/image.txt").read_text().splitlines()}
    base = {line.split("==")[0] for line in (ROOT / "requirements/base.txt").read_text().splitlines()}
    assert {"fastapi", "itsdangerous", "opentelemetry-sdk", "psycopg", "psycopg-binary", "uvicorn"} <= {
        each for each in pinned if each and each[0].isalpha()
    }
    assert {each for each in base if each and each[0].isalpha()} <= pinned


def test_an_image_of_rabbitmq_is_made_of_debian_s_packages(tmp_path: Path) -> None:
    """With stand-ins for the tools that need root and an engine: what they are told, in this order."""
    told = tmp_path / "told"
    for tool in ("debootstrap", "docker"):
        stand_in = tmp_path / tool
        # debootstrap makes the folder that is packed; docker build reads its Dockerfile.
        stand_in.write_text(
            f'#!/bin/sh\necho "{tool} $*" >> {told}\n'
            + ('mkdir -p "$3/etc"\n' if tool == "debootstrap" else f'[ "$1" != build ] || cat >> {told}\n')
        )
        stand_in.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    subprocess.run([ROOT / "docker" / "rabbitmq_image.sh"], env=environment, check=True)
    first, imported, built, *dockerfile = told.read_text().splitlines()
    assert re.fullmatch(
        r"debootstrap --variant=minbase bookworm \S+/root http://deb\.debian\.org/debian", first
    )
    assert re.fullmatch(r"docker import \S+/root\.tar sapi-debian:bookworm", imported)
    assert built == "docker build --build-arg BASE=sapi-debian:bookworm --tag rabbitmq:3.10.8-management -"
    text = "\n".join(dockerfile)
    assert "FROM ${BASE}" in text
    assert "rabbitmq-plugins enable --offline rabbitmq_management" in text
    assert "'loopback_users.guest = false' > /etc/rabbitmq/rabbitmq.conf" in text
    (health,) = [line.split("CMD ")[1] for line in dockerfile if "check_port_connectivity" in line]
    assert yaml.safe_load(health) == compose()["services"]["rabbitmq"]["healthcheck"]["test"][1:]
    assert not list(tmp_path.glob("tmp*")), "nothing is left"


class Management(BaseHTTPRequestHandler):
    """Answers as RabbitMQ's management does once it is there."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:  # type: ignore[override]
        """Say nothing."""


@pytest.fixture
def management_port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Management) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()


def test_the_container_of_the_tests_takes_nothing_from_the_caller(
    monkeypatch: pytest.MonkeyPatch, management_port: int
) -> None:
    asked: dict[str, Any] = {}

    class Container:
        def __init__(self, image: str, **given: Any) -> None:
            asked.update(given, image=image, ryuk=os.environ["TESTCONTAINERS_RYUK_DISABLED"])

        def with_exposed_ports(self, *ports: int) -> Container:
            asked["ports"] = ports
            return self

        def get_container_host_ip(self) -> str:
            return "127.0.0.1"

        def get_exposed_port(self, port: int) -> int:
            return {5672: 32_770, 15672: management_port}[port]

        def __enter__(self) -> Container:
            return self

        def __exit__(self, *_: object) -> None:
            asked["ended"] = True

    monkeypatch.delenv("TESTCONTAINERS_RYUK_DISABLED", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        monkeypatch.setattr("testcontainers.community.rabbitmq.RabbitMqContainer", Container)
    monkeypatch.setattr(docker_broker, "IMAGE", "rabbitmq:an-image")
    with docker_broker.rabbitmq_container() as (url, management):
        assert url == "amqp://guest:guest@127.0.0.1:32770/%2F"
        assert management == f"http://127.0.0.1:{management_port}"
    login = {"port": 5672, "username": "guest", "password": "guest", "vhost": "/"}
    assert asked == login | {
        "image": "rabbitmq:an-image",
        "ryuk": "true",
        "ports": (5672, 15672),
        "ended": True,
    }


@pytest.mark.timeout(900)
def test_image_builds_and_its_command_runs() -> None:
    if not docker_answers():
        pytest.skip("no Docker engine answers; the image cannot be built here")
    tag = "sapi-broker:test"
    subprocess.run(["docker", "build", "-q", "-f", str(DOCKERFILE), "-t", tag, str(ROOT)], check=True)
    done = subprocess.run(
        ["docker", "run", "--rm", tag, "methods", "--json"], capture_output=True, text=True, check=True
    )
    assert "kis.get-current-price" in done.stdout


def cluster() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CLUSTER.read_text())
    return loaded


NODES = ("rabbitmq1", "rabbitmq2", "rabbitmq3")


def test_cluster_has_three_nodes_that_name_each_other() -> None:
    services = cluster()["services"]
    settings = (CLUSTER.parent / "rabbitmq" / "rabbitmq.conf").read_text()
    for number, name in enumerate(NODES, 1):
        node = services[name]
        assert node["image"] == "rabbitmq:4.0-management"
        assert node["hostname"] == name
        assert "check_port_connectivity" in node["healthcheck"]["test"]
        assert f"cluster_formation.classic_config.nodes.{number} = rabbit@{name}" in settings.splitlines()
        assert f"{name}-data:/var/lib/rabbitmq" in node["volumes"]
        assert "./rabbitmq/rabbitmq.conf:/etc/rabbitmq/rabbitmq.conf:ro" in node["volumes"]
        (definitions,) = [each for each in node["volumes"] if "definitions" in each]
        assert definitions.startswith("${RABBITMQ_DEFINITIONS:-./rabbitmq/definitions.json}:")
        assert f"load_definitions = {definitions.split(':')[-2]}" in settings.splitlines()
    assert "cluster_partition_handling = pause_minority" in settings.splitlines()
    assert f"raft.wal_max_size_bytes = {LARGEST_LOG}" in settings.splitlines()


def test_cluster_has_two_workers_of_one_account_with_one_journal() -> None:
    services = cluster()["services"]
    one, two = services["worker1"], services["worker2"]
    assert {**one, "volumes": None} == {**two, "volumes": None}
    assert one["volumes"] != two["volumes"]
    assert one["command"] == ["run"]
    assert set(one["depends_on"]) == {*NODES, "postgres"}
    assert {each["condition"] for each in one["depends_on"].values()} == {"service_healthy"}
    port = one["environment"]["METRICS_PORT"]
    assert f":{port}/healthz" in one["healthcheck"]["test"][-1]
    assert "ports" not in one


def test_cluster_has_no_secret_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every secret is a file, its setting exists, and a file with three hosts is a setting that fits."""
    document = cluster()
    for name, secret in document["secrets"].items():
        assert secret["file"].startswith("${SECRETS:?")
        assert secret["file"].endswith(f"}}/{name}")
    for service in document["services"].values():
        named = {
            Path(value).name for key, value in service.get("environment", {}).items() if key.endswith("_FILE")
        }
        assert named == set(service.get("secrets", ()))
        if service.get("image") == "sapi-broker":
            assert not [key for key in service["environment"] if "KEY" in key and not key.endswith("_FILE")]
    hosts = ",".join(f"amqp://worker:pw@{name}:5672/%2F" for name in NODES)
    contents = {"BROKER_URL": hosts, "KIS_ACCOUNT": "12345678-01", "GATEWAY_API_KEYS": "k" * 16}
    contents["JOURNAL_URL"] = "postgresql+psycopg://sapi:pw@postgres/journal"
    kinds = {"worker1": Settings, "gateway": GatewaySettings}
    for service, kind in kinds.items():
        for key, value in document["services"][service]["environment"].items():
            if key.endswith("_FILE"):
                file = tmp_path / Path(value).name
                file.write_text(contents.get(key.removesuffix("_FILE"), "a" * 40))
                monkeypatch.setenv(key, str(file))
            else:
                monkeypatch.setenv(key, re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(value)))
        loaded = load_group(kind, env_file=None)
        assert loaded.broker_url is not None
        assert loaded.broker_url.get_secret_value() == hosts
        names = {key.removesuffix("_FILE").lower() for key in document["services"][service]["environment"]}
        assert names <= set(kind.model_fields)


def test_cluster_publishes_ports_on_loopback_only() -> None:
    services = cluster()["services"]
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(ports) == {"rabbitmq1", "nginx"}
    assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)
    assert services["nginx"]["volumes"] == compose()["services"]["nginx"]["volumes"]
    assert services["gateway"]["healthcheck"] == compose()["services"]["gateway"]["healthcheck"]


def test_cluster_file_is_accepted_by_the_client(tmp_path: Path) -> None:
    client = compose_client()
    if client is None:
        pytest.skip("neither `docker compose` nor `docker-compose` is installed; the shape is tested above")
    done = subprocess.run(
        [*client, "-f", str(CLUSTER), "config"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SECRETS": str(tmp_path), "RABBITMQ_ERLANG_COOKIE": "c" * 20},
    )
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(cluster()["services"])
