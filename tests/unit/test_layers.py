"""Data flows one way: no module imports what ``docs/architecture.md`` does not allow it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "broker_client": {"broker_client"},
    "broker_server/core": {"broker_server.core"},
    "broker_server/journal": {"broker_server.journal", "broker_server.core", "broker_client.errors"},
    "broker_server/orders": {
        "broker_server.orders",
        "broker_server.account_errors",
        "broker_server.core",
        "broker_server.journal",
        "broker_server.results",
        "broker_client",
    },
    "broker_server/streams": {
        "broker_server.streams",
        "broker_server.amqp.ticks",
        "broker_server.amqp.topology",
        "broker_server.core",
        "broker_server.execution",
        "broker_server.journal",
        "broker_server.results",
        "broker_client",
    },
    "broker_server/observing": {
        "broker_server.observing",
        "broker_server.core",
        "broker_server.journal",
        "broker_server.orders.ownership",
        "broker_server.settings",
        "broker_server.status",
        "broker_client",
    },
    "broker_server/prices": {
        "broker_server.prices",
        "broker_server.core",
        "broker_server.journal",
        "broker_client",
    },
    "broker_server/simulator": {"broker_server.simulator", "broker_server.logs"},
    "broker_server/vendors": {"broker_server.core", "broker_server.vendors", "broker_client.errors"},
    "broker_server/amqp": {
        "broker_server.amqp",
        "broker_server.account_errors",
        "broker_server.core",
        "broker_server.journal",
        "broker_server.orders.ownership",
        "broker_server.execution",
        "broker_server.orders",
        "broker_server.results",
        "broker_client",
    },
}


def own_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in ("broker_client", "broker_server"))


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_a_layer_imports_only_what_it_may(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in own_imports(path)
        if name != "broker_server"  # the root package is empty
        and not any(name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED[folder])
    ]
    assert wrong == []


def test_no_vendor_imports_another() -> None:
    vendors = [path for path in (ROOT / "broker_server/vendors").iterdir() if (path / "__init__.py").exists()]
    assert vendors
    for vendor in vendors:
        others = {f"broker_server.vendors.{other.name}" for other in vendors if other != vendor}
        for path in vendor.rglob("*.py"):
            assert not any(name.startswith(tuple(others)) for name in own_imports(path) if others), path


def test_no_simulated_brokerage_imports_another() -> None:
    folders = [
        each for each in (ROOT / "broker_server/simulator").iterdir() if (each / "__init__.py").exists()
    ]
    assert {"kis", "kiwoom"} <= {each.name for each in folders}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        for name in own_imports(path)
        for other in folders
        if f"{name}.".startswith(f"broker_server.simulator.{other.name}.")
        and not folder.name.startswith(other.name)  # two ways to one brokerage share its tables
    ]
    assert wrong == []
