"""Where a key may be sent, and what the worker shows and checks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from pydantic import SecretStr

from broker_client.errors import Unsupported
from broker_server.account_settings import served_accounts
from broker_server.core.accounts import AccountKey
from broker_server.settings import load_settings
from broker_server.vendors.koscom import KoscomConfig, declared_methods
from broker_server.vendors.no_orders import NoOrders
from broker_server.wiring.leases import account_identities
from broker_server.wiring.vendors import make_vendors, worker_environment
from tests.support.kis_server import reply
from tests.support.koscom_rest import API_KEY, make_bench, quota, result

INDEX = "/closed/kospi/index"


def config(**given: Any) -> KoscomConfig:
    return KoscomConfig(**{"simulated": False, "api_key": SecretStr(API_KEY), **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"api_key": SecretStr("")}, "KOSCOM_API_KEY"),
        ({"rest_url": "http://10.0.0.1"}, "KOSCOM_REST_URL must be https"),
        ({"simulated": True, "rest_url": None}, "not a simulator"),
        ({"ws_url": "https://x", "member_name": "m"}, "KOSCOM_WS_URL must be a URL"),
        ({"ws_url": "ws://127.0.0.1:1"}, "KOSCOM_MEMBER_NAME"),
        ({"rate_limit": 0}, "KOSCOM_RATE_LIMIT"),
        ({"sessions": 0}, "KOSCOM_SESSIONS"),
        ({"ws_max_subscriptions": 201}, "KOSCOM_WS_MAX_SUBSCRIPTIONS"),
        ({"heartbeat": 0}, "KOSCOM_HEARTBEAT"),
    ],
)
def test_what_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        config(**given)


def test_hosts() -> None:
    assert config().base_url == "https://oap.k-mydata.org"
    assert config(api_version="v2").base_url == "https://apigw.koscom.co.kr"
    assert config(rest_url="https://testoap.k-mydata.org/").base_url == "https://testoap.k-mydata.org"
    assert config().live_url is None
    assert config(ws_url="ws://127.0.0.1:9887/", member_name="m").live_url == "ws://127.0.0.1:9887"


def test_old_paths_by_a_setting() -> None:
    bench = make_bench(api_version="v2")
    path = "/v2/market/stocks/kospi/index"
    bench.koscom.on(path, result({"isuSrtCd": "K1", "trdPrc": 2657.5}))
    bench.call("query", table="market-index", arguments={"market": "kospi"})
    assert bench.paths == [path]


def test_the_check_of_a_key() -> None:
    bench = make_bench()
    bench.koscom.on(INDEX, result({"isuSrtCd": "K1"}, **quota(999)))
    key, left = bench.vendor.check()
    assert (key.passed, left.passed) == (True, True)
    assert key.detail == "K1 answered; this machine's clock is right"
    assert left.detail == "999 of 1,000 calls are left until 2026-11-21T09:00:00+09:00"


def test_the_check_of_a_wrong_key() -> None:
    bench = make_bench()
    bench.koscom.on(INDEX, reply({"message": "Invalid authentication credentials"}, 401))
    (key,) = bench.vendor.check()
    assert not key.passed
    assert "KOSCOM_API_KEY" in key.detail


def test_the_status_has_no_key() -> None:
    status = make_bench().vendor.status()
    assert (status["server"], status["api_version"], status["orders"]) == ("simulator", "v3", None)
    assert API_KEY not in str(status)


def test_it_takes_no_orders() -> None:
    bench = make_bench()
    vendor = bench.vendor
    assert not vendor.live
    assert isinstance(vendor.orders, NoOrders)
    assert vendor.orders.clock_offset() == timedelta()
    for refuse in (
        lambda: vendor.orders.list_orders("domestic", bench.context()),
        lambda: vendor.orders.price_ceiling(cast("Any", None), bench.context()),
    ):
        with pytest.raises(Unsupported, match="no orders"):
            refuse()
    assert not any(method.kind == "order" for method in vendor.methods())
    assert {method.name for method in declared_methods()} == {method.name for method in vendor.methods()}


@pytest.mark.parametrize(
    ("vendors", "kis", "expected"), [("koscom", None, "real"), ("kis,koscom", "paper", "paper")]
)
def test_it_has_the_environment_of_the_others(vendors: str, kis: Any, expected: str) -> None:
    assert worker_environment(load_settings(env_file=None, vendors=vendors, kis_environment=kis)) == expected


def test_settings_make_an_adapter(tmp_path: Any) -> None:
    settings = load_settings(
        env_file=None, vendors="koscom", koscom_api_key=API_KEY, koscom_rate_limit=3, koscom_key_in="query"
    )
    (vendor,) = make_vendors(settings, simulated=False, cache_folder=tmp_path)
    assert vendor.status()["rate_limit"]["limit_per_second"] == 3
    assert API_KEY in settings.secrets()
    identity = account_identities(served_accounts(settings))[AccountKey("koscom")]
    assert identity is not None
    assert API_KEY not in identity
