"""Faults that a test orders: what goes wrong, for which calls, how often."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, model_validator

FaultKind = Literal[
    "latency",
    "error",
    "business_error",
    "rate_limit",
    "expired_token",
    "reset",
    "blackhole",
    "malformed_body",
    "empty_body",
    "bad_gateway",
    "html",
    "unauthorized",
]
VendorName = Literal["kis", "kiwoom", "koscom"]
_NOT_OF_KIS = ("html", "unauthorized")


class NoAnswer(Exception):
    """The connection ends without an answer."""


class SpoiledAnswer(Exception):
    """A fault's answer takes the place of the service's."""

    def __init__(self, response: web.Response) -> None:
        super().__init__()
        self.response = response


class FaultRequest(BaseModel):
    """The body of ``POST /faults``.

    Attributes:
        fault: What goes wrong.
        vendor: Only calls of that vendor.
        when: ``before`` the call is carried out (nothing is booked), or ``after`` (an order is booked, but
            the caller does not learn of it).
        path: Only calls whose path matches; shell wildcards, or the tail such as ``order-cash``.
        tr: Only calls whose TR id matches; shell wildcards.
        count: For how many matching calls; null until deleted.
        skip: Let that many matching calls through first.
        seconds: Of ``latency``.
        code: The vendor's code of ``error`` and ``business_error``.
        message: Its text; the vendor's own when absent.
        dialect: Kiwoom's ``return_code``: the class of the code, the code itself, or the class as text.
    """

    model_config = ConfigDict(extra="forbid")

    fault: FaultKind
    vendor: VendorName | None = None
    when: Literal["before", "after"] | None = None
    path: str | None = None
    tr: str | None = None
    count: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    seconds: float = Field(default=1.0, ge=0, le=3600)
    code: str | None = None
    message: str | None = None
    dialect: Literal["class", "number", "text"] = "class"

    @model_validator(mode="after")
    def _complete(self) -> FaultRequest:
        if self.fault in ("error", "business_error") and not self.code:
            raise ValueError(f"{self.fault} needs code, for example EGW00301 or APBK0656")
        if "dialect" in self.model_fields_set and self.vendor not in (None, "kiwoom"):
            raise ValueError("dialect is Kiwoom's alone")
        if self.fault in _NOT_OF_KIS or "dialect" in self.model_fields_set:
            if self.vendor == "kis":
                raise ValueError("html and unauthorized are of Kiwoom and KOSCOM alone")
            self.vendor = self.vendor or "kiwoom"
        if self.vendor == "koscom" and self.fault == "expired_token":
            raise ValueError("KOSCOM has no tokens: its keys do not expire")
        if self.when == "after" and self.fault in ("rate_limit", "expired_token", "unauthorized"):
            raise ValueError(f"{self.fault} happens before a call is carried out; leave when out")
        return self


class Fault:
    """One ordered fault and how many calls it still has.

    Attributes:
        id: Its number, for `GET /faults`.
        remaining: Calls left; None without end.
        hits: Calls it has spoiled.
    """

    def __init__(self, number: int, request: FaultRequest) -> None:
        self.id = number
        self.request = request
        self.remaining = request.count
        self.hits = 0
        self._skip = request.skip

    @property
    def when(self) -> str:
        """``before`` or ``after`` the call is carried out."""
        spoils_answer = self.request.fault in ("malformed_body", "empty_body")
        return self.request.when or ("after" if spoils_answer else "before")

    def matches(self, path: str, tr: str, vendor: str = "kis") -> bool:
        """Whether a call is one of those it is for. Logins are only meant when their path is named."""
        if self.request.vendor not in (None, vendor):
            return False
        wanted = self.request.path
        if wanted is None:
            if path.startswith("/oauth2/"):
                return False
        elif not (fnmatchcase(path, wanted) or path.endswith("/" + wanted.lstrip("/"))):
            return False
        return self.request.tr is None or fnmatchcase(tr, self.request.tr)

    def take(self) -> bool:
        """Count one matching call; whether it is spoiled."""
        if self._skip:
            self._skip -= 1
            return False
        if self.remaining is not None:
            self.remaining -= 1
        self.hits += 1
        return True


class FaultBoard:
    """Every fault that waits for calls, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._last = 0

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def next_number(self) -> int:
        """Numbers faults, those of other boards too."""
        self._last += 1
        return self._last

    def add(self, request: FaultRequest) -> Fault:
        """Order a fault."""
        fault = Fault(self.next_number(), request)
        self._faults.append(fault)
        return fault

    def clear(self) -> int:
        """Remove every fault; returns how many there were."""
        count = len(self._faults)
        self._faults.clear()
        return count

    def take(self, path: str, tr: str, vendor: str = "kis") -> list[Fault]:
        """The faults for one call: every matching latency, and the first matching fault of another kind."""
        if not self._faults:
            return []
        taken: list[Fault] = []
        for fault in self._faults:
            delays = fault.request.fault == "latency"
            if not delays and any(other.request.fault != "latency" for other in taken):
                continue
            if fault.matches(path, tr, vendor) and fault.take():
                taken.append(fault)
        self._faults = [fault for fault in self._faults if fault.remaining != 0]
        return taken
