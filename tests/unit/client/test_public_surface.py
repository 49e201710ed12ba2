"""What `broker_client` offers, and what importing it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import broker_client
from broker_client import errors

ROOT = Path(broker_client.__file__).resolve().parents[1]

PUBLIC = {
    "AsyncClient",
    "AsyncStream",
    "AuthenticationFailed",
    "BrokerError",
    "BrokerUnreachable",
    "Client",
    "ClientClosed",
    "DuplicateTaskConflict",
    "InternalError",
    "InvalidParameters",
    "MalformedMessage",
    "NoAnswer",
    "NotSubscribed",
    "OrderGuard",
    "OrderNotSettled",
    "OrderOutcomeIsUnknown",
    "OrderOutcomeUnknown",
    "OrderRecord",
    "OrderStep",
    "OrdersDisabled",
    "PendingTask",
    "Ping",
    "RateLimited",
    "Stream",
    "StreamEnded",
    "StreamEvent",
    "StreamStatus",
    "SubscriptionLimit",
    "TaskCancelled",
    "TaskExpired",
    "TaskFailed",
    "TaskQueueMissing",
    "TaskResult",
    "TaskTimeout",
    "UnknownMethod",
    "Unsupported",
    "VendorNotConfigured",
    "VendorRejected",
    "VendorUnavailable",
    "WrongEnvironment",
}


def loaded_after(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_the_public_names_are_exactly_these() -> None:
    assert set(broker_client.__all__) == PUBLIC
    assert broker_client.__all__ == sorted(broker_client.__all__)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(broker_client, name).__name__ == name


def test_every_error_of_the_contract_is_public() -> None:
    assert set(errors.__all__) - {"ERRORS_BY_CODE"} <= PUBLIC


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Broker"):
        _ = broker_client.Broker  # type: ignore[attr-defined]


def test_importing_the_package_loads_no_amqp_library_and_no_terminal_library() -> None:
    assert not loaded_after("import broker_client") & {"pika", "aio_pika", "typer", "rich", "broker_server"}


def test_the_blocking_client_loads_only_pika() -> None:
    loaded = loaded_after("from broker_client import Client")
    assert "pika" in loaded
    assert not loaded & {"aio_pika", "typer", "rich", "broker_server"}


def test_the_asynchronous_client_loads_only_aio_pika() -> None:
    loaded = loaded_after("from broker_client import AsyncClient")
    assert "aio_pika" in loaded
    assert not loaded & {"pika", "typer", "rich", "broker_server"}


def test_the_calls_of_kis_load_no_amqp_library_before_they_are_used() -> None:
    assert not loaded_after("from broker_client.kis import kis_client") & {
        "pika",
        "aio_pika",
        "typer",
        "rich",
    }


@pytest.mark.parametrize("path", sorted((ROOT / "broker_client").rglob("*.py")), ids=lambda path: path.name)
def test_no_module_of_the_client_imports_the_server(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not [name for name in names if name.partition(".")[0] == "broker_server"]
