"""KIS's REST APIs by the catalogue's names: which arguments one takes, and what they become on the wire."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from broker_client.errors import InvalidParameters, Unsupported
from broker_server.vendors.kis.account import account_arguments
from broker_server.vendors.kis.catalogue import Catalogue, Route, corrections, load_data, operations
from broker_server.vendors.kis.config import KisConfig

FROM_SETTINGS = {
    "cano": "KIS_ACCOUNT",
    "acnt_prdt_cd": "KIS_ACCOUNT",
    "env_dv": "KIS_ENVIRONMENT",
}
"""Arguments of the samples that a task cannot give: the worker's settings say them."""
_HTS_ID = "user_id"
"""Added from ``KIS_HTS_ID`` unless the task gives one."""
_CONTINUATION = re.compile("CTX_AREA_[FN]K[0-9]*")
_DEFAULT = re.compile(r'Defaults to "([^"]*)"')
_MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument.

    Attributes:
        name: In snake case.
        required: Whether it must be given; what is left out is sent as ``default``.
        label: What it is, in KIS's Korean.
        values: What it may be, in KIS's Korean; empty where KIS says nothing.
        choices: The only values it may have, where it selects the TR id.
    """

    name: str
    required: bool
    label: str
    values: str
    default: str
    choices: tuple[str, ...]


class Api:
    """One API.

    Args:
        name: The catalogue's, such as ``domestic_stock.inquire_price``.
        catalogue: Of the worker's environment.

    Raises:
        InvalidParameters: There is no such API, or nothing may call it; the message names the nearest ones.
    """

    def __init__(self, name: str, catalogue: Catalogue) -> None:
        entry = operations().get(name)
        if entry is None:
            raise _unknown_api(name)
        self.name = name
        self._entry: Mapping[str, Any] = entry
        self._catalogue = catalogue

    @property
    def title(self) -> str:
        """KIS's own, in Korean."""
        return str(self._entry["title_ko"])

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The catalogue's requests, one for each TR id or set of fixed values."""
        return list(self._entry["requests"])

    @property
    def method(self) -> str:
        """``GET`` or ``POST``: no API has both."""
        return str(self.requests[0]["method"])

    @property
    def path(self) -> str:
        """From the host on: no API has two."""
        return str(self.requests[0]["path"])

    @property
    def changes_something(self) -> bool:
        """Whether it places, changes or cancels orders: every POST does until a review says otherwise."""
        return self.method != "GET"

    @cached_property
    def continuation(self) -> dict[str, str]:
        """The arguments that ask for a following page, with the answer's fields that hold them."""
        return {
            self._argument_of(wire, text): wire.lower()
            for request in self.requests
            for wire, text in request["params"].items()
            if _CONTINUATION.fullmatch(wire)
        }

    @cached_property
    def arguments(self) -> dict[str, Argument]:
        """What a task may give, by name; what is required comes first."""
        sent = {
            self._argument_of(wire, text)
            for request in self.requests
            for wire, text in request["params"].items()
        }
        choices = self._catalogue.choices(self.name)
        names = dict.fromkeys(each.lower() for each in self._entry["arguments"])
        names |= dict.fromkeys(self._argument_of(w, t) for r in self.requests for w, t in r["params"].items())
        wanted = [each for each in names if each and (each in sent or each in choices)]
        found = [
            self._describe(each, tuple(choices.get(each, ()))) for each in wanted if each not in FROM_SETTINGS
        ]
        return {each.name: each for each in sorted(found, key=lambda each: not each.required)}

    @property
    def needs_account(self) -> bool:
        """Whether the settings' account is added."""
        return "cano" in self._entry["arguments"]

    def request(self, given: Mapping[str, str], config: KisConfig) -> tuple[Route, dict[str, str]]:
        """The route and the wire parameters of a call.

        Args:
            given: The task's arguments.
            config: Adds the account and the HTS id.

        Raises:
            InvalidParameters: An argument is unknown, missing or not one of its choices.
            Unsupported: The environment does not offer it.
            AuthenticationFailed: It needs an account and none is configured.
        """
        complete = self.complete(given, config)
        route = self.route(complete)
        return route, {
            wire: complete.get(self._argument_of(wire, text), text) for wire, text in route.template.items()
        }

    def complete(self, given: Mapping[str, str], config: KisConfig) -> dict[str, str]:
        """Every argument with its value: given, default, or from the settings.

        Raises:
            InvalidParameters: As for `request`.
            AuthenticationFailed: As for `request`.
        """
        added = account_arguments(config) if self.needs_account else {}
        if _HTS_ID in self.arguments and config.hts_id is not None:
            added[_HTS_ID] = config.hts_id.get_secret_value()
        self._check(given, added)
        defaults = {each.name: each.default for each in self.arguments.values()}
        return {**defaults, **added, **given}

    def route(self, arguments: Mapping[str, str]) -> Route:
        """The route of a call whose arguments are checked.

        Raises:
            Unsupported: The environment does not offer it.
        """
        try:
            return self._catalogue.route(self.name, **arguments)
        except ValueError:
            chosen = ", ".join(f"{key} {arguments[key]!r}" for key in self._catalogue.choices(self.name))
            raise Unsupported(
                f"not offered in this environment: {self.name} with {chosen}", vendor="kis"
            ) from None

    def _check(self, given: Mapping[str, str], added: Mapping[str, str]) -> None:
        for name in given:
            if name not in self.arguments:
                raise InvalidParameters(f"arguments: {self._unknown_argument(name)}; {self._help}")
        missing = [each.name for each in self.arguments.values() if each.required and each.name not in given]
        missing = [name for name in missing if name not in added]
        if missing:
            raise InvalidParameters(f"arguments: {self.name} needs {', '.join(missing)}; {self._help}")
        for each in self.arguments.values():
            if each.choices and given.get(each.name, each.default) not in each.choices:
                raise InvalidParameters(f"arguments: {each.name} must be {' or '.join(each.choices)}")

    def _unknown_argument(self, name: str) -> str:
        if name.lower() in FROM_SETTINGS:
            return f"{name.lower()} comes from the setting {FROM_SETTINGS[name.lower()]}; leave it out"
        wanted = name.lower().removeprefix("ctx_area_")
        near = difflib.get_close_matches(wanted, self.arguments, n=1, cutoff=0.6)
        if near:
            return f"{self.name} has no {name[:64]!r}; did you mean {near[0]}?"
        some = list(self.arguments)[:_MOST_NAMED]
        more = len(self.arguments) - len(some)
        names = ", ".join(some) + (f" and {more} more" if more else "") if some else "none"
        return f"{self.name} has no {name[:64]!r}; its arguments: {names}"

    @property
    def _help(self) -> str:
        return f"kis.describe-api api={self.name} explains them"

    def _argument_of(self, wire: str, text: str) -> str:
        """The argument that fills a wire parameter; empty for a fixed value."""
        if text.startswith("<"):
            return text[1:-1].lower()
        prefix = corrections()["open_parameters"].get(self.name)
        return wire.lower() if prefix is not None and wire.startswith(prefix) else ""

    def _describe(self, name: str, choices: tuple[str, ...]) -> Argument:
        known = {key.lower(): value for key, value in self._entry["arguments"].items()}.get(name, {})
        label, values = str(known.get("label_ko") or ""), str(known.get("values") or "")
        default = _DEFAULT.search(label) or _DEFAULT.search(values)
        return Argument(
            name=name,
            required=name in self._entry["required"],
            label=label.partition(". Defaults to")[0],
            values=values.lstrip(": "),
            default=default[1] if default else "",
            choices=choices,
        )


def _unknown_api(name: str) -> InvalidParameters:
    tail = re.split("[./]", name)[-1].lower()
    reason = load_data("order_apis.json")["not_callable"].get(tail)
    if reason is not None:
        return InvalidParameters(f"api: {name[:64]!r} cannot be called: {reason}")
    wanted = name.lower().replace("-", "_").replace("/", ".")
    near = difflib.get_close_matches(wanted, operations(), n=3, cutoff=0.6)
    near = near or [each for each in operations() if each.endswith(f".{wanted}")][:3]
    hint = (
        f"did you mean {' or '.join(near)}?" if near else "they are named like domestic_stock.inquire_price;"
    )
    return InvalidParameters(f"api: KIS has no API {name[:64]!r}; {hint} kis.describe-api lists them all")
