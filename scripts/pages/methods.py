"""``docs/reference/``: every method with its parameters, result, errors and an example, a page per group."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from broker_client.protocol import is_subscription
from broker_server.core.methods import Method, MethodRegistry
from broker_server.vendors.kiwoom.sapi_contract import contract
from scripts.pages.markdown import GENERATED, code, fence, prose, table
from scripts.pages.models import fields_table, introduction, models_of, parameters_table

_OF_AN_ORDER = {"order_task_id": "my-order-1"}
_ANY_OF_KIS: tuple[str, ...] = ("kis.describe-api", "kis.subscribe", "kis.unsubscribe")
_INTRODUCTION = """\
A method is the verb of a task. `broker-client methods NAME` shows the same in a terminal, and
`broker-server asyncapi` prints the schemas ([asyncapi.json](../asyncapi.json)).
"""
_EXAMPLES: Mapping[str, dict[str, Any]] = {
    "broker.cancel-all-orders": {"ticker": "005930"},
    "broker.resolve-order": {"task_id": "my-order-1", "state": "NOT_SENT", "reason": "not in the app"},
    "kis.call-cancel": {
        "api": "domestic_stock.order_resv_rvsecncl",
        "arguments": {"rsvn_ord_seq": "1", "rsvn_ord_ord_dt": "20260102"},
    },
    "kis.cancel-order": _OF_AN_ORDER,
    "kis.cancel-overseas-order": _OF_AN_ORDER,
    "kis.modify-order": {**_OF_AN_ORDER, "price": 70000},
    "kis.modify-overseas-order": {**_OF_AN_ORDER, "price": "201.50"},
    "kiwoom.cancel-order": _OF_AN_ORDER,
    "kiwoom.modify-order": {**_OF_AN_ORDER, "price": 70000},
}
"""For methods whose arguments depend on what was done before."""


@dataclass(frozen=True)
class Group:
    """One page.

    Attributes:
        name: Of its file.
        belongs: Whether a method is on it; the first group that takes it has it.
    """

    name: str
    title: str
    about: str
    belongs: Callable[[Method[Any]], bool]


GROUPS = (
    Group(
        "broker",
        "Methods of the worker",
        "These are answered by the workers themselves. No brokerage is asked, the cancels of "
        "`broker.cancel-all-orders` excepted.",
        lambda method: method.vendor == "broker",
    ),
    Group(
        "kis-any",
        "KIS: any API and any feed",
        "What has no method of its own: every REST API and every real-time TR of KIS, in KIS's own form. "
        "[Every API of KIS](../topics/kis-apis.md) tells how.",
        lambda method: (
            method.vendor == "kis" and (method.name.startswith("kis.call") or method.name in _ANY_OF_KIS)
        ),
    ),
    Group(
        "kis-overseas",
        "KIS: overseas stocks",
        "Prices, averages and amounts in another currency are exact decimals in text.",
        lambda method: method.vendor == "kis" and "overseas" in method.name,
    ),
    Group(
        "kis-domestic",
        "KIS: Korean stocks",
        "Prices are whole won.",
        lambda method: method.vendor == "kis",
    ),
    Group(
        "kiwoom",
        "Kiwoom",
        "The same by REST and by OpenAPI+, unless a method says otherwise.",
        lambda method: method.name.startswith("kiwoom."),
    ),
    Group(
        "kiwoom-original",
        "Kiwoom: the original's eleven methods",
        "The methods of sapi-kiwoom under their own names. Values are Kiwoom's texts, untouched. "
        "[Coming from sapi-kiwoom](../sapi-kiwoom.md) tells what is different.",
        lambda method: method.vendor == "kiwoom",
    ),
    Group("koscom", "KOSCOM", "Market data only.", lambda method: method.vendor == "koscom"),
)


def method_pages(registry: MethodRegistry) -> dict[str, str]:
    """Every page of ``docs/reference/``, by its path in the project."""
    groups: dict[Group, list[Method[Any]]] = {group: [] for group in GROUPS}
    for method in registry:
        groups[next(group for group in GROUPS if group.belongs(method))].append(method)
    pages = {f"docs/reference/{group.name}.md": _page(group, methods) for group, methods in groups.items()}
    return pages | {"docs/reference/methods.md": _overview(groups)}


def place_of(method: Method[Any]) -> str:
    """The page and heading of a method, as a link from another page of the reference."""
    group = next(group for group in GROUPS if group.belongs(method))
    return f"{group.name}.md#{anchor(method.name)}"


def anchor(heading: str) -> str:
    """The name under which a page shows a heading."""
    return heading.lower().replace(".", "").replace(" ", "-")


def example_of(method: Method[Any]) -> dict[str, Any]:
    """Arguments that show how it is called."""
    return _EXAMPLES.get(method.name, method.example or {})


def _overview(groups: Mapping[Group, Iterable[Method[Any]]]) -> str:
    parts = [f"# All methods\n\n{GENERATED}{_INTRODUCTION}"]
    for group, methods in groups.items():
        rows = [(f"[{each.name}]({place_of(each)})", each.kind, prose(each.summary)) for each in methods]
        parts.append(f"\n## {group.title}\n\n{table(('method', 'kind', 'what it does'), rows)}")
    pages = "\n".join(group.name for group in groups)
    parts.append(f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n")
    return "".join(parts)


def _page(group: Group, methods: list[Method[Any]]) -> str:
    results = {each: None for method in methods if method.result for each in models_of(method.result)}
    parts = [f"# {group.title}\n\n", GENERATED, f"{group.about}\n"]
    parts += [f"\n{_method(each)}" for each in methods]
    if results:
        parts.append("\n## Results\n\nA field that is null has no value there.\n")
    for model in results:
        parts.append(
            f"\n### {model.__name__}\n\n{introduction(model)}\n\n"
            + fields_table(model, _link, _labels_of_the_original())
        )
    return "".join(parts)


def _method(method: Method[Any]) -> str:
    takes = parameters_table(method.parameters, _link)
    lines = [f"## {method.name}", prose(method.summary), _facts(method)]
    lines.append(takes or "It takes no parameters.")
    return "\n\n".join(line.strip("\n") for line in [*lines, "For example:", _example(method)]) + "\n"


def _facts(method: Method[Any]) -> str:
    errors = ["[any task](../errors.md#any-task)"]
    if method.vendor != "broker":
        errors.append("[a brokerage](../errors.md#what-a-brokerage-is-asked)")
    if method.kind == "order":
        errors.append("[an order](../errors.md#an-order)")
    if method.kind == "stream":
        errors.append("[a subscription](../errors.md#a-subscription)")
    facts = [("kind", method.kind), ("result", _result(method)), ("errors", f"of {', '.join(errors)}")]
    if method.reference:
        facts.append(
            (f"at {_TITLES[method.vendor]}", ", ".join(code(e) for e in method.reference.split(", ")))
        )
    return "\n".join(f"* {name}: {text}" for name, text in facts)


_TITLES = {"kis": "KIS", "kiwoom": "Kiwoom", "koscom": "KOSCOM"}


def _result(method: Method[Any]) -> str:
    if method.kind == "stream":
        if is_subscription(method.name):
            return "an acknowledgement, then [events](../wire.md#events) until it is ended"
        return "an acknowledgement"
    if method.result is None:
        return _PLAIN.get(method.name, "plain values")
    return f"a list of {_link(method.result.__name__)}"


_PLAIN = {
    "get-stock-codes": "a list of codes in text",
    "get-stock-name": "a list with one text",
    "get-stock-states": "a list of states in text",
    "kis.call": "a list of KIS's own rows, each with the `output` that it is of",
    "kis.describe-api": "one description, or a line per API",
}


def _link(name: str) -> str:
    return f"[{name}](#{anchor(name)})"


def _example(method: Method[Any]) -> str:
    arguments = example_of(method)
    verb = "watch" if is_subscription(method.name) else "call"
    words = ["broker-client", verb, method.name, *(f"{key}={_text(each)}" for key, each in arguments.items())]
    message = {"task_id": "t-1", "method": method.name, "parameters": arguments}
    return "\n".join(
        [
            fence("sh", shlex.join(words)),
            fence("json", json.dumps(message, ensure_ascii=False)),
        ]
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _labels_of_the_original() -> dict[str, str]:
    """Kiwoom's names of the fields that the original's results have."""
    return {column.name: f"Kiwoom: {column.item}." for each in contract().values() for column in each.columns}
