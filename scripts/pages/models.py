"""The tables of parameters and result fields, from pydantic models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from broker_server.core.docstrings import attribute_texts, summary
from scripts.pages.markdown import code, prose, table
from scripts.pages.words import meaning_of

_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} elements",
    "maxItems": "at most {} elements",
}
_KINDS = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}
_FORMATS = {"date": "date", "date-time": "time", "time": "time of day"}

Link = Callable[[str], str]
"""Makes a link to the model of that name."""


def parameters_table(model: type[BaseModel], link: Link) -> str:
    """What a method takes; empty when it takes nothing."""
    schema = _with_choices_in_place(model.model_json_schema())
    required = schema.get("required", [])
    rows = []
    for name, field in schema.get("properties", {}).items():
        default = "required" if name in required else _default(field.get("default"))
        text = " ".join(part for part in (prose(field["description"]), restrictions(field)) if part)
        rows.append((code(name), kind(field, link), default, text))
    return table(("parameter", "type", "default", "meaning"), rows) if rows else ""


def fields_table(model: type[BaseModel], link: Link, own_meanings: Mapping[str, str]) -> str:
    """What a result has.

    Args:
        own_meanings: By field, what neither the docstring nor the glossary says.
    """
    schema = model.model_json_schema(mode="serialization")
    schema = _with_choices_in_place(schema if "properties" in schema else model.model_json_schema())
    texts = attribute_texts(model.__doc__)
    rows = []
    for name, field in schema["properties"].items():
        text = texts.get(name) or own_meanings.get(name) or meaning_of(name)
        rows.append((code(name), kind(field, link), " ".join([prose(text), restrictions(field)]).strip()))
    return table(("field", "type", "meaning"), rows)


def introduction(model: type[BaseModel]) -> str:
    """The first sentence of its docstring."""
    return prose(summary(model.__doc__))


def models_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model, then each model inside it."""
    found: dict[type[BaseModel], None] = {}
    _collect(model, found)
    yield from found


def kind(schema: Mapping[str, Any], link: Link) -> str:
    """A type in words."""
    if "$ref" in schema:
        return link(str(schema["$ref"]).rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(each, link) for each in schema["anyOf"]))
    if "allOf" in schema:
        return kind(schema["allOf"][0], link)
    if isinstance(schema.get("type"), list):
        return " or ".join(kind({"type": each}, link) for each in schema["type"])
    if schema.get("type") == "array":
        items = schema.get("items")
        return f"list of {kind(items, link)}" if items else "list"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"object of {kind(values, link)}" if isinstance(values, dict) and values else "object"
    if "format" in schema and schema["format"] in _FORMATS:
        return _FORMATS[schema["format"]]
    if "enum" in schema or "const" in schema:
        return "true or false" if schema.get("const") is True else _KINDS.get(schema.get("type", ""), "text")
    return _KINDS.get(schema.get("type", ""), "any value")


def restrictions(schema: Mapping[str, Any]) -> str:
    """Which values are allowed, as a sentence; empty for all."""
    found = list(dict.fromkeys(_restrictions(schema)))
    return f"{'; '.join(found).capitalize() if found[0][0].islower() else '; '.join(found)}." if found else ""


def _with_choices_in_place(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose references to lists of choices are replaced by the lists; models stay references."""
    choices = {f"#/$defs/{name}": each for name, each in schema.get("$defs", {}).items() if "enum" in each}

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("$ref") in choices:
                return {
                    **choices[value["$ref"]],
                    **{key: each for key, each in value.items() if key != "$ref"},
                }
            return {key: placed(each) for key, each in value.items()}
        return [placed(each) for each in value] if isinstance(value, list) else value

    replaced: dict[str, Any] = placed(schema)
    return replaced


def _restrictions(schema: Mapping[str, Any]) -> Iterator[str]:
    if "enum" in schema:
        yield "One of " + ", ".join(code(str(each)) for each in schema["enum"])
    if "const" in schema:
        yield f"Only {_value(schema['const'])}"
    if "pattern" in schema:
        yield f"Pattern {code(schema['pattern'])}"
    for key, words in _BOUNDS.items():
        if key in schema and (key, schema[key]) != ("minLength", 1):
            yield words.format(f"{schema[key]:,}")
    for each in schema.get("anyOf", ()):
        yield from _restrictions(each)


def _default(value: Any) -> str:
    return "–" if value is None or value == "" else _value(value)


def _value(value: Any) -> str:
    return code({True: "true", False: "false"}[value] if isinstance(value, bool) else str(value))


def _collect(model: type[BaseModel], found: dict[type[BaseModel], None]) -> None:
    if model in found:
        return
    found[model] = None
    for field in model.model_fields.values():
        _collect_from(field.annotation, found)


def _collect_from(annotation: Any, found: dict[type[BaseModel], None]) -> None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        _collect(annotation, found)
    for inner in get_args(annotation):
        _collect_from(inner, found)


def schema_table(
    schema: Mapping[str, Any], link: Link, words: tuple[str, str] = ("always", "may be absent")
) -> str:
    """The properties of a JSON schema.

    Args:
        words: What to call a key that is required, and one that is not.
    """
    rows = []
    for name, field in schema["properties"].items():
        is_there = words[0] if name in schema.get("required", ()) else words[1]
        text = " ".join([prose(field.get("description") or meaning_of(name)), restrictions(field)]).strip()
        rows.append((code(name), kind(field, link), is_there, text))
    return table(("key", "type", "", "meaning"), rows)
