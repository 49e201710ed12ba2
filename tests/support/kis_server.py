"""A KIS that answers from a script, in place of HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from requests.structures import CaseInsensitiveDict

from broker_client.errors import TaskExpired
from broker_server.core.methods import Outcome, TaskContext
from broker_server.vendors.http import ExchangeFailed, HttpRequest, HttpResponse
from broker_server.vendors.kis import KisConfig, KisVendor, create
from tests.support.fake_time import FakeClock
from tests.support.order_gate import OrderGate

APP_KEY = "PSappkey-appkey-appkey-appkey-appkey"
APP_SECRET = "secret" * 30
HOST = "http://127.0.0.1:1"


def ok(output: Any = None, *, headers: dict[str, str] | None = None, **more: Any) -> HttpResponse:
    """A success with one ``output`` or with ``output1=…, output2=…``."""
    body = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다.   ", **more}
    if output is not None:
        body["output"] = output
    return reply(body, headers=headers)


def refusal(code: str, text: str = "", status: int = 200) -> HttpResponse:
    """A failure in the API's shape."""
    return reply({"rt_cd": "1", "msg_cd": code, "msg1": text}, status)


def reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """Any JSON answer."""
    return HttpResponse(status, CaseInsensitiveDict(headers or {}), json.dumps(body).encode())


def token(value: str = "token-1", **more: Any) -> HttpResponse:
    """An issued token."""
    return reply({"access_token": value, "token_type": "Bearer", "expires_in": 86400, **more})


def token_refused() -> HttpResponse:
    """The one-a-minute refusal, in OAuth's shape."""
    text = "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)"
    return reply({"error_code": "EGW00133", "error_description": text}, 403)


Step = HttpResponse | Exception | Callable[[HttpRequest], HttpResponse]


@dataclass
class FakeKis:
    """Answers per path tail, in order; the last answer of a path is repeated."""

    script: dict[str, list[Step]] = field(default_factory=dict)
    requests: list[HttpRequest] = field(default_factory=list)

    def on(self, tail: str, *steps: Step) -> None:
        """What a path answers from now on."""
        self.script[tail] = list(steps)

    def calls(self, tail: str) -> list[HttpRequest]:
        """The requests of a path so far."""
        return [request for request in self.requests if self.key_of(request) == tail]

    def key_of(self, request: HttpRequest) -> str:
        """By what answers are told apart."""
        return request.url.rsplit("/", 1)[1]

    def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        tail = self.key_of(request)
        steps = self.script.get(tail)
        assert steps, f"the script has no answer for {tail}"
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, HttpResponse) else step(request)

    def close(self) -> None:
        self.requests.clear()


@dataclass
class Bench:
    """A KIS adapter on a scripted server and a fake clock."""

    vendor: KisVendor
    kis: FakeKis
    clock: FakeClock
    progress: list[tuple[int, int | None]] = field(default_factory=list)
    gate: OrderGate = field(default_factory=OrderGate)

    def context(self, deadline: datetime | None = None) -> TaskContext:
        """A task's context that really expires at its deadline."""

        def ensure_in_time() -> None:
            if deadline is not None and self.clock.now() >= deadline:
                raise TaskExpired("too late")

        return TaskContext(
            task_id="t-1",
            received_at=self.clock.now(),
            ensure_in_time=ensure_in_time,
            report_progress=lambda done, total: self.progress.append((done, total)),
            deadline=deadline,
            **self.gate.callbacks(),
        )

    def outcome(self, method: str, *, deadline: datetime | None = None, **arguments: Any) -> Outcome:
        """Run a method as the worker does: validate, then handle."""
        declared = next(each for each in self.vendor.methods() if each.name == method)
        return declared.handler(declared.parameters.model_validate(arguments), self.context(deadline))

    def rows(self, method: str, **arguments: Any) -> list[Any]:
        """The rows of a method as JSON values."""
        rows = self.outcome(method, **arguments).rows
        return [row.model_dump(mode="json") if hasattr(row, "model_dump") else row for row in rows]


def make_bench(folder: Path, **settings: Any) -> Bench:
    """An adapter with a token on its server; ``settings`` override the configuration's."""
    config: dict[str, Any] = {
        "environment": "real",
        "simulated": True,
        "app_key": SecretStr(APP_KEY),
        "app_secret": SecretStr(APP_SECRET),
        "account": "12345678-01",
        "cache_folder": folder / "cache",
        "rest_url": HOST,
        **settings,
    }
    kis, clock = FakeKis(), FakeClock()
    kis.on("tokenP", token())
    vendor = create(KisConfig(**config), clock=clock, read_transport=kis, order_transport=kis)
    return Bench(vendor, kis, clock)


def broken(*, bytes_left: bool) -> ExchangeFailed:
    """A connection that ended without an answer."""
    return ExchangeFailed("the connection broke", bytes_left=bytes_left)
