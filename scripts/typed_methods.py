"""Makes ``broker_client/vendor_methods.py`` and its stub from the method registry."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from broker_client.protocol import is_subscription
from broker_server.core.methods import Method
from broker_server.vendors.parameters import DecimalText

VENDORS = {
    "broker": "BrokerMethods",
    "kis": "KisMethods",
    "kiwoom": "KiwoomMethods",
    "koscom": "KoscomMethods",
}
"""Per vendor the name of its class."""

_HEAD = (
    '"""The methods of each vendor by name. Generated from the method registry: see `make generated`."""\n\n'
)
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_TIMES = {"date": "datetime.date", "date-time": "datetime.datetime", "time": "datetime.time"}
_IN_A_LIST = "                "


def module(methods: Iterable[Method[Any]]) -> str:
    """What runs: which methods each vendor has."""
    lines = [f"{_HEAD}from broker_client.verbs import AnswerT, StreamT, Verbs"]
    for name, own in _classes(methods):
        lines += ["", "", f"class {name}(Verbs[AnswerT, StreamT]):", "    _methods = {"]
        lines += [f'        "{_attribute(method)}": "{method.name}",' for method in own]
        lines += ["    }"]
    return "".join(f"{line}\n" for line in lines)


def stub(methods: Iterable[Method[Any]]) -> str:
    """What editors and type checkers read: the parameters of each, with their types and texts."""
    lines = [
        f"{_HEAD}import datetime",
        "from decimal import Decimal",
        "from typing import Any, Literal",
        "",
        "from broker_client.base_stream import StatusCallback",
        "from broker_client.verbs import AnswerT, StreamT, Verbs",
    ]
    for name, own in _classes(methods):
        lines += ["", f"class {name}(Verbs[AnswerT, StreamT]):"]
        for method in own:
            lines += _signature(method)
    return "".join(f"{line}\n" for line in lines)


def _classes(methods: Iterable[Method[Any]]) -> Iterator[tuple[str, list[Method[Any]]]]:
    rows = list(methods)
    for vendor, name in VENDORS.items():
        yield name, [method for method in rows if method.vendor == vendor]


def _attribute(method: Method[Any]) -> str:
    return method.name.removeprefix(f"{method.vendor}.").replace("-", "_")


def _signature(method: Method[Any]) -> list[str]:
    schema = method.parameters.model_json_schema()
    required = set(schema.get("required", []))
    names = sorted(schema.get("properties", {}), key=lambda name: name not in required)
    arguments, texts = [], []
    for name in names:
        described = schema["properties"][name]
        shown = f"{name}_" if keyword.iskeyword(name) else name
        kind = _type(described, schema.get("$defs", {}))
        if _takes_decimals(_field(method, name)):
            kind = kind.replace("str", "str | Decimal", 1)
        arguments.append(f"{shown}: {kind}" + ("" if name in required else f" = {_default(described)}"))
        if described.get("description"):
            texts.append(f"{_IN_A_LIST}{shown}: {described['description']}")
    options, option_texts = _options(method)
    if clash := set(names) & {option.partition(":")[0] for option in options}:
        raise ValueError(f"{method.name}: {clash} would be both a parameter and an option")
    answer = "StreamT" if is_subscription(method.name) else "AnswerT"
    return [
        f"    def {_attribute(method)}(",
        "        self,",
        "        *,",
        *(f"        {argument}," for argument in [*arguments, *options]),
        f"    ) -> {answer}:",
        f'        r"""{method.summary}',
        "",
        f"        Method ``{method.name}``.",
        "",
        "        Args:",
        *(text[4:] for text in texts),
        *option_texts,
        '        """',
        "",
    ]


def _options(method: Method[Any]) -> tuple[list[str], list[str]]:
    """What every call takes besides the parameters, and its texts."""
    indent = _IN_A_LIST[4:]
    options, texts = ["timeout: float | None = None"], [f"{indent}timeout: Seconds; the client's, if absent."]
    if method.kind in ("order", "stream"):
        options.append("task_id: str | None = None")
        text = "The idempotency key; a new one, if absent."
        if method.kind == "stream":
            text = "The id of the subscription; for a subscription a new one, if absent."
        texts.append(f"{indent}task_id: {text}")
    if is_subscription(method.name):
        options.append("on_status: StatusCallback | None = None")
        texts.append(f"{indent}on_status: Called with each `StreamStatus` as it comes.")
    return options, texts


def _default(schema: dict[str, Any]) -> str:
    """What an editor shows; of a list or an object the worker's own, empty."""
    return repr(schema["default"]) if "default" in schema else "..."


def _field(method: Method[Any], name: str) -> FieldInfo:
    fields = method.parameters.model_fields
    return next(info for field, info in fields.items() if name in (field, info.alias))


def _takes_decimals(field: FieldInfo) -> bool:
    """Whether it is decimal text, as which a client sends a `Decimal`."""
    (mark,) = DecimalText.__metadata__
    return mark in field.metadata or DecimalText in get_args(field.annotation)


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _type(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "enum" in schema:
        return f"Literal[{', '.join(repr(value) for value in schema['enum'])}]"
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(each, definitions) for each in schema["anyOf"]))
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_type(schema.get('items', {}), definitions)}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {_type(values, definitions) if isinstance(values, dict) else 'Any'}]"
    if kind == "string" and schema.get("format") in _TIMES:
        return f"{_TIMES[schema['format']]} | str"
    return _PLAIN.get(kind, "Any") if isinstance(kind, str) else "Any"
