"""KIS's order APIs in every vendor's terms: what a raw call asks for, so that journal and guards can tell.

``data/order_apis.json`` is the review of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, cast

from broker_client.errors import InvalidParameters
from broker_server.core.orders import Action, OrderDetails, Side
from broker_server.vendors.kis.catalogue import load_data
from broker_server.vendors.kis.order_types import domestic_name, overseas_exchanges, overseas_name
from broker_server.vendors.kis.values import order_number

_NUMBERS = ("odno", "rsvn_ord_seq", "ovrs_rsvn_odno")
"""Where the answers of the samples have the number of an order or of a reservation."""
_LONGEST = 16
"""Of what goes into the journal: no code of KIS is longer."""
_WITHOUT_QUOTE = frozenset({"overseas_reserve", "overseas_daytime"})
"""Markets whose prices are not those of a method of ours."""
_CODE = re.compile("[A-Z0-9][A-Z0-9./-]*", re.ASCII)
_QUANTITY = re.compile("[0-9]{1,12}", re.ASCII)
_PRICE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,8})?", re.ASCII)


@cache
def order_apis() -> dict[str, dict[str, Any]]:
    """The reviewed APIs by the catalogue's names."""
    apis: dict[str, dict[str, Any]] = load_data("order_apis.json")["apis"]
    return apis


def check_unreconciled(names: Collection[str]) -> None:
    """Hold the setting ``ALLOW_UNRECONCILED_ORDERS`` to the names that it may have.

    Raises:
        ValueError: One of them is none; the message has the nearest.
    """
    known = [name for name, entry in order_apis().items() if not entry["reconciled"]]
    for name in sorted(set(names) - set(known)):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        raise ValueError(
            f"ALLOW_UNRECONCILED_ORDERS: {name!r} is no order API without a list of orders; {hint}"
        )


class OrderApi:
    """What one order API does.

    Args:
        name: The catalogue's.

    Attributes:
        market: The order list that shows its orders, or a name of its own where none does.
        reconciled: Whether one does.
        numbers: The fields of its answer that may hold a number; none where it is ``odno`` for sure.

    Raises:
        InvalidParameters: Nobody has reviewed it, so nobody may call it.
    """

    def __init__(self, name: str) -> None:
        entry = order_apis().get(name)
        if entry is None:
            raise InvalidParameters(f"api: {name} changes something and is not reviewed; it cannot be called")
        self._name = name
        self._entry: Mapping[str, Any] = entry
        self.market: str = entry["market"]
        self.reconciled: bool = entry["reconciled"]
        self.numbers: tuple[str, ...] = () if self.reconciled else _NUMBERS

    def action(self, arguments: Mapping[str, str]) -> Action:
        """What a call does.

        Raises:
            InvalidParameters: The argument that says so has no known value.
        """
        found: Any = self._entry["action"]
        while not isinstance(found, str):
            value = arguments.get(found["argument"], "")
            if value not in found["values"]:
                raise InvalidParameters(
                    f"arguments: {found['argument']} must be {' or '.join(found['values'])}"
                )
            found = found["values"][value]
        return cast("Action", found)

    def actions(self) -> set[str]:
        """Everything that its calls may do."""
        return _leaves(self._entry["action"])

    def details(self, arguments: Mapping[str, str]) -> OrderDetails:
        """What a call asks for, as far as its arguments tell.

        A price counts as the limit only for order types that are known to have one: of any other type the
        guards ask what it may cost at most.

        Args:
            arguments: Complete.

        Raises:
            InvalidParameters: A quantity or a price is no number, or an argument would make another kind of
                order of it.
        """
        for name, allowed in self._entry.get("only", {}).items():
            if arguments.get(name, "").strip() not in allowed:
                shown = " or ".join(repr(each) for each in allowed)
                raise InvalidParameters(f"arguments: {name} must be {shown}: otherwise it is another order")
        action = self.action(arguments)
        side = action if action in ("buy", "sell") else None
        if side is not None and self.reconciled:
            self._ensure_recognisable(arguments)
        venue = self._text(arguments, "venue")
        kind = self._type(arguments, venue, side)
        price = None if action == "cancel" else self._limit(arguments)
        currency = self._currency(arguments)
        if price is None and self.market in _WITHOUT_QUOTE:
            currency = None  # no quote is asked for it, so its cost is not known
        return OrderDetails(
            action=action,
            market=self.market,
            ticker=self._text(arguments, "ticker"),
            side=side,
            quantity=self._quantity(arguments, is_new=side is not None),
            price=price,
            currency=currency,
            order_type=kind,
            venue=venue,
            original=self._original(arguments, action),
        )

    def _ensure_recognisable(self, arguments: Mapping[str, str]) -> None:
        """Hold what an order is found by in the list to the form that the list has it in."""
        for what, example in (("ticker", "005930 or AAPL"), ("venue", "KRX or NASD")):
            name = self._entry[what]
            text = arguments.get(name, "")
            if not _CODE.fullmatch(text):
                raise InvalidParameters(
                    f"arguments: {name} must be a code in capital letters without blanks, such as {example}: "
                    "the order is recognised by it in the list of orders"
                )

    def _text(self, arguments: Mapping[str, str], what: str) -> str | None:
        name = self._entry.get(what)
        text = arguments.get(name, "").strip() if name else ""
        if len(text) > _LONGEST:
            raise InvalidParameters(f"arguments: {name} must be at most {_LONGEST} characters long")
        return text or None

    def _original(self, arguments: Mapping[str, str], action: Action) -> str | None:
        if action in ("buy", "sell"):
            return None
        number = self._text(arguments, "original")
        if number is None:
            raise InvalidParameters(f"arguments: {self._entry['original']} must name the order")
        return order_number(number) if self.reconciled else number

    def _quantity(self, arguments: Mapping[str, str], *, is_new: bool) -> int | None:
        name = self._entry.get("quantity")
        everything = self._entry.get("all", {})
        if name is None or any(arguments.get(key) == value for key, value in everything.items()):
            return None
        text = arguments.get(name, "").strip()
        if not is_new and not text:
            return None
        if not _QUANTITY.fullmatch(text) or (is_new and not int(text)):
            raise InvalidParameters(f"arguments: {name} must be a whole number, as text")
        return int(text) or None

    def _limit(self, arguments: Mapping[str, str]) -> Decimal | None:
        name, text = self._entry.get("price"), self._text(arguments, "price")
        if name is None or text is None:
            return None
        if not _PRICE.fullmatch(text):
            raise InvalidParameters(f"arguments: {name} must be a number, as text")
        types = self._entry.get("limit_types")
        if types is not None and (self._text(arguments, "order_type") or "") not in types:
            return None
        return Decimal(text) or None

    def _type(self, arguments: Mapping[str, str], venue: str | None, side: Side | None) -> str | None:
        code = self._text(arguments, "order_type")
        if self.market == "overseas" and side is not None:
            return overseas_name(code or "00", side, venue or "")
        return code if code is None or self._entry.get("currency") != "KRW" else domestic_name(code)

    def _currency(self, arguments: Mapping[str, str]) -> str | None:
        currency: str | None = self._entry.get("currency")
        if currency != "exchange":
            return currency
        exchange = arguments.get("ovrs_excg_cd", "")
        if exchange not in overseas_exchanges():
            raise InvalidParameters(f"arguments: ovrs_excg_cd must be {' or '.join(overseas_exchanges())}")
        return overseas_exchanges()[exchange]["currency"]


def _leaves(tree: Any) -> set[str]:
    if isinstance(tree, str):
        return {tree}
    return set[str]().union(*(_leaves(each) for each in tree["values"].values()))
