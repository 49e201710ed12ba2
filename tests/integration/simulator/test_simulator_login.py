"""Tokens, approval keys and the gateway's refusals."""

from __future__ import annotations

import base64
import json
import string

import pytest

from broker_server.simulator.kis.keys import Credentials

UNKNOWN = Credentials("real", "P" * 36, "s" * 180, "87654321-01")


async def test_token_has_the_documented_shape(kis):
    body = (await kis.login(kis.key())).body
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 86400
    assert body["access_token_token_expired"] == "2026-11-21 10:00:00"
    claims = body["access_token"].split(".")[1]
    padded = claims + "=" * (-len(claims) % 4)
    assert json.loads(base64.urlsafe_b64decode(padded))["jti"] == kis.key().app_key


async def test_keys_have_the_published_lengths(kis):
    for environment in ("real", "paper"):
        key = kis.key(environment)
        assert (len(key.app_key), len(key.app_secret)) == (36, 180)
        assert set(key.app_secret) <= set(string.ascii_letters + string.digits + "+/=")


async def test_same_token_within_six_hours_then_another(kis):
    first = (await kis.login(kis.key())).body["access_token"]
    kis.simulators.clock.advance(6 * 3600 - 1)
    assert (await kis.login(kis.key())).body["access_token"] == first
    kis.simulators.clock.advance(2)
    assert (await kis.login(kis.key())).body["access_token"] != first


async def test_token_is_issued_once_a_minute(published_limits):
    kis = published_limits
    assert (await kis.login(kis.key())).status == 200
    again = await kis.login(kis.key())
    assert again.status == 403
    assert again.body == {
        "error_code": "EGW00133",
        "error_description": "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)",
    }
    assert (await kis.login(kis.key("paper"))).status == 200, "the limit is per key"
    kis.simulators.clock.advance(60)
    assert (await kis.login(kis.key())).status == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"appkey": ""}, "EGW00102"),
        ({"appkey": "short"}, "EGW00103"),
        ({"appsecret": ""}, "EGW00104"),
        ({"appsecret": "wrong"}, "EGW00105"),
        ({"grant_type": ""}, "EGW00115"),
        ({"grant_type": "password"}, "EGW00116"),
    ],
)
async def test_wrong_login_is_refused_in_the_oauth_shape(kis, change, code):
    key = kis.key()
    body = {"grant_type": "client_credentials", "appkey": key.app_key, "appsecret": key.app_secret, **change}
    answer = await kis.post("/oauth2/tokenP", body)
    assert (answer.status, answer.body["error_code"]) == (403, code)
    assert set(answer.body) == {"error_code", "error_description"}


async def test_approval_wants_secretkey_and_keeps_older_keys(kis):
    key = kis.key()
    login = {"grant_type": "client_credentials", "appkey": key.app_key}
    refused = await kis.post("/oauth2/Approval", {**login, "appsecret": key.app_secret})
    assert (refused.status, refused.code) == (403, "EGW00104")
    first = (await kis.login(key, "/oauth2/Approval")).body["approval_key"]
    second = (await kis.login(key, "/oauth2/Approval")).body["approval_key"]
    assert first != second
    assert len(first) == 36


async def test_revoked_token_is_invalid(kis):
    key = kis.key()
    await kis.price()
    body = {"appkey": key.app_key, "appsecret": key.app_secret, "token": kis.tokens[key.app_key]}
    assert (await kis.post("/oauth2/revokeP", body)).body["code"] == 200
    assert (await kis.price()).code == "EGW00121"


async def test_hashkey_returns_body_and_hash(kis):
    key = kis.key()
    headers = {"appkey": key.app_key, "appsecret": key.app_secret}
    answer = await kis.post("/uapi/hashkey", {"PDNO": "005930"}, headers)
    assert answer.body["BODY"] == {"PDNO": "005930"}
    assert int(answer.body["HASH"], 16) > 0


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"appkey": ""}, "EGW00102"),
        ({"appkey": "short"}, "EGW00103"),
        ({"appsecret": ""}, "EGW00104"),
        ({"appsecret": "wrong"}, "EGW00105"),
        ({"authorization": ""}, "EGW00122"),
        ({"authorization": "Bearer nonsense"}, "EGW00121"),
        ({"custtype": "X"}, "EGW00208"),
    ],
)
async def test_wrong_header_is_http_500_with_a_gateway_code(kis, headers, code):
    answer = await kis.price(changed_headers=headers)
    assert (answer.status, answer.body["rt_cd"], answer.code) == (500, "1", code)
    assert answer.body["msg1"]


async def test_another_keys_token_is_invalid(kis):
    await kis.price()
    mine = kis.tokens[kis.key().app_key]
    answer = await kis.price(environment="paper", changed_headers={"authorization": f"Bearer {mine}"})
    assert answer.code == "EGW00121"


async def test_token_expires_after_a_day(kis):
    assert (await kis.price()).status == 200
    kis.simulators.clock.advance(24 * 3600)
    assert (await kis.price()).code == "EGW00123"


async def test_unknown_key_may_call_with_its_own_account_only(kis):
    assert (await kis.price(key=UNKNOWN)).status == 200
    order = {"PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
    assert (await kis.call("order_cash", key=UNKNOWN, **order)).body["rt_cd"] == "0"
    stolen = Credentials("real", UNKNOWN.app_key, UNKNOWN.app_secret, kis.key().account)
    assert (await kis.call("order_cash", key=stolen, **order)).code == "OPSQ2000"


async def test_eighteen_calls_a_second_for_a_real_key(published_limits):
    kis = published_limits
    codes = [(await kis.price()).code for _ in range(19)]
    assert codes == ["MCA00000"] * 18 + ["EGW00201"]
    refused = await kis.price()
    assert (refused.status, refused.body["msg1"]) == (500, "초당 거래건수를 초과하였습니다.")
    kis.real_time[0] += 1.0
    assert (await kis.price()).code == "MCA00000"


async def test_one_call_a_second_for_a_paper_key(published_limits):
    kis = published_limits
    codes = [(await kis.price(environment="paper")).code for _ in range(2)]
    assert codes == ["MCA00000", "EGW00201"]


async def test_unknown_key_becomes_paper_by_its_tr_ids(published_limits):
    kis = published_limits
    assert (await kis.price(key=UNKNOWN)).code == "MCA00000"
    order = {"PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
    await kis.call("order_cash", "VTTC0012U", key=UNKNOWN, **order)
    assert (await kis.price(key=UNKNOWN)).code == "EGW00201"
