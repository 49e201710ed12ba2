"""The table of KIS REST operations: what to call for an operation, in which environment.

``data/rest_catalogue.json`` is extracted from the official samples and is used as it is; it is read when the
first call needs it, once for all keys.
``data/corrections.json`` holds what the samples get wrong or leave out; ``data/capabilities.json`` what
paper trading does not offer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from broker_client.errors import Unsupported
from broker_server.vendors.kis.config import KisEnvironment

_SAMPLES_NAME_OF: dict[KisEnvironment, str] = {"paper": "demo", "real": "real"}
_OF_ONE_ENVIRONMENT = "TJC"
"""First letters of TR ids that the samples replace by V for paper trading."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation in one environment.

    Attributes:
        method: ``GET`` or ``POST``.
        path: From the host on.
        tr_id: What the header of that name must say.
        template: Each wire parameter with its fixed text, or ``<argument>``.
    """

    method: str
    path: str
    tr_id: str
    template: Mapping[str, str]

    def parameters(self, arguments: Mapping[str, str]) -> dict[str, str]:
        """The wire parameters for these arguments.

        Raises:
            ValueError: An argument is missing or unknown: a defect of the caller.
        """
        wanted = {text[1:-1] for text in self.template.values() if text.startswith("<")}
        if wanted != arguments.keys():
            difference = ", ".join(sorted(wanted ^ arguments.keys()))
            raise ValueError(f"{self.tr_id}: wrong or missing arguments: {difference}")
        return {
            name: arguments[text[1:-1]] if text.startswith("<") else text
            for name, text in self.template.items()
        }


def load_data(name: str) -> dict[str, Any]:
    """Read a JSON table that is installed with this package."""
    text = files("broker_server.vendors.kis").joinpath("data", name).read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


@cache
def operations() -> dict[str, Any]:
    """Every operation by the catalogue's name."""
    return load_data("rest_catalogue.json")


@cache
def corrections() -> dict[str, Any]:
    """What the catalogue gets wrong or leaves out."""
    return load_data("corrections.json")


class Catalogue:
    """Finds the route of an operation.

    Args:
        environment: Whose TR ids apply.
    """

    def __init__(self, environment: KisEnvironment) -> None:
        self._environment: KisEnvironment = environment

    def why_unsupported(self, api: str) -> str | None:
        """Why the environment does not offer an operation, or ``None`` if it may.

        Of quotations KIS uses one TR id in both environments and does not publish which of them paper trading
        answers; it says so itself when asked.
        """
        return why_not_on_paper(api) if self._environment == "paper" else None

    def route(self, api: str, **variant: str) -> Route:
        """Find the route.

        Args:
            api: The catalogue's name, such as ``domestic_stock.inquire_price``.
            variant: What else selects the TR id: ``ord_dv``, ``pd_dv``, ``ovrs_excg_cd``.

        Raises:
            Unsupported: Paper trading does not offer the operation.
        """
        reason = self.why_unsupported(api)
        if reason is not None:
            raise Unsupported(f"not offered in paper trading: {reason}", vendor="kis")
        selected = {"env_dv": _SAMPLES_NAME_OF[self._environment], **variant}
        base = {**selected, **self._stand_in(api, selected)}
        for request in operations()[api]["requests"]:
            if all(base.get(key) == value for key, value in request["when"].items()):
                tr_id = self._corrected_tr_id(api, selected) or request["tr_id"]
                return Route(request["method"], request["path"], tr_id, request["params"])
        raise ValueError(f"{api} has no variant for these arguments")

    def tr_ids(self, api: str) -> list[str]:
        """Every TR id that the environment has for an operation."""
        if self.why_unsupported(api) is not None:
            return []
        own = _SAMPLES_NAME_OF[self._environment]
        found: dict[str, None] = {}
        for request in operations()[api]["requests"]:
            selected = {"env_dv": own, **request["when"]}
            if selected["env_dv"] == own:
                found[self._corrected_tr_id(api, selected) or request["tr_id"]] = None
        for each in corrections()["corrections"]:
            if each["api"] == api and each["when"].get("env_dv") == own and "tr_id" in each:
                found[each["tr_id"]] = None
        return list(found)

    def choices(self, api: str) -> dict[str, list[str]]:
        """The arguments that select the TR id, with the values that they may have in any environment."""
        found: dict[str, list[str]] = {}
        for key, value in [pair for each in operations()[api]["requests"] for pair in each["when"].items()]:
            if key != "env_dv" and value not in found.setdefault(key, []):
                found[key].append(value)
        for correction in corrections()["corrections"]:
            if correction["api"] == api and "same_as" in correction:
                for key, values in correction["when"].items():
                    found[key] += values if isinstance(values, list) else [values]
        return found

    def _stand_in(self, api: str, selected: Mapping[str, str]) -> dict[str, str]:
        for correction in corrections()["corrections"]:
            if "same_as" in correction and _applies(correction, api, selected):
                return dict(correction["same_as"])
        return {}

    def _corrected_tr_id(self, api: str, selected: Mapping[str, str]) -> str | None:
        for correction in corrections()["corrections"]:
            if "tr_id" in correction and _applies(correction, api, selected):
                return str(correction["tr_id"])
        return None


@cache
def why_not_on_paper(api: str) -> str | None:
    """Why paper trading does not offer an operation, or ``None`` if it may.

    An id that begins with T, J or C has a paper twin of its own or none at all, as the samples have it; and
    an order whose paper TR is not known never goes to the paper host by a real one.
    """
    reason: str | None = load_data("capabilities.json")["not_on_paper"].get(api)
    if reason is not None:
        return reason
    environments = {request["when"].get("env_dv") for request in operations()[api]["requests"]}
    if "demo" in environments or any(
        each["api"] == api and each["when"].get("env_dv") == "demo" and "tr_id" in each
        for each in corrections()["corrections"]
    ):
        return None
    shared = [request for request in operations()[api]["requests"] if "env_dv" not in request["when"]]
    if any(
        request["tr_id"][0] not in _OF_ONE_ENVIRONMENT and request["method"] == "GET" for request in shared
    ):
        return None
    return "KIS has no paper TR for it"


def _applies(correction: Mapping[str, Any], api: str, selected: Mapping[str, str]) -> bool:
    return correction["api"] == api and all(
        selected.get(key) in (value if isinstance(value, list) else [value])
        for key, value in correction["when"].items()
    )
