"""A parameter is explained once, in its docstring."""

from broker_server.core.docstrings import attribute_texts, summary
from broker_server.core.methods import Parameters
from broker_server.wiring.catalogue import catalogue


class Base(Parameters):
    """The base.

    Attributes:
        one: The first,
            on two lines.
    """

    one: int


class Derived(Base):
    """What is
    derived.

    Attributes:
        two: The second.

    Example:
        three: not an attribute
    """

    two: int
    three: int = 0


def test_a_docstring_is_read() -> None:
    assert summary(Derived.__doc__) == "What is derived."
    assert attribute_texts(Base.__doc__) == {"one": "The first, on two lines."}
    assert attribute_texts(Derived.__doc__) == {"two": "The second."}
    assert attribute_texts(None) == {}


def test_the_schema_carries_it_and_inherits_it() -> None:
    properties = Derived.model_json_schema()["properties"]
    assert properties["one"]["description"] == "The first, on two lines."
    assert properties["two"]["description"] == "The second."
    assert "description" not in properties["three"]


def test_every_parameter_of_every_method_is_explained() -> None:
    silent = [
        f"{method.name}: {name}"
        for method in catalogue()
        for name, field in method.parameters.model_fields.items()
        if not field.description
    ]
    assert silent == []
