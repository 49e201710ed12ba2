"""The table of KIS REST operations: what to call for an operation, in which environment.

``data/rest_catalogue.json`` is extracted from the official samples and is used as it is.
``data/corrections.json`` holds what the samples get wrong or leave out; ``data/capabilities.json`` what
paper trading does not offer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from broker_client.errors import Unsupported
from broker_server.vendors.kis.config import KisEnvironment

_SAMPLES_NAME_OF: dict[KisEnvironment, str] = {"paper": "demo", "real": "real"}


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


class Catalogue:
    """Finds the route of an operation.

    Args:
        environment: Whose TR ids apply.
    """

    def __init__(self, environment: KisEnvironment) -> None:
        self._environment: KisEnvironment = environment
        self._operations = load_data("rest_catalogue.json")
        self._corrections: list[dict[str, Any]] = load_data("corrections.json")["corrections"]
        self._not_on_paper: dict[str, str] = load_data("capabilities.json")["not_on_paper"]

    def why_unsupported(self, api: str) -> str | None:
        """Why the environment does not offer an operation, or ``None`` if it does."""
        return self._not_on_paper.get(api) if self._environment == "paper" else None

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
        for request in self._operations[api]["requests"]:
            if all(base.get(key) == value for key, value in request["when"].items()):
                tr_id = self._corrected_tr_id(api, selected) or request["tr_id"]
                return Route(request["method"], request["path"], tr_id, request["params"])
        raise ValueError(f"{api} has no variant for {selected}")

    def _stand_in(self, api: str, selected: Mapping[str, str]) -> dict[str, str]:
        for correction in self._corrections:
            if "same_as" in correction and _applies(correction, api, selected):
                return dict(correction["same_as"])
        return {}

    def _corrected_tr_id(self, api: str, selected: Mapping[str, str]) -> str | None:
        for correction in self._corrections:
            if "tr_id" in correction and _applies(correction, api, selected):
                return str(correction["tr_id"])
        return None


def _applies(correction: Mapping[str, Any], api: str, selected: Mapping[str, str]) -> bool:
    return correction["api"] == api and all(
        selected.get(key) in (value if isinstance(value, list) else [value])
        for key, value in correction["when"].items()
    )
