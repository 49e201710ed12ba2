"""The OpenAPI document is kept: what it allows is answered as it says, and what it does not is refused."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error

from broker_server.prices.model import PriceKey, Source, Standing, State
from tests.support.gateway import KEY, SAMSUNG, a_price, make_faces

FACES = make_faces(keys=[KEY], local=False, rate=1e9)
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", FACES.app)


def _answer(key: PriceKey) -> None:
    """Some tickers have a live price, some one by REST, some a stale one, and some none."""
    kind = sum(map(ord, key.ticker)) % 5
    if kind == 0:
        FACES.board.put(a_price(key=key))
    elif kind == 1:
        FACES.board.put(a_price(key=key, source=Source.REST, base_price=None, halted=True))
    elif kind == 2:
        FACES.board.put(a_price(key=key, source=Source.REST, stale=True, reason="old"))
    elif kind == 3:
        FACES.board.tell(key, Standing(State.UNKNOWN, "ticker: nobody has it"))


FACES.demand.on_refresh = _answer
FACES.board.put(a_price(key=SAMSUNG))


@SCHEMA.parametrize()
@settings(
    max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
def test_every_answer_is_as_the_document_says(case: Case) -> None:
    answer = case.call_and_validate(headers={"X-API-Key": KEY}, excluded_checks=[not_a_server_error])
    assert answer.status_code < 500 or (answer.status_code == 503 and "retry-after" in answer.headers)


def test_the_document_names_every_route_and_every_refusal() -> None:
    document = FACES.app.openapi()
    assert set(document["paths"]) == {
        "/api/kr/realtime-prices",
        "/api/kr/stocks/{ticker}/realtime-price",
        "/api/kr/stocks/{ticker}/candles",
        "/api/kr/data-gaps",
        "/api/activity",
        "/api/token",
        "/internal/price/{ticker}",
        "/internal/prices",
        "/healthz",
        "/readyz",
    }
    price = document["paths"]["/api/kr/stocks/{ticker}/realtime-price"]["get"]
    assert set(price["responses"]) == {"200", "304", "401", "403", "404", "422", "429", "503"}
    methods = {method for path in document["paths"].values() for method in path}
    assert methods == {"get", "post"}
    assert [path for path, item in document["paths"].items() if "post" in item] == ["/api/token"]
