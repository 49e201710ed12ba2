"""A KOSCOM that answers REST from a script, and an adapter on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from broker_server.amqp.intake import validate_parameters
from broker_server.core.methods import Outcome, TaskContext
from broker_server.vendors.http import HttpRequest, HttpResponse
from broker_server.vendors.koscom import KoscomConfig, KoscomVendor, create
from tests.support.fake_time import FakeClock
from tests.support.kis_server import FakeKis, reply
from tests.support.kiwoom_backend import context

API_KEY = "l7xx230ef2235e3000000c982eb192ac98e206"
HOST = "http://127.0.0.1:1"

PRICE = {
    "isuSrtCd": "005930",
    "trdPrc": 38600,
    "cmpprevddTpCd": "2",
    "opnprc": 38250,
    "hgprc": 38900,
    "lwprc": 38200,
    "accTrdvol": 2829006,
    "trdTm": 9544500,
    "trdvol": 76,
    "accTrdval": 108981501200,
    "cmpprevddPrc": 350,
    "bidordPrc_1": 38600,
    "askordPrc_1": 38650,
    "lstAskbidTpCd": 1,
}
"""The example of KOSCOM's page of the table."""

UNKNOWN = {"isuSrtCd": [" -"], "trdPrc": None, "cmpprevddTpCd": None, "trdTm": [" -"]}
"""How it answers about an issue that it does not know: with HTTP 200."""


def result(body: Any, **headers: str) -> HttpResponse:
    """Data in their envelope; headers with ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return reply({"jsonrpc": "2.0", "result": body}, headers=named)


def quota(remaining: int, limit: int = 1000) -> dict[str, str]:
    """The headers of the quota, for `result`."""
    return {"X_RateLimit_Limit_Day": str(limit), "X_RateLimit_Remaining_Day": str(remaining)}


def history(rows: Sequence[dict[str, Any]], code: str = "005930") -> HttpResponse:
    """A table with rows of a period."""
    return result({"isuSrtCd": code, "hisLists": list(rows)})


class FakeKoscom(FakeKis):
    """Answers per path, in order; a path is what follows ``/v3/market``."""

    def key_of(self, request: HttpRequest) -> str:
        return urlsplit(request.url).path.removeprefix("/v3/market")


@dataclass
class Bench:
    """An adapter on a scripted server and a fake clock."""

    vendor: KoscomVendor
    koscom: FakeKoscom
    clock: FakeClock

    def call(self, name: str, **given: Any) -> list[Any]:
        """The rows of a method's outcome."""
        return list(self.outcome(name, **given).rows)

    def outcome(self, name: str, **given: Any) -> Outcome:
        """A method of ``koscom.``, with its parameters checked as those of a task."""
        method = next(each for each in self.vendor.methods() if each.name == f"koscom.{name}")
        return method.handler(validate_parameters(method, given), self.context())

    def context(self) -> TaskContext:
        """Of a task without a deadline."""
        return context()

    @property
    def paths(self) -> list[str]:
        """What was asked so far."""
        return [self.koscom.key_of(request) for request in self.koscom.requests]


def make_bench(**settings: Any) -> Bench:
    """An adapter of a simulated KOSCOM."""
    koscom, clock = FakeKoscom(), FakeClock()
    values: dict[str, Any] = {"simulated": True, "api_key": SecretStr(API_KEY), "rest_url": HOST, **settings}
    return Bench(create(KoscomConfig(**values), clock=clock, transport=koscom), koscom, clock)
