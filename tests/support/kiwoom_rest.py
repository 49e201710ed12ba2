"""A Kiwoom that answers REST from a script, and a backend on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from broker_client.errors import TaskExpired
from broker_server.core.methods import TaskContext
from broker_server.vendors.http import HttpRequest, HttpResponse
from broker_server.vendors.kiwoom.backend import Name, OrderRequest, Tr
from broker_server.vendors.kiwoom.rest.backend import RestBackend, create
from broker_server.vendors.kiwoom.rest.config import RestConfig
from tests.support.fake_time import FakeClock
from tests.support.kis_server import FakeKis, reply
from tests.support.order_gate import OrderGate

APP_KEY, APP_SECRET = "kiwoom-app-key-of-a-test", "kiwoom-secret-of-a-test"
HOST = "http://127.0.0.1:1"
TOKEN, DAY_CHART, NAME, CODES, BUY = "au10001", "ka10081", "ka10100", "ka10099", "kt10000"

DAY_CANDLES = Tr(
    code="OPT10081",
    api_id=DAY_CHART,
    path="/api/dostk/chart",
    record="주식일봉차트조회",
    rows_key="stk_dt_pole_chart_qry",
    inputs={"code": Name("종목코드", "stk_cd"), "day": Name("기준일자", "base_dt"), "end": Name("끝", None)},
    columns={"price": Name("현재가", "cur_prc"), "day": Name("일자", "dt"), "event": Name("수정비율", None)},
    fixed={"upd_stkpc_tp": "1"},
)
INPUTS = {"code": "005930", "day": "20261120", "end": "20261101"}
ORDER = OrderRequest(
    action="new", side="buy", ticker="005930", quantity=3, price=70000, kind="0", venue="KRX"
)


class FakeKiwoom(FakeKis):
    """Answers per api-id, in order; the last answer of each is repeated."""

    def key_of(self, request: HttpRequest) -> str:
        return request.headers["api-id"]


def ok(*, more: str | None = None, **body: Any) -> HttpResponse:
    """A success; ``more`` is the key of the next page."""
    headers = {"cont-yn": "N", "next-key": ""} if more is None else {"Cont-Yn": "Y", "Next-Key": more}
    return reply({**body, "return_code": 0, "return_msg": "정상적으로 처리되었습니다"}, headers=headers)


def refusal(number: int | str, text: str, status: int = 200) -> HttpResponse:
    """A failure."""
    return reply({"return_code": number, "return_msg": text}, status)


def throttled(api_id: str = DAY_CHART, flow: int = 5, code: str = "1700") -> HttpResponse:
    """The refusal for the rate limit."""
    text = (
        f"허용된 요청 개수를 초과하였습니다[{code}:허용된 API 요청 개수를 초과하였습니다. "
        f"유량={flow}, API ID={api_id}]"
    )
    return refusal(5, text, 429)


def token(value: str = "token-1", expires: str = "20261121100000") -> HttpResponse:
    """An issued token; it lives for a day from the fake clock's start."""
    return reply(
        {"expires_dt": expires, "token_type": "bearer", "token": value, "return_code": 0, "return_msg": ""}
    )


TOKEN_REFUSED = refusal(3, "인증에 실패했습니다[8005:Token이 유효하지 않습니다]")


@dataclass
class Bench:
    """A backend on a scripted server and a fake clock."""

    backend: RestBackend
    kiwoom: FakeKiwoom
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


def make_config(folder: Path, **settings: Any) -> RestConfig:
    values: dict[str, Any] = {
        "environment": "real",
        "simulated": True,
        "app_key": SecretStr(APP_KEY),
        "app_secret": SecretStr(APP_SECRET),
        "account": "1234567811",
        "cache_folder": folder / "cache",
        "rest_url": HOST,
        **settings,
    }
    return RestConfig(**values)


def make_bench(folder: Path, **settings: Any) -> Bench:
    """A backend with a token on its server; ``settings`` override the configuration's."""
    kiwoom, clock = FakeKiwoom(), FakeClock()
    kiwoom.on(TOKEN, token())
    config = make_config(folder, **settings)
    return Bench(create(config, clock=clock, read_transport=kiwoom, order_transport=kiwoom), kiwoom, clock)
